/* SPDX-License-Identifier: MIT */
/* The UDP carrier over loopback: every datagram arrives whole, in both IP versions, alone and in bursts of
 * equal and mixed sizes. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "../../src/loop.h"
#include "../../src/tunnel/carrier.h"
#include "wg_util.h"

enum { MANY = 400 };

struct end {
    struct carrier *carrier;
    unsigned got, batches, wrong;
    size_t bytes;
    uint8_t seen[MANY];
    struct wg_address from;
};

static struct loop *loop;

#ifdef __linux__
/* Stands between the carrier and the kernel: refuses segments as a network card without checksums does, or
 * plays a full socket. */
static unsigned calls, segmented, full_for;
static bool refuse_segments;
static int refuse_all; /* an errno */

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
    calls++;
    segmented += msg->msg_controllen > 0;
    if (full_for > 0 && full_for-- > 0) {
        errno = EAGAIN;
        return -1;
    }
    if (refuse_all) {
        errno = refuse_all;
        return -1;
    }
    if (refuse_segments && msg->msg_controllen > 0) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_sendmsg, fd, msg, flags);
}
#endif

/* A datagram: its number, its length, and a pattern that follows from both. */
static void fill(uint8_t *out, size_t len, unsigned number) {
    uint64_t seed = number * 2000 + len;
    test_fill(&seed, out, len);
    out[0] = (uint8_t)number;
    out[1] = (uint8_t)(number >> 8);
}

static bool receive(void *ctx, const struct wg_address *from, const uint8_t *datagram, size_t len) {
    struct end *end = ctx;
    uint8_t want[65536];
    unsigned number = datagram[0] | (unsigned)datagram[1] << 8;
    fill(want, len, number);
    end->wrong += number >= MANY || memcmp(want, datagram, len) != 0 || end->seen[number % MANY];
    end->seen[number % MANY] = 1;
    end->got++;
    end->bytes += len;
    end->from = *from;
    return true;
}

static void batch(void *ctx) {
    ((struct end *)ctx)->batches++;
}

static bool open_end(struct end *end) {
    memset(end, 0, sizeof *end);
    end->carrier = carrier_udp_open(loop, 0, &(struct carrier_user){end, receive, batch, NULL});
    return end->carrier != NULL;
}

static struct wg_address loopback(const struct end *end, int family) {
    struct wg_address a = {.ip_len = family == AF_INET ? 4 : 16, .port = carrier_port(end->carrier)};
    inet_pton(family, family == AF_INET ? "127.0.0.1" : "::1", a.ip);
    return a;
}

/* Runs the loop until `end` has `count` datagrams; the deadline only guards against a hang. */
static bool until(const struct end *end, unsigned count) {
    uint64_t limit = loop_now() + UINT64_C(10000000000);
    while (end->got < count && loop_now() < limit)
        loop_once(loop, 100000000);
    return end->got == count;
}

static void deliver_all(const char *name, int family, unsigned count, size_t (*size)(unsigned)) {
    struct end a, b;
    uint8_t datagram[65536];
    size_t bytes = 0;
    if (!open_end(&a) || !open_end(&b)) {
        test_report(false, name, "cannot open");
        return;
    }
    struct wg_address to = loopback(&b, family);
    for (unsigned i = 0; i < count; i++) {
        size_t len = size(i);
        fill(datagram, len, i);
        carrier_send(a.carrier, &to, datagram, len);
        bytes += len;
        if (i % 40 == 39) { /* an unprivileged receive buffer holds no more */
            carrier_flush(a.carrier);
            until(&b, i + 1);
        }
    }
    carrier_flush(a.carrier);
    bool good = until(&b, count) && b.wrong == 0 && b.bytes == bytes && b.batches > 0;
    char why[96];
    snprintf(why, sizeof why, "%u of %u datagrams, %u wrong, %zu of %zu bytes", b.got, count, b.wrong,
             b.bytes, bytes);
    test_report(good, name, why);
    good = b.from.ip_len == to.ip_len && memcmp(b.from.ip, to.ip, to.ip_len) == 0 &&
           b.from.port == carrier_port(a.carrier);
    test_report(good, "their source address is the sender's", "another");
    carrier_close(a.carrier);
    carrier_close(b.carrier);
}

