/* SPDX-License-Identifier: MIT */
/* One connection over the simulated link. */
#pragma once

#include "stack_sim.h"

struct pair {
    struct sim sim;
    struct peer client, server;
};

static inline bool both_closed(void *ctx) {
    struct pair *pair = ctx;
    return pair->client.closed && pair->server.closed;
}

static inline void pair_open(struct pair *pair, uint64_t seed, uint32_t window, bool no_sack) {
    memset(pair, 0, sizeof *pair);
    sim_open(&pair->sim, seed, window, no_sack);
    pair->client = (struct peer){.sim = &pair->sim, .seed = seed * 2 + 1};
    pair->server = (struct peer){.sim = &pair->sim, .seed = seed * 2 + 2};
    if (!stack_listen(pair->sim.side[1].stack, 80, peer_accept, &pair->server))
        abort();
}

static inline void pair_connect(struct pair *pair) {
    pair->client.flow = stack_connect(pair->sim.side[0].stack, 80, &peer_events, &pair->client,
                                      pair->sim.now);
    if (!pair->client.flow)
        abort();
}

/* NULL if both streams arrived whole and everything ended well, else what is wrong. */
static inline const char *pair_verdict(struct pair *pair) {
    static char why[200];
    struct peer *c = &pair->client, *s = &pair->server;
    why[0] = 0;
    if (!c->closed || !s->closed)
        snprintf(
            why, sizeof why,
            "not closed: client %d (%llu of %llu sent, %llu read), server %d (%llu of %llu sent, %llu read)",
            c->closed, (unsigned long long)c->sent, (unsigned long long)c->size,
            (unsigned long long)c->received, s->closed, (unsigned long long)s->sent,
            (unsigned long long)s->size, (unsigned long long)s->received);
    else if (c->error || s->error)
        snprintf(why, sizeof why, "errors %d and %d", c->error, s->error);
    else if (c->received != s->size || s->received != c->size || !c->eof || !s->eof)
        snprintf(why, sizeof why, "lengths: client read %llu of %llu, server %llu of %llu",
                 (unsigned long long)c->received, (unsigned long long)s->size,
                 (unsigned long long)s->received, (unsigned long long)c->size);
    else if (c->hash != peer_expected(s->seed, s->size) || s->hash != peer_expected(c->seed, c->size))
        snprintf(why, sizeof why, "bytes differ");
    else if (stack_flows(pair->sim.side[0].stack) || stack_flows(pair->sim.side[1].stack))
        snprintf(why, sizeof why, "flows are left");
    return why[0] ? why : NULL;
}

static inline void finish(struct pair *pair, const char *name) {
    const char *why = pair_verdict(pair);
    report(!why, name, "%s", why);
    sim_close(&pair->sim);
}
