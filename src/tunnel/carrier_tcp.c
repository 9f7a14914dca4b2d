/* SPDX-License-Identifier: MIT */
/* WireGuard's datagrams as frames over TCP, for machines and networks without UDP (DESIGN §4).
 * The stream may lose what it has taken: it is given up when it stalls, never waited for, and WireGuard and
 * the flows inside go on in the next one. */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "carrier.h"
#include "frame.h"

#define SECOND UINT64_C(1000000000)
#define FIRST_FRAME (5 * SECOND) /* to connect, and to show what one is */
#define UNANSWERED (12 * SECOND) /* WireGuard's peer says something within ten (facts/wireguard.md §1.8) */
#define FORGOTTEN (180 * SECOND) /* no session lives longer */
#define PAUSE_LEAST (SECOND / 4)
#define PAUSE_MOST (4 * SECOND)

enum {
    STREAMS = 32,
    BACKLOG = 32,
    OUT_BYTES = 1024 * 1024,   /* wait here for room in the socket while it finds its speed; what comes then
                                * is dropped */
    UNSENT_BYTES = 256 * 1024, /* wait in the socket for the network */
    IN_BYTES = 256 * 1024,
    STALL_MS = 5000, /* so long the other system may acknowledge nothing */
};

enum state { FREE, CONNECTING, STRANGER, KNOWN };

struct stream {
    struct tcp *tcp;
    struct loop_watch *watch;
    int fd;
    enum state state;
    struct wg_address peer;
    uint64_t since, heard; /* begun; the last frame that may be our peer's */
    uint64_t asked;        /* when the first datagram was sent that wants an answer, 0: none is missing */
    struct frame frame;
    uint8_t *out; /* OUT_BYTES, NULL before the first datagram */
    size_t at, end;
};

struct tcp {
    struct carrier carrier;
    struct carrier_user user;
    struct loop *loop;
    struct loop_watch *listener; /* NULL at the calling end */
    struct loop_timer *timer;
    int fd, family, error;
    bool silent;             /* the last stream that ended had brought nothing */
    uint64_t pause, next;    /* between two calls; no call before, 0: none was */
    struct wg_address where; /* the calling end's last destination */
    struct stream streams[STREAMS];
    uint8_t in[IN_BYTES];
};

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static void on_stream(void *arg, unsigned ready);

static void tune(int fd) {
    int on = 1, unsent = UNSENT_BYTES, stall = STALL_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
#ifdef TCP_USER_TIMEOUT
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall, sizeof stall);
#elif defined(TCP_RXT_CONNDROPTIME)
    stall /= 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, &stall, sizeof stall);
#endif
#ifdef SO_NOSIGPIPE
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

/* When there is something to look at that no socket tells. */
static void arm(struct tcp *tcp) {
    const struct stream *s = tcp->streams;
    uint64_t at = s->state == CONNECTING ? s->since + FIRST_FRAME
                  : s->state == FREE     ? tcp->next
                  : s->asked             ? s->asked + UNANSWERED
                                         : 0;
    loop_timer_set(tcp->timer, tcp->listener ? loop_now() + SECOND : at);
}

/* A slot for `fd`, which is closed when there is no memory for it. */
static struct stream *begin(struct tcp *tcp, struct stream *s, int fd, enum state state,
                            const struct wg_address *peer) {
    *s = (struct stream){.tcp = tcp, .fd = fd, .state = state, .peer = *peer, .since = loop_now()};
    s->watch = loop_watch(tcp->loop, fd, state == CONNECTING ? LOOP_WRITE : LOOP_READ, on_stream, s);
    if (!s->watch) {
        close(fd);
        s->state = FREE;
        return NULL;
    }
    tune(fd);
    arm(tcp);
    return s;
}

/* Ends a stream; the calling end calls again after a pause that grows while nothing comes. */
static void finish(struct stream *s) {
    struct tcp *tcp = s->tcp;
    if (s->state == FREE)
        return;
    loop_unwatch(s->watch);
    close(s->fd);
    free(s->out);
    s->out = NULL;
    s->state = FREE;
    tcp->silent = s->heard == 0;
    tcp->next = loop_now() + tcp->pause;
    tcp->pause = tcp->pause * 2 < PAUSE_MOST ? tcp->pause * 2 : PAUSE_MOST;
    arm(tcp);
}