static size_t full(unsigned i) {
    (void)i;
    return 1452;
}

static size_t mixed(unsigned i) {
    return i % 7 == 0 ? 32 : i % 5 == 0 ? 148 : i % 3 == 0 ? 1452 : 500;
}

static size_t falling(unsigned i) {
    return 1452 - i % 40 * 30;
}

static size_t large(unsigned i) {
    return 9000 + i;
}

static void destinations(void) {
    struct end a, b, c;
    uint8_t datagram[1452];
    if (!open_end(&a) || !open_end(&b) || !open_end(&c)) {
        test_report(false, "two destinations", "cannot open");
        return;
    }
    struct wg_address tb = loopback(&b, AF_INET), tc = loopback(&c, AF_INET), none = {.ip_len = 0, .port = 9},
                      portless = tb;
    portless.port = 0;
    for (unsigned i = 0; i < 30; i++) {
        fill(datagram, sizeof datagram, i);
        carrier_send(a.carrier, i % 3 == 0 ? &tc : &tb, datagram, sizeof datagram);
        carrier_send(a.carrier, &none, datagram, sizeof datagram);
        carrier_send(a.carrier, &portless, datagram, sizeof datagram);
    }
    carrier_send(a.carrier, &tb, datagram, 0);
    carrier_flush(a.carrier);
    bool good = until(&b, 20) && until(&c, 10) && b.wrong + c.wrong == 0;
    test_report(good, "two destinations in turn each get theirs; none, no port and no bytes are ignored",
                "not so");
    carrier_close(a.carrier);
    carrier_close(b.carrier);
    carrier_close(c.carrier);
}

static void overfull(void) {
    struct end a, b;
    uint8_t datagram[1452];
    if (!open_end(&a) || !open_end(&b)) {
        test_report(false, "a flood", "cannot open");
        return;
    }
    struct wg_address to = loopback(&b, AF_INET);
    for (unsigned round = 0; round < 50; round++)
        for (unsigned i = 0; i < MANY; i++) { /* 29 MB in one go: most of it finds the receiver full */
            fill(datagram, 32, i);
            carrier_send(a.carrier, &to, datagram, sizeof datagram);
        }
    carrier_flush(a.carrier);
    while (loop_once(loop, 200000000) > 0)
        ;
    memset(b.seen, 0, sizeof b.seen);
    unsigned before = b.got;
    b.wrong = 0;
    fill(datagram, 700, 3);
    carrier_send(a.carrier, &to, datagram, 700);
    carrier_flush(a.carrier);
    test_report(before > 0 && until(&b, before + 1) && b.wrong == 0,
                "after a flood that overran the receiver everything goes on", "stuck");
    carrier_close(a.carrier);
    carrier_close(b.carrier);
}

static void ports(void) {
    struct end a;
    if (!open_end(&a)) {
        test_report(false, "a port", "cannot open");
        return;
    }
    uint16_t port = carrier_port(a.carrier);
    test_report(port != 0, "port 0 takes a free one", "none");
    struct carrier *again = carrier_udp_open(loop, port, &(struct carrier_user){&a, receive, batch, NULL});
    test_report(again == NULL, "a port in use is refused", "opened");
    carrier_close(again);
    carrier_close(a.carrier);
    again = carrier_udp_open(loop, port, &(struct carrier_user){&a, receive, batch, NULL});
    test_report(again != NULL && carrier_port(again) == port, "and can be had after closing", "refused");
    carrier_close(again);
}

