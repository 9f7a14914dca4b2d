/* SPDX-License-Identifier: MIT */
/* Two stacks joined by a simulated link: injected clock, seeded losses, copies and reordering, a rate and a
 * queue. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/stack.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

static int test_failures;

static inline bool report(bool good, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#include <stdarg.h>
static inline bool report(bool good, const char *name, const char *fmt, ...) {
    va_list args;
    printf("%sok - %s", good ? "" : "not ", name);
    if (!good) {
        printf(": ");
        va_start(args, fmt);
        vprintf(fmt, args);
        va_end(args);
    }
    printf("\n");
    fflush(stdout);
    test_failures += !good;
    return good;
}

static inline uint64_t sim_mix(uint64_t z) /* splitmix64 */
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

struct sim_packet {
    uint64_t at, order;
    int to;
    size_t len;
    uint8_t bytes[1420];
};

struct sim;
struct sim_side {
    struct sim *sim;
    struct stack *stack;
    int index;
    uint64_t free_at; /* when the link towards the other side has sent what is queued */
    uint64_t tick_at;
};

struct sim {
    uint64_t now, random, order;
    struct sim_side side[2];
    struct sim_packet **heap;
    size_t count, room;
    /* the link; probabilities in 1/10000 */
    unsigned loss, copy, reorder;
    uint64_t delay, reorder_by, rate,
        quantum;    /* rate: bytes per second, 0 without limit; quantum: arrivals come together */
    uint64_t queue; /* bytes that may wait for the rate */
    bool (*drop)(struct sim *sim, int from, const uint8_t *packet, size_t len);
    void *user;
    uint32_t isn; /* used instead of randomness when fixed_isn */
    bool fixed_isn;
    uint64_t packets, dropped;
};

static inline uint64_t sim_random(struct sim *sim) {
    return sim->random = sim_mix(sim->random);
}

static inline bool sim_chance(struct sim *sim, unsigned of_10000) {
    return of_10000 && sim_random(sim) % 10000 < of_10000;
}

static inline void sim_fill(void *ctx, uint8_t *out, size_t len) {
    struct sim_side *side = ctx;
    if (side->sim->fixed_isn && len == 4) {
        memcpy(out, &side->sim->isn, 4);
        return;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)sim_random(side->sim);
}