/* What says nothing about this computer: the far end refused, or did not answer. */
static int own_error(int error) {
    return error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT || error == EPIPE ? 0 : error;
}

static void call(struct tcp *tcp) {
    struct sockaddr_storage name;
    int family = tcp->where.ip_len == 16 ? AF_INET6 : AF_INET;
    socklen_t size = carrier_to_socket(family, &tcp->where, &name);
    int fd = size && tcp->where.port && loop_now() >= tcp->next ? carrier_socket(family, SOCK_STREAM) : -1;
    if (fd < 0 || !begin(tcp, &tcp->streams[0], fd, CONNECTING, &tcp->where))
        return;
    if (connect(fd, (struct sockaddr *)&name, size) == 0 || errno == EINPROGRESS || errno == EINTR)
        return;
    tcp->error = own_error(errno);
    finish(&tcp->streams[0]);
}

static struct stream *stream_to(struct tcp *tcp, const struct wg_address *to) {
    for (struct stream *s = tcp->streams; s < tcp->streams + STREAMS; s++)
        if (s->state != FREE && wg_same_address(&s->peer, to))
            return s;
    if (tcp->listener)
        return NULL;
    if (!wg_same_address(&tcp->where, to)) { /* somewhere else: now */
        finish(&tcp->streams[0]);
        tcp->where = *to;
        tcp->pause = PAUSE_LEAST;
        tcp->next = 0;
    }
    call(tcp);
    return tcp->streams[0].state == FREE ? NULL : &tcp->streams[0];
}

static void tcp_send(struct carrier *carrier, const struct wg_address *to, const uint8_t *datagram,
                     size_t len) {
    struct stream *s = stream_to((struct tcp *)carrier, to);
    if (!s || (!s->out && !(s->out = malloc(OUT_BYTES))))
        return;
    s->end += frame_put(s->out + s->end, OUT_BYTES - s->end, datagram, len);
    if (len > FRAME_LEAST && !s->asked) { /* an empty packet wants no answer */
        s->asked = loop_now();
        arm(s->tcp);
    }
}