#ifdef __linux__
static void segments(void) {
    calls = segmented = 0;
    deliver_all("400 of equal size, counted", AF_INET, MANY, full);
    test_report(calls < MANY / 4 && segmented > 0, "they leave in few calls", "one by one");
    refuse_segments = true;
    calls = segmented = 0;
    deliver_all("400 where segments are refused", AF_INET, MANY, full);
    test_report(segmented == 1 && calls == MANY + 1, "they are tried once, then never again",
                "another number");
    refuse_segments = false;
}

static void no_network(void) {
    struct end a, b;
    uint8_t datagram[600];
    if (!open_end(&a) || !open_end(&b)) {
        test_report(false, "a computer without a network", "cannot open");
        return;
    }
    struct wg_address to = loopback(&b, AF_INET);
    fill(datagram, sizeof datagram, 1);
    test_report(carrier_error(a.carrier) == 0, "before the first datagram nothing is wrong", "it is");
    refuse_all = ENETUNREACH;
    carrier_send(a.carrier, &to, datagram, sizeof datagram);
    carrier_flush(a.carrier);
    test_report(carrier_error(a.carrier) == ENETUNREACH, "why a datagram was not sent is kept", "it is not");
    refuse_all = 0;
    carrier_send(a.carrier, &to, datagram, sizeof datagram);
    carrier_flush(a.carrier);
    test_report(carrier_error(a.carrier) == 0 && until(&b, 1), "until one is sent", "longer");
    carrier_close(a.carrier);
    carrier_close(b.carrier);
}

static void full_socket(void) {
    struct end a, b;
    uint8_t datagram[1452];
    if (!open_end(&a) || !open_end(&b)) {
        test_report(false, "a full socket", "cannot open");
        return;
    }
    struct wg_address to = loopback(&b, AF_INET);
    for (unsigned i = 0; i < 40; i++) {
        fill(datagram, mixed(i), i);
        carrier_send(a.carrier, &to, datagram, mixed(i));
    }
    full_for = 3;
    carrier_flush(a.carrier);
    carrier_flush(a.carrier);
    test_report(full_for == 2, "a full socket is left alone until the loop says that it has room",
                "tried again");
    bool good = until(&b, 40) && b.wrong == 0 && full_for == 0;
    test_report(good, "what waited goes out by itself, none lost", "not so");
    calls = 0;
    full_for = 1;
    for (unsigned i = 0; i < 200; i++) {
        fill(datagram, 1452, i);
        carrier_send(a.carrier, &to, datagram, 1452);
    }
    memset(b.seen, 0, sizeof b.seen);
    carrier_flush(a.carrier);
    while (loop_once(loop, 100000000) > 0)
        ;
    test_report(b.got > 40 && b.got < 240 && b.wrong == 0,
                "more than the queue holds is dropped, the rest is whole", "not so");
    carrier_close(a.carrier);
    carrier_close(b.carrier);
}
#endif

static bool has_ipv6(void) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

int main(void) {
    loop = loop_new();
    if (!loop)
        return 1;
    deliver_all("one datagram", AF_INET, 1, full);
    deliver_all("400 of equal size", AF_INET, MANY, full);
    deliver_all("400 of mixed sizes", AF_INET, MANY, mixed);
    deliver_all("400 of falling sizes", AF_INET, MANY, falling);
    deliver_all("20 beyond any frame", AF_INET, 20, large);
    if (has_ipv6()) {
        deliver_all("400 of equal size over IPv6", AF_INET6, MANY, full);
        deliver_all("400 of mixed sizes over IPv6", AF_INET6, MANY, mixed);
    } else {
        printf("skip - over IPv6: no ::1 here\n");
    }
    destinations();
    overfull();
    ports();
#ifdef __linux__
    segments();
    full_socket();
    no_network();
#else
    printf("skip - segments and a full socket: only on Linux\n");
#endif
    loop_free(loop);
    return test_failures != 0;
}
