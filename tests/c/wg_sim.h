/* SPDX-License-Identifier: MIT */
/* Two WireGuard cores and a link between them, with an injected clock and a seeded random: nothing here
 * really waits. */
#pragma once

#include <sodium.h>

#include "../../src/tunnel/wireguard.h"
#include "wg_util.h"

#define SEC UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define IP_GUEST 0x0a0d2501u  /* 10.13.37.1 */
#define IP_CLIENT 0x0a0d2502u /* 10.13.37.2 */

enum { CLIENT, GUEST, SIM_QUEUE = 512, SIM_LOG = 256 };

struct sim_packet {
    uint64_t at, order;
    int to;
    struct wg_address from;
    size_t len;
    uint8_t data[1500];
};

struct sim;

struct sim_node {
    struct sim *sim;
    struct wg *wg;
    struct wg_address address;
    int id;
    uint64_t deadline, random_seed;
    bool frozen;                 /* neither receives nor runs timers */
    unsigned delivered, sent[5]; /* inner packets handed up; datagrams sent by type */
    uint8_t inner[1500];         /* the last one delivered */
    size_t inner_len;
    uint64_t sent_at[5]; /* when the last of each type was sent */
    bool echo;           /* answers every inner packet with one of its own */
};

struct sim {
    uint64_t now, link_seed, delay, order;
    int64_t wall_offset;               /* seconds added to the wall clock */
    unsigned lose, duplicate, corrupt; /* per mille */
    uint64_t spread;                   /* random extra delay: reorders */
    bool cut[2];                       /* packets from this node vanish */
    struct sim_node node[2];
    struct sim_packet queue[SIM_QUEUE];
    size_t queued;
    struct sim_packet log[SIM_LOG]; /* the first datagrams sent since the last reset */
    size_t logged;
};

static inline void sim_queue(struct sim *sim, int to, const struct wg_address *from, const uint8_t *data,
                             size_t len, uint64_t at) {
    if (sim->queued == SIM_QUEUE || len > sizeof sim->queue[0].data)
        return;
    struct sim_packet *p = &sim->queue[sim->queued++];
    p->at = at;
    p->order = sim->order++;
    p->to = to;
    p->from = *from;
    p->len = len;
    memcpy(p->data, data, len);
}

static inline void sim_transmit(void *ctx, const struct wg_address *to, const uint8_t *datagram, size_t len) {
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    unsigned type = datagram[0] < 5 ? datagram[0] : 0;
    int peer = 1 - node->id;
    node->sent[type]++;
    node->sent_at[type] = sim->now;
    if (sim->logged < SIM_LOG) {
        struct sim_packet *p = &sim->log[sim->logged++];
        p->at = sim->now;
        p->to = peer;
        p->from = node->address;
        p->len = len;
        memcpy(p->data, datagram, len);
    }
    bool reaches = to->ip_len == sim->node[peer].address.ip_len && to->port == sim->node[peer].address.port &&
                   memcmp(to->ip, sim->node[peer].address.ip, 16) == 0;
    if (!reaches || sim->cut[node->id] || test_random(&sim->link_seed) % 1000 < sim->lose)
        return;
    unsigned copies = test_random(&sim->link_seed) % 1000 < sim->duplicate ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t extra = sim->spread ? test_random(&sim->link_seed) % sim->spread : 0;
        sim_queue(sim, peer, &node->address, datagram, len, sim->now + sim->delay + extra);
        uint64_t dice = test_random(&sim->link_seed);
        if (sim->queued > 0 && dice % 1000 < sim->corrupt)
            sim->queue[sim->queued - 1].data[(dice >> 16) % len] ^= (uint8_t)(1 << (dice >> 60 & 7));
    }
}

/* An inner IPv4 packet of `len` ≥ 20 bytes from one tunnel address, with a recognizable body. */
static inline void sim_inner(uint8_t *packet, size_t len, uint32_t source, uint8_t fill) {
    memset(packet, fill, len);
    memset(packet, 0, 20);
    packet[0] = 0x45;
    packet[2] = (uint8_t)(len >> 8);
    packet[3] = (uint8_t)len;
    for (unsigned i = 0; i < 4; i++)
        packet[12 + i] = (uint8_t)(source >> 8 * (3 - i));
}

static inline void sim_tick(struct sim_node *node) {
    if (node->wg && !node->frozen)
        node->deadline = wg_tick(node->wg, node->sim->now);
}

static inline void sim_send(struct sim *sim, int id, size_t len, uint8_t fill) {
    uint8_t packet[WG_MTU];
    sim_inner(packet, len, id == CLIENT ? IP_CLIENT : IP_GUEST, fill);
    wg_send(sim->node[id].wg, packet, len, sim->now);
    sim_tick(&sim->node[id]);
}

