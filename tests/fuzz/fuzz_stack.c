/* SPDX-License-Identifier: MIT */
/* The input is a script: packets as they are, segments near what the stack expects, time, and calls of a
 * user. */
#include <stdlib.h>
#include <string.h>

#include "tunnel/stack.h"

enum { FLOWS = 4, LOCAL = 0x0a0d2501, PEER = 0x0a0d2502 };

struct world {
    struct stack *stack;
    struct flow *flow[FLOWS];
    uint64_t now, random;
    uint8_t last[40]; /* headers of the last segment that was sent */
    const uint8_t *at, *end;
};

static unsigned take(struct world *w) {
    return w->at < w->end ? *w->at++ : 0;
}

static void on_output(void *ctx, const uint8_t *packet, size_t len) {
    struct world *w = ctx;
    if (len < 28 || len > 1420 || ((size_t)packet[2] << 8 | packet[3]) != len)
        abort();
    if (packet[9] == 6 && len >= 40)
        memcpy(w->last, packet, sizeof w->last);
}

static void on_random(void *ctx, uint8_t *out, size_t len) {
    struct world *w = ctx;
    while (len--)
        *out++ = (uint8_t)((w->random = w->random * 6364136223846793005u + 1) >> 56);
}

static void forget(struct flow *flow, void *arg, int error) {
    struct world *w = arg;
    (void)error;
    for (int i = 0; i < FLOWS; i++)
        if (w->flow[i] == flow)
            w->flow[i] = NULL;
}

static void on_readable(struct flow *flow, void *arg) {
    struct world *w = arg;
    const uint8_t *data;
    bool end;
    size_t len = flow_peek(flow, &data, &end);
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum ^= data[i];
    if (len && sum % 3)
        flow_consume(flow, len / 2 + 1, w->now);
    if (end && sum % 2 == 0)
        flow_shutdown(flow, w->now);
}

static void on_event(struct flow *flow, void *arg) {
    struct world *w = arg;
    flow_write(flow, (const uint8_t *)"something", 9, w->now);
}

static const struct flow_events events = {on_event, on_readable, on_event, forget};

static void on_accept(void *ctx, struct flow *flow, uint16_t port) {
    struct world *w = ctx;
    for (int i = 0; i < FLOWS && port == 80; i++)
        if (!w->flow[i]) {
            w->flow[i] = flow;
            flow_accept(flow, &events, w, w->now);
            return;
        }
    flow_abort(flow, w->now);
}

static void raw_packet(struct world *w) {
    size_t len = take(w), left = (size_t)(w->end - w->at);
    if (len > left)
        len = left;
    uint8_t *copy = malloc(len ? len : 1); /* exact, so that a read beyond it is seen */
    if (!copy)
        return;
    memcpy(copy, w->at, len);
    w->at += len;
    stack_input(w->stack, copy, len, w->now);
    free(copy);
}

static void put32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An answer to the last segment sent: its numbers, moved by what the script says. */
static void near_segment(struct world *w) {
    uint8_t packet[1420] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6};
    unsigned options = take(w) % 41 & ~3u, payload = take(w) * 4;
    int shift = (int8_t)take(w), wide = (int8_t)take(w);
    size_t len = 40 + options + payload;
    put32(packet + 12, PEER);
    put32(packet + 16, LOCAL);
    packet[2] = (uint8_t)(len >> 8), packet[3] = (uint8_t)len;
    memcpy(packet + 20, w->last + 22, 2);
    memcpy(packet + 22, w->last + 20, 2);
    put32(packet + 24, get32(w->last + 28) + (uint32_t)(shift * wide));
    put32(packet + 28, get32(w->last + 24) + take(w) * take(w) + (w->last[33] & 3 ? 1 : 0));
    packet[32] = (uint8_t)((20 + options) / 4 << 4);
    packet[33] = (uint8_t)take(w);
    packet[34] = (uint8_t)take(w);
    packet[35] = (uint8_t)take(w);
    for (unsigned i = 0; i < options; i++)
        packet[40 + i] = (uint8_t)take(w);
    stack_input(w->stack, packet, len, w->now);
}

static void new_syn(struct world *w) {
    uint8_t packet[44] = {0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6};
    put32(packet + 12, PEER);
    put32(packet + 16, LOCAL);
    put32(packet + 20, (take(w) % 8 + 5000) << 16 | (take(w) % 4 ? 80 : 81));
    put32(packet + 24, take(w) << 24);
    packet[32] = 0x60;
    packet[33] = 2;
    packet[34] = (uint8_t)take(w);
    packet[40] = 2, packet[41] = 4, packet[42] = (uint8_t)take(w), packet[43] = (uint8_t)take(w);
    stack_input(w->stack, packet, sizeof packet, w->now);
}

static void user_call(struct world *w) {
    static uint8_t buffer[20000];
    unsigned which = take(w), size = take(w);
    struct flow **slot = &w->flow[which % FLOWS];
    if (!*slot) {
        *slot = stack_connect(w->stack, 80, &events, w, w->now);
        return;
    }
    const uint8_t *data;
    bool end;
    switch (which / FLOWS % 5) {
    case 0:
        flow_write(*slot, buffer, size * 70, w->now);
        break;
    case 1:
        flow_consume(*slot, flow_peek(*slot, &data, &end), w->now);
        break;
    case 2:
        flow_shutdown(*slot, w->now);
        break;
    case 3:
        flow_abort(*slot, w->now);
        break;
    default:
        stack_wake(w->stack, w->now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world w = {.now = 1000000000, .random = 1, .at = data, .end = data + size};
    unsigned setup = take(&w);
    struct stack_config config = {.local_ip = LOCAL,
                                  .peer_ip = PEER,
                                  .mtu = 1420,
                                  .window = 4096u << setup % 8,
                                  .no_sack = setup & 8,
                                  .ctx = &w,
                                  .output = on_output,
                                  .random = on_random};
    w.stack = stack_new(&config);
    if (!w.stack || !stack_listen(w.stack, 80, on_accept, &w) || !stack_listen(w.stack, 81, on_accept, &w))
        abort();
    while (w.at < w.end) {
        switch (take(&w) % 8) {
        case 0:
            raw_packet(&w);
            break;
        case 1:
            new_syn(&w);
            break;
        case 2:
            user_call(&w);
            break;
        case 3:
            w.now += (uint64_t)take(&w) << (take(&w) % 34);
            stack_tick(w.stack, w.now);
            break;
        case 4:
            stack_tick(w.stack, ++w.now);
            break;
        default:
            near_segment(&w);
        }
    }
    stack_tick(w.stack, w.now);
    stack_free(w.stack);
    return 0;
}