static inline bool sim_before(const struct sim_packet *a, const struct sim_packet *b) {
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void sim_push(struct sim *sim, struct sim_packet *p) {
    if (sim->count == sim->room) {
        sim->room = sim->room ? 2 * sim->room : 1024;
        sim->heap = realloc(sim->heap, sim->room * sizeof *sim->heap);
        if (!sim->heap)
            abort();
    }
    size_t i = sim->count++;
    for (; i && sim_before(p, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = p;
}

static inline struct sim_packet *sim_pop(struct sim *sim) {
    struct sim_packet *top = sim->heap[0], *last = sim->heap[--sim->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sim->count)
            break;
        if (child + 1 < sim->count && sim_before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!sim_before(sim->heap[child], last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return top;
}

static inline void sim_deliver(struct sim *sim, int from, const uint8_t *packet, size_t len, uint64_t at) {
    struct sim_packet *p = malloc(sizeof *p);
    if (!p || len > sizeof p->bytes)
        abort();
    if (sim->quantum)
        at = (at + sim->quantum - 1) / sim->quantum * sim->quantum;
    p->at = at;
    p->order = sim->order++;
    p->to = !from;
    p->len = len;
    memcpy(p->bytes, packet, len);
    sim_push(sim, p);
}

static inline void sim_output(void *ctx, const uint8_t *packet, size_t len) {
    struct sim_side *side = ctx;
    struct sim *sim = side->sim;
    sim->packets++;
    if ((sim->drop && sim->drop(sim, side->index, packet, len)) || sim_chance(sim, sim->loss)) {
        sim->dropped++;
        return;
    }
    uint64_t leave = sim->now;
    if (sim->rate) {
        uint64_t start = side->free_at > sim->now ? side->free_at : sim->now;
        if ((start - sim->now) * sim->rate / SECOND > sim->queue) {
            sim->dropped++;
            return;
        }
        leave = side->free_at = start + len * SECOND / sim->rate;
    }
    uint64_t at = leave + sim->delay;
    if (sim_chance(sim, sim->reorder))
        at += sim_random(sim) % (sim->reorder_by + 1);
    sim_deliver(sim, side->index, packet, len, at);
    if (sim_chance(sim, sim->copy))
        sim_deliver(sim, side->index, packet, len, at + sim_random(sim) % (sim->reorder_by + 1));
}

static inline void sim_open(struct sim *sim, uint64_t seed, uint32_t window, bool no_sack) {
    memset(sim, 0, sizeof *sim);
    sim->random = sim_mix(seed);
    sim->now = 1000 * SECOND;
    sim->delay = 10 * MS;
    sim->reorder_by = 5 * MS;
    for (int i = 0; i < 2; i++) {
        struct sim_side *side = &sim->side[i];
        side->sim = sim;
        side->index = i;
        struct stack_config config = {.local_ip = 0x0a0d2501 + (uint32_t)!i,
                                      .peer_ip = 0x0a0d2501 + (uint32_t)i,
                                      .mtu = 1420,
                                      .window = window,
                                      .no_sack = no_sack,
                                      .ctx = side,
                                      .output = sim_output,
                                      .random = sim_fill};
        side->stack = stack_new(&config);
        if (!side->stack)
            abort();
    }
}

static inline void sim_close(struct sim *sim) {
    for (int i = 0; i < 2; i++)
        stack_free(sim->side[i].stack);
    for (size_t i = 0; i < sim->count; i++)
        free(sim->heap[i]);
    free(sim->heap);
}

static inline void sim_tick(struct sim *sim, int i) {
    sim->side[i].tick_at = stack_tick(sim->side[i].stack, sim->now);
}

/* One step to the next event; false when nothing will ever happen again or the next event lies after
 * `end`. */
static inline bool sim_step(struct sim *sim, uint64_t end) {
    uint64_t next = sim->count ? sim->heap[0]->at : UINT64_MAX;
    bool touched[2] = {false, false};
    for (int i = 0; i < 2; i++)
        if (sim->side[i].tick_at < next)
            next = sim->side[i].tick_at;
    if (next == UINT64_MAX || next > end) {
        sim->now = next == UINT64_MAX || end > sim->now ? end : sim->now;
        return false;
    }
    if (next > sim->now)
        sim->now = next;
    while (sim->count && sim->heap[0]->at <= sim->now) {
        struct sim_packet *p = sim_pop(sim);
        stack_input(sim->side[p->to].stack, p->bytes, p->len, sim->now);
        touched[p->to] = true;
        free(p);
    }
    for (int i = 0; i < 2; i++)
        if (touched[i] || sim->side[i].tick_at <= sim->now)
            sim_tick(sim, i);
    return true;
}

/* Runs for `span`, or until `done` says so. Returns whether it did. */
static inline bool sim_run(struct sim *sim, uint64_t span, bool (*done)(void *ctx), void *ctx) {
    uint64_t end = sim->now + span;
    for (int i = 0; i < 2; i++)
        sim_tick(sim, i);
    while (!(done && done(ctx)) && sim_step(sim, end))
        ;
    return done && done(ctx);
}

/* A connection end that writes `size` bytes made from `seed`, then closes its half, and hashes what it
 * reads. */
struct peer {
    struct sim *sim;
    struct flow *flow;
    uint64_t seed, size, sent, received, hash;
    uint64_t piece;                        /* bytes per write, 0: as much as goes */
    uint64_t read_most, read_every, ready; /* slow reader: so much, so often; ready: when it may read again */
    bool connected, eof, closed, keep_open, close_after_eof;
    int error;
    uint64_t finished; /* when eof was read */
};

static inline uint8_t peer_byte(uint64_t seed, uint64_t at) {
    return (uint8_t)(sim_mix(seed + at / 8) >> (at % 8 * 8));
}

static inline uint64_t peer_hash(uint64_t hash, uint8_t byte) {
    return (hash ^ byte) * 0x100000001b3;
}

static inline uint64_t peer_expected(uint64_t seed, uint64_t size) {
    uint64_t hash = 0;
    for (uint64_t i = 0; i < size; i++)
        hash = peer_hash(hash, peer_byte(seed, i));
    return hash;
}

static inline void peer_write(struct peer *peer) {
    uint8_t buffer[4096];
    while (peer->flow && peer->sent < peer->size) {
        size_t len = sizeof buffer;
        if (peer->piece && len > peer->piece)
            len = peer->piece;
        if (len > peer->size - peer->sent)
            len = peer->size - peer->sent;
        for (size_t i = 0; i < len; i++)
            buffer[i] = peer_byte(peer->seed, peer->sent + i);
        size_t done = flow_write(peer->flow, buffer, len, peer->sim->now);
        peer->sent += done;
        if (done < len)
            return;
    }
    if (peer->flow && !peer->keep_open && (!peer->close_after_eof || peer->eof))
        flow_shutdown(peer->flow, peer->sim->now);
}

static inline void peer_read(struct peer *peer) {
    const uint8_t *data;
    bool eof;
    size_t len;
    if (peer->read_most && peer->sim->now < peer->ready)
        return;
    while (peer->flow && (len = flow_peek(peer->flow, &data, &eof)) > 0) {
        if (peer->read_most && len > peer->read_most)
            len = peer->read_most;
        for (size_t i = 0; i < len; i++)
            peer->hash = peer_hash(peer->hash, data[i]);
        peer->received += len;
        flow_consume(peer->flow, len, peer->sim->now);
        if (peer->read_most) {
            peer->ready = peer->sim->now + peer->read_every;
            return;
        }
    }
    if (peer->flow && eof && !peer->eof) {
        peer->eof = true;
        peer->finished = peer->sim->now;
        peer_write(peer);
    }
}

static inline void peer_connected(struct flow *flow, void *arg) {
    struct peer *peer = arg;
    (void)flow;
    peer->connected = true;
    peer_write(peer);
}
static inline void peer_readable(struct flow *flow, void *arg) {
    (void)flow;
    peer_read(arg);
}
static inline void peer_writable(struct flow *flow, void *arg) {
    (void)flow;
    peer_write(arg);
}
static inline void peer_closed(struct flow *flow, void *arg, int error) {
    struct peer *peer = arg;
    (void)flow;
    peer->closed = true;
    peer->error = error;
    peer->flow = NULL;
}
static const struct flow_events peer_events = {peer_connected, peer_readable, peer_writable, peer_closed};

/* Listener's context: takes the first connection. */
static inline void peer_accept(void *ctx, struct flow *flow, uint16_t port) {
    struct peer *peer = ctx;
    (void)port;
    peer->flow = flow;
    flow_accept(flow, &peer_events, peer, peer->sim->now);
}
