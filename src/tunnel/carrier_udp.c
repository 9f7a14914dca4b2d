/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* recvmmsg */
#endif
#include "carrier.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#if defined(__linux__) && !defined(UDP_SEGMENT)
#define UDP_SEGMENT 103
#endif
#if defined(__linux__) && !defined(UDP_GRO)
#define UDP_GRO 104
#endif

enum {
    DATAGRAM_MAX = 65535,
    OUT_BYTES = 128 * 1024,
    RUNS = 64,
    RUN_BYTES = 65000, /* of one GSO send: fits both IP versions with headers */
    RUN_SEGMENTS = 64,
    IN_SLOTS = 8,
    WAKE_MESSAGES = 64, /* at most this much is read before the loop may serve others */
    WAKE_BYTES = 256 * 1024,
    SOCKET_BUFFER = 7 * 1024 * 1024,
};

/* Datagrams to one destination, all `segment` long except perhaps the last. */
struct run {
    struct wg_address to;
    size_t at, end, segment;
    bool closed;
};

struct udp {
    struct carrier carrier;
    struct loop_watch *watch;
    int fd, family;
    struct carrier_user user;
    bool segmentation; /* UDP_SEGMENT has not failed yet */
    bool blocked;      /* the socket is full, the loop tells when it is not */
    int error;         /* of the last datagram, 0: it went out */
    unsigned first, runs;
    size_t used;
    struct run run[RUNS];
    uint8_t out[OUT_BYTES];
    uint8_t in[IN_SLOTS][DATAGRAM_MAX];
};

/* Up to `len` bytes of a run in one call, as segments when there are more than one. Returns 0 or the
 * error. */
static int send_piece(struct udp *c, const struct run *r, size_t len) {
    struct sockaddr_storage to;
    struct iovec part = {.iov_base = c->out + r->at, .iov_len = len};
    struct msghdr msg = {.msg_name = &to,
                         .msg_namelen = carrier_to_socket(c->family, &r->to, &to),
                         .msg_iov = &part,
                         .msg_iovlen = 1};
#ifdef __linux__
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    if (len > r->segment) {
        uint16_t size = (uint16_t)r->segment;
        memset(control, 0, sizeof control);
        msg.msg_control = control;
        msg.msg_controllen = sizeof control;
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = IPPROTO_UDP;
        head->cmsg_type = UDP_SEGMENT;
        head->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(head), &size, sizeof size);
    }
#endif
    ssize_t n;
    do
        n = sendmsg(c->fd, &msg, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

/* What a kernel or a network card without segmentation answers. */
static bool refuses_segments(int error) {
    return error == EIO || error == EINVAL || error == ENOPROTOOPT || error == EOPNOTSUPP ||
           error == EMSGSIZE;
}

/* False when the socket is full; what is left of the run then waits. Any other error loses the datagram, as a
 * network would. */
static bool send_run(struct udp *c, struct run *r) {
    while (r->at < r->end) {
        size_t left = r->end - r->at, piece = c->segmentation || left < r->segment ? left : r->segment;
        int error = send_piece(c, r, piece);
        if (error == EAGAIN || error == EWOULDBLOCK)
            return false;
        c->error = error;
        if (piece > r->segment && refuses_segments(error))
            c->segmentation = false; /* for good, and the same bytes once more */
        else
            r->at += piece;
    }
    return true;
}

static void udp_flush(struct carrier *carrier) {
    struct udp *c = (struct udp *)carrier;
    while (!c->blocked && c->first < c->runs) {
        if (send_run(c, &c->run[c->first])) {
            c->first++;
        } else {
            c->blocked = true;
            loop_interest(c->watch, LOOP_READ | LOOP_WRITE);
        }
    }
    if (c->first == c->runs)
        c->first = c->runs = 0, c->used = 0;
}

static void udp_send(struct carrier *carrier, const struct wg_address *to, const uint8_t *datagram,
                     size_t len) {
    struct udp *c = (struct udp *)carrier;
    struct sockaddr_storage unused;
    if (len == 0 || len > RUN_BYTES || to->port == 0 || carrier_to_socket(c->family, to, &unused) == 0)
        return;
    if (c->used + len > OUT_BYTES || c->runs == RUNS)
        udp_flush(&c->carrier);
    if (c->used + len > OUT_BYTES || c->runs == RUNS)
        return;
    struct run *r = c->runs > c->first ? &c->run[c->runs - 1] : NULL;
    if (!r || r->closed || len > r->segment || r->end - r->at + len > RUN_BYTES ||
        r->end - r->at >= r->segment * RUN_SEGMENTS || !wg_same_address(to, &r->to)) {
        r = &c->run[c->runs++];
        *r = (struct run){.to = *to, .at = c->used, .end = c->used, .segment = len};
    }
    memcpy(c->out + c->used, datagram, len);
    c->used += len;
    r->end += len;
    r->closed = len < r->segment;
}

/* Hands up what one receive call brought: one datagram, or several of `segment` bytes. */
static void split(struct udp *c, const struct sockaddr_storage *name, const uint8_t *data, size_t len,
                  size_t segment) {
    struct wg_address from = carrier_from_socket(name);
    if (segment == 0)
        segment = len;
    while (len > 0) {
        size_t n = len < segment ? len : segment;
        c->user.receive(c->user.ctx, &from, data, n);
        data += n;
        len -= n;
    }
}

#ifdef __linux__
static size_t gro_size(struct msghdr *msg) {
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h))
        if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(h), sizeof size);
            return size > 0 ? (size_t)size : 0;
        }
    return 0;
}