static inline void sim_deliver(void *ctx, const uint8_t *packet, size_t len) {
    struct sim_node *node = ctx;
    node->delivered++;
    node->inner_len = len;
    memcpy(node->inner, packet, len < sizeof node->inner ? len : sizeof node->inner);
    if (node->echo) {
        uint8_t answer[100];
        sim_inner(answer, sizeof answer, node->id == CLIENT ? IP_CLIENT : IP_GUEST, 0xec);
        wg_send(node->wg, answer, sizeof answer, node->sim->now);
    }
}

static inline void sim_random(void *ctx, uint8_t *out, size_t len) {
    test_fill(&((struct sim_node *)ctx)->random_seed, out, len);
}

static inline void sim_wall(void *ctx, uint64_t *seconds, uint32_t *nanoseconds) {
    const struct sim *sim = ((struct sim_node *)ctx)->sim;
    *seconds = (uint64_t)(1700000000 + sim->wall_offset) + sim->now / SEC;
    *nanoseconds = (uint32_t)(sim->now % SEC);
}

static inline struct wg_address sim_address(uint8_t last, uint16_t port) {
    struct wg_address a = {.ip = {198, 51, 100, last}, .ip_len = 4, .port = port};
    return a;
}

/* The configuration of one side; both share the vectors' static keys. */
static inline struct wg_config sim_config(struct sim *sim, int id) {
    struct wg_config config = {.ctx = &sim->node[id],
                               .transmit = sim_transmit,
                               .deliver = sim_deliver,
                               .random = sim_random,
                               .wall = sim_wall};
    unhex(config.private_key, id == CLIENT ? V_SI : V_SR);
    unhex(config.peer_public, id == CLIENT ? V_SR_PUB : V_SI_PUB);
    unhex(config.psk, wg_vectors[1].psk);
    config.peer_inner_ip = id == CLIENT ? IP_GUEST : IP_CLIENT;
    if (id == CLIENT)
        config.endpoint = sim_address(2, 51820);
    return config;
}

static inline void sim_start(struct sim *sim, int id, const struct wg_config *config) {
    struct sim_node *node = &sim->node[id];
    node->wg = wg_new(config, sim->now);
    if (!node->wg)
        abort();
    sim_tick(node);
}

/* A client that knows the endpoint, and a guest that does not. */
static inline struct sim *sim_new(uint64_t seed, uint16_t keepalive) {
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim || sodium_init() < 0)
        abort();
    sim->now = 1000 * SEC;
    sim->link_seed = seed;
    sim->delay = 10 * MS;
    for (int id = 0; id < 2; id++) {
        sim->node[id].sim = sim;
        sim->node[id].id = id;
        sim->node[id].random_seed = seed * 2 + (uint64_t)id + 99;
        sim->node[id].address = sim_address((uint8_t)(id + 1), id == CLIENT ? 40000 : 51820);
    }
    for (int id = 0; id < 2; id++) {
        struct wg_config config = sim_config(sim, id);
        config.keepalive = id == CLIENT ? keepalive : 0;
        sim_start(sim, id, &config);
    }
    return sim;
}

static inline void sim_free(struct sim *sim) {
    wg_free(sim->node[0].wg);
    wg_free(sim->node[1].wg);
    free(sim);
}

/* Lets `duration` ns pass, one event after the other. */
static inline void sim_run(struct sim *sim, uint64_t duration) {
    uint64_t end = sim->now + duration;
    for (;;) {
        size_t first = 0;
        uint64_t when = UINT64_MAX;
        for (size_t i = 0; i < sim->queued; i++)
            if (sim->queue[i].at < when ||
                (sim->queue[i].at == when && sim->queue[i].order < sim->queue[first].order)) {
                when = sim->queue[i].at;
                first = i;
            }
        bool packet = when != UINT64_MAX;
        int timer = -1;
        for (int id = 0; id < 2; id++)
            if (!sim->node[id].frozen && sim->node[id].deadline < when) {
                when = sim->node[id].deadline;
                timer = id;
            }
        if (when > end || (!packet && timer < 0))
            break;
        sim->now = when > sim->now ? when : sim->now;
        if (timer >= 0) {
            sim_tick(&sim->node[timer]);
            continue;
        }
        struct sim_packet p = sim->queue[first];
        sim->queue[first] = sim->queue[--sim->queued];
        if (!sim->node[p.to].frozen) {
            wg_receive(sim->node[p.to].wg, &p.from, p.data, p.len, sim->now);
            sim_tick(&sim->node[p.to]);
        }
    }
    sim->now = end;
}

static inline struct wg_status sim_status(struct sim *sim, int id) {
    struct wg_status status;
    wg_get_status(sim->node[id].wg, &status, sim->now);
    return status;
}