/* Puts on the wire what the socket takes. The stream may be over then. */
static void push(struct stream *s) {
    while (s->state > CONNECTING && s->at < s->end) {
        ssize_t n = send(s->fd, s->out + s->at, s->end - s->at, MSG_NOSIGNAL);
        if (n > 0) {
            s->at += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            finish(s);
            return;
        }
    }
    if (s->state <= CONNECTING)
        return;
    if (s->at == s->end)
        s->at = s->end = 0;
    if (s->at >= OUT_BYTES / 2) {
        memmove(s->out, s->out + s->at, s->end - s->at);
        s->end -= s->at;
        s->at = 0;
    }
    loop_interest(s->watch, s->end > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void tcp_flush(struct carrier *carrier) {
    struct tcp *tcp = (struct tcp *)carrier;
    for (struct stream *s = tcp->streams; s < tcp->streams + STREAMS; s++)
        if (s->state > CONNECTING && s->end > 0)
            push(s);
}

/* False: the stream is over, or is to end. */
static bool take(struct stream *s, const uint8_t *data, size_t len) {
    struct tcp *tcp = s->tcp;
    const uint8_t *datagram;
    int n;
    while ((n = frame_next(&s->frame, &data, &len, &datagram)) > 0) {
        bool known = tcp->user.receive(tcp->user.ctx, &s->peer, datagram, (size_t)n);
        if (s->state == FREE || (!known && s->state == STRANGER))
            return false;
        if (!known)
            continue;
        s->state = KNOWN;
        s->heard = loop_now();
        s->asked = 0;
        tcp->pause = PAUSE_LEAST;
    }
    return n == 0;
}

static void joined(struct stream *s) {
    struct tcp *tcp = s->tcp;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    tcp->error = own_error(error);
    if (error) {
        finish(s);
        return;
    }
    s->state = KNOWN;
    loop_interest(s->watch, LOOP_READ);
    tcp->user.joined(tcp->user.ctx, tcp->silent);
    push(s);
}

static void on_stream(void *arg, unsigned ready) {
    struct stream *s = arg;
    struct tcp *tcp = s->tcp;
    if (s->state == CONNECTING) {
        joined(s);
        return;
    }
    if (ready & LOOP_WRITE)
        push(s);
    if (s->state == FREE || !(ready & (LOOP_READ | LOOP_ERROR)))
        return;
    ssize_t n = recv(s->fd, tcp->in, IN_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0 || !take(s, tcp->in, (size_t)n))
        finish(s);
    tcp->user.batch(tcp->user.ctx);
}

/* For a newcomer: a free slot, else that of who has shown nothing for longest, else of whom was not heard for
 * longest. */
static struct stream *slot(struct tcp *tcp) {
    struct stream *worst = tcp->streams;
    for (struct stream *s = tcp->streams; s < tcp->streams + STREAMS; s++) {
        if (s->state == FREE)
            return s;
        if (s->state < worst->state ||
            (s->state == worst->state &&
             (s->state == KNOWN ? s->heard < worst->heard : s->since < worst->since)))
            worst = s;
    }
    finish(worst);
    return worst;
}

static void on_listener(void *arg, unsigned ready) {
    struct tcp *tcp = arg;
    struct sockaddr_storage name;
    (void)ready;
    for (int i = 0; i < BACKLOG; i++) {
        socklen_t size = sizeof name;
        int fd = accept(tcp->fd, (struct sockaddr *)&name, &size);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                loop_interest(tcp->listener, 0); /* until the timer looks again */
            return;
        }
        if (sys_private(fd) != 0) {
            close(fd);
            continue;
        }
        struct wg_address peer = carrier_from_socket(&name);
        peer.stream = true;
        begin(tcp, slot(tcp), fd, STRANGER, &peer);
    }
}

/* Whether a stream has had its time. */
static bool stale(const struct stream *s, uint64_t now) {
    if (s->state == KNOWN && s->tcp->listener)
        return now - s->heard > FORGOTTEN;
    if (s->state == KNOWN)
        return s->asked && now - s->asked > UNANSWERED;
    return now - s->since > FIRST_FRAME;
}

static void on_timer(void *arg) {
    struct tcp *tcp = arg;
    for (struct stream *s = tcp->streams; s < tcp->streams + STREAMS; s++)
        if (s->state != FREE && stale(s, loop_now()))
            finish(s);
    if (tcp->listener)
        loop_interest(tcp->listener, LOOP_READ);
    else if (tcp->streams[0].state == FREE)
        call(tcp);
    arm(tcp);
}

static int tcp_error(const struct carrier *carrier) {
    return ((const struct tcp *)carrier)->error;
}

static uint16_t tcp_port(const struct carrier *carrier) {
    const struct tcp *tcp = (const struct tcp *)carrier;
    return tcp->listener ? carrier_bound(tcp->fd) : 0;
}

static void tcp_close(struct carrier *carrier) {
    struct tcp *tcp = (struct tcp *)carrier;
    for (struct stream *s = tcp->streams; s < tcp->streams + STREAMS; s++)
        finish(s);
    loop_unwatch(tcp->listener);
    if (tcp->fd >= 0)
        close(tcp->fd);
    loop_timer_free(tcp->timer);
    free(tcp);
}

static const struct carrier_kind kind = {tcp_send, tcp_flush, tcp_error, tcp_port, tcp_close};

struct carrier *carrier_tcp_call(struct loop *loop, const struct carrier_user *user) {
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (!tcp)
        return NULL;
    tcp->carrier.kind = &kind;
    tcp->user = *user;
    tcp->loop = loop;
    tcp->fd = -1;
    tcp->pause = PAUSE_LEAST;
    tcp->timer = loop_timer(loop, on_timer, tcp);
    if (tcp->timer)
        return &tcp->carrier;
    free(tcp);
    errno = ENOMEM;
    return NULL;
}

struct carrier *carrier_tcp_listen(struct loop *loop, uint16_t port, const struct carrier_user *user) {
    struct tcp *tcp = (struct tcp *)carrier_tcp_call(loop, user);
    if (!tcp)
        return NULL;
    tcp->fd = carrier_bind(SOCK_STREAM, port, &tcp->family);
    if (tcp->fd >= 0 && listen(tcp->fd, BACKLOG) == 0)
        tcp->listener = loop_watch(loop, tcp->fd, LOOP_READ, on_listener, tcp);
    if (tcp->listener) {
        arm(tcp);
        return &tcp->carrier;
    }
    int error = errno;
    tcp_close(&tcp->carrier);
    errno = error;
    return NULL;
}
