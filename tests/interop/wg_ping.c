/* SPDX-License-Identifier: MIT */
/* A WireGuard end without an interface, to be tried against foreign ones: echoes through the tunnel to the
 * peer, and answers the peer's. wg_ping PRIVATE PEER_PUBLIC PSK OWN_INNER PEER_INNER PORT ENDPOINT_IP
 * ENDPOINT_PORT COUNT SIZE SECONDS Keys in 64 hex digits; ENDPOINT_IP "-" waits for the peer to call. Ends
 * with 0 when COUNT echoes came back, with 1 after SECONDS. */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../src/loop.h"
#include "../../src/tunnel/carrier.h"
#include "../../src/tunnel/wireguard.h"

#define SECOND UINT64_C(1000000000)

struct end {
    struct loop *loop;
    struct carrier *carrier;
    struct wg *wg;
    struct loop_timer *wg_timer, *ping_timer;
    uint32_t own, peer;
    size_t size;
    unsigned wanted, sent, back, answered;
};

static unsigned sum(const uint8_t *p, size_t len) {
    unsigned long s = 0;
    for (size_t i = 0; i < len; i++)
        s += i % 2 ? p[i] : (unsigned)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return ~(unsigned)s & 0xffff;
}

static void put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void send_echo(struct end *end, uint8_t type, const uint8_t *body, size_t len) {
    uint8_t p[WG_MTU] = {0x45};
    put16(p + 2, (unsigned)(20 + len));
    p[8] = 64;
    p[9] = 1;
    for (unsigned i = 0; i < 4; i++) {
        p[12 + i] = (uint8_t)(end->own >> 8 * (3 - i));
        p[16 + i] = (uint8_t)(end->peer >> 8 * (3 - i));
    }
    put16(p + 10, sum(p, 20));
    memcpy(p + 20, body, len);
    p[20] = type;
    put16(p + 22, 0);
    put16(p + 22, sum(p + 20, len));
    wg_send(end->wg, p, 20 + len, loop_now());
}

static void deliver(void *ctx, const uint8_t *packet, size_t len) {
    struct end *end = ctx;
    size_t head = (size_t)(packet[0] & 15) * 4;
    if (packet[9] != 1 || len < head + 8)
        return;
    if (packet[head] == 0) {
        end->back++;
    } else if (packet[head] == 8 && len - head + 20 <= WG_MTU) {
        end->answered++;
        send_echo(end, 0, packet + head, len - head);
    }
}

static void transmit(void *ctx, const struct wg_address *to, const uint8_t *datagram, size_t len) {
    carrier_send(((struct end *)ctx)->carrier, to, datagram, len);
}

static void random_bytes(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    randombytes_buf(out, len);
}

static void wall(void *ctx, uint64_t *seconds, uint32_t *nanoseconds) {
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    *seconds = (uint64_t)now.tv_sec;
    *nanoseconds = (uint32_t)now.tv_nsec;
}

static void settle(void *arg) {
    struct end *end = arg;
    uint64_t next = wg_tick(end->wg, loop_now());
    loop_timer_set(end->wg_timer, next == UINT64_MAX ? 0 : next);
    carrier_flush(end->carrier);
}

static void receive(void *ctx, const struct wg_address *from, const uint8_t *datagram, size_t len) {
    wg_receive(((struct end *)ctx)->wg, from, datagram, len, loop_now());
}

static void ping(void *arg) {
    struct end *end = arg;
    uint8_t body[WG_MTU] = {8};
    put16(body + 6, ++end->sent);
    send_echo(end, 8, body, end->size);
    loop_timer_set(end->ping_timer, loop_now() + SECOND / 20);
    settle(end);
}

static uint32_t inner(const char *text) {
    struct in_addr a;
    if (inet_pton(AF_INET, text, &a) != 1)
        exit(2);
    return ntohl(a.s_addr);
}

static void endpoint(struct wg_address *out, const char *ip, const char *port) {
    out->port = (uint16_t)atoi(port);
    if (inet_pton(AF_INET, ip, out->ip) == 1)
        out->ip_len = 4;
    else if (inet_pton(AF_INET6, ip, out->ip) == 1)
        out->ip_len = 16;
}

static void key(uint8_t out[32], const char *hex) {
    size_t n;
    if (sodium_hex2bin(out, 32, hex, strlen(hex), NULL, &n, NULL) != 0 || n != 32)
        exit(2);
}

int main(int argc, char **argv) {
    struct end end = {.loop = loop_new()};
    struct wg_config config = {.ctx = &end,
                               .transmit = transmit,
                               .deliver = deliver,
                               .random = random_bytes,
                               .wall = wall,
                               .keepalive = 25};
    if (argc != 12 || !end.loop)
        return 2;
    key(config.private_key, argv[1]);
    key(config.peer_public, argv[2]);
    key(config.psk, argv[3]);
    end.own = inner(argv[4]);
    config.peer_inner_ip = end.peer = inner(argv[5]);
    endpoint(&config.endpoint, argv[7], argv[8]);
    end.wanted = (unsigned)atoi(argv[9]);
    end.size = (size_t)atoi(argv[10]);
    if (end.size < 8 || end.size > WG_MTU - 20)
        return 2;
    uint64_t start = loop_now(), until = start + (uint64_t)atoi(argv[11]) * SECOND;
    end.carrier = carrier_udp_open(end.loop, (uint16_t)atoi(argv[6]), receive, settle, &end);
    end.wg = wg_new(&config, start);
    end.wg_timer = loop_timer(end.loop, settle, &end);
    end.ping_timer = loop_timer(end.loop, ping, &end);
    if (!end.carrier || !end.wg || !end.wg_timer || !end.ping_timer)
        return 2;
    settle(&end);
    if (config.endpoint.ip_len != 0)
        ping(&end);
    else
        loop_timer_set(end.ping_timer, start + SECOND);
    while (loop_now() < until && (end.wanted == 0 || end.back < end.wanted))
        loop_once(end.loop, (int64_t)(SECOND / 10));
    struct wg_status s;
    wg_get_status(end.wg, &s, loop_now());
    printf("sent %u back %u answered %u established %d rx %llu tx %llu dropped %llu\n", end.sent, end.back,
           end.answered, s.established, (unsigned long long)s.rx_bytes, (unsigned long long)s.tx_bytes,
           (unsigned long long)s.rx_dropped);
    carrier_close(end.carrier);
    wg_free(end.wg);
    loop_timer_free(end.wg_timer);
    loop_timer_free(end.ping_timer);
    loop_free(end.loop);
    return end.back >= end.wanted ? 0 : 1;
}