/* Reads up to IN_SLOTS messages. Returns how many, 0 when there are no more; adds their bytes. */
static unsigned read_some(struct udp *c, size_t *bytes) {
    struct mmsghdr msgs[IN_SLOTS];
    struct iovec parts[IN_SLOTS];
    struct sockaddr_storage names[IN_SLOTS];
    _Alignas(struct cmsghdr) uint8_t control[IN_SLOTS][CMSG_SPACE(sizeof(int))];
    memset(msgs, 0, sizeof msgs);
    for (unsigned i = 0; i < IN_SLOTS; i++) {
        parts[i] = (struct iovec){.iov_base = c->in[i], .iov_len = DATAGRAM_MAX};
        msgs[i].msg_hdr = (struct msghdr){.msg_name = &names[i],
                                          .msg_namelen = sizeof names[i],
                                          .msg_iov = &parts[i],
                                          .msg_iovlen = 1,
                                          .msg_control = control[i],
                                          .msg_controllen = sizeof control[i]};
    }
    int n = recvmmsg(c->fd, msgs, IN_SLOTS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        *bytes += msgs[i].msg_len;
        split(c, &names[i], c->in[i], msgs[i].msg_len, gro_size(&msgs[i].msg_hdr));
    }
    return n > 0 ? (unsigned)n : 0;
}
#else
static unsigned read_some(struct udp *c, size_t *bytes) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    ssize_t n = recvfrom(c->fd, c->in[0], DATAGRAM_MAX, 0, (struct sockaddr *)&name, &size);
    if (n < 0)
        return 0;
    *bytes += (size_t)n;
    split(c, &name, c->in[0], (size_t)n, 0);
    return 1;
}
#endif

static void on_ready(void *arg, unsigned ready) {
    struct udp *c = arg;
    if (ready & LOOP_WRITE && c->blocked) {
        c->blocked = false;
        loop_interest(c->watch, LOOP_READ);
        udp_flush(&c->carrier);
    }
    if (!(ready & (LOOP_READ | LOOP_ERROR)))
        return;
    unsigned messages = 0, n;
    size_t bytes = 0;
    do
        messages += n = read_some(c, &bytes);
    while (n > 0 && messages < WAKE_MESSAGES && bytes < WAKE_BYTES);
    if (messages > 0)
        c->user.batch(c->user.ctx);
}

/* As large as the system lets us. Beyond the limit of an unprivileged process Linux takes the limit, others
 * refuse. */
static void enlarge(int fd, int option, int forced) {
    int size = SOCKET_BUFFER;
    if (forced != 0 && setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) == 0)
        return;
    while (size >= 256 * 1024 && setsockopt(fd, SOL_SOCKET, option, &size, sizeof size) != 0)
        size /= 2;
}

static void tune(struct udp *c) {
#ifdef __linux__
    int on = 1, never = IP_PMTUDISC_DONT; /* a path below 1500 shall fragment, not lose */
    enlarge(c->fd, SO_RCVBUF, SO_RCVBUFFORCE);
    enlarge(c->fd, SO_SNDBUF, SO_SNDBUFFORCE);
    (void)setsockopt(c->fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never);
    if (c->family == AF_INET6)
        (void)setsockopt(c->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &never, sizeof never);
    (void)setsockopt(c->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    c->segmentation = true;
#else
    enlarge(c->fd, SO_RCVBUF, 0);
    enlarge(c->fd, SO_SNDBUF, 0);
#endif
}

static int udp_error(const struct carrier *carrier) {
    return ((const struct udp *)carrier)->error;
}

static uint16_t udp_port(const struct carrier *carrier) {
    return carrier_bound(((const struct udp *)carrier)->fd);
}

static void udp_close(struct carrier *carrier) {
    struct udp *c = (struct udp *)carrier;
    loop_unwatch(c->watch);
    close(c->fd);
    free(c);
}

static const struct carrier_kind kind = {udp_send, udp_flush, udp_error, udp_port, udp_close};

struct carrier *carrier_udp_open(struct loop *loop, uint16_t bind_port, const struct carrier_user *user) {
    struct udp *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->carrier.kind = &kind;
    c->user = *user;
    c->fd = carrier_bind(SOCK_DGRAM, bind_port, &c->family);
    if (c->fd >= 0) {
        tune(c);
        c->watch = loop_watch(loop, c->fd, LOOP_READ, on_ready, c);
        if (c->watch)
            return &c->carrier;
        close(c->fd);
        errno = ENOMEM;
    }
    int error = errno;
    free(c);
    errno = error;
    return NULL;
}
