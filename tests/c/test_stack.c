/* SPDX-License-Identifier: MIT */
/* The minimal TCP over a simulated link: streams arrive whole, whatever the link does. */
#include "stack_pair.h"

static void exchange(const char *name, uint64_t up, uint64_t down, bool no_sack) {
    struct pair pair;
    pair_open(&pair, 1, 0, no_sack);
    pair.client.size = up;
    pair.server.size = down;
    pair_connect(&pair);
    sim_run(&pair.sim, 600 * SECOND, both_closed, &pair);
    finish(&pair, name);
}

static void half_close(void) {
    struct pair pair;
    pair_open(&pair, 2, 0, false);
    pair.client.size = 100000;
    pair.server.size = 300000;
    pair.server.close_after_eof = true; /* the answer's end comes after the question's */
    pair_connect(&pair);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "half-close of the client, then the server's bytes and end");
    pair_open(&pair, 3, 0, false);
    pair.client.size = 300000;
    pair.server.size = 100000;
    pair.client.close_after_eof = true;
    pair_connect(&pair);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "half-close of the server, then the client's bytes and end");
}

static void refused(void) {
    struct pair pair;
    pair_open(&pair, 4, 0, false);
    pair.client.flow = stack_connect(pair.sim.side[0].stack, 81, &peer_events, &pair.client, pair.sim.now);
    sim_run(&pair.sim, 5 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ECONNREFUSED && !stack_flows(pair.sim.side[0].stack),
           "a port without listener refuses", "closed %d error %d", pair.client.closed, pair.client.error);
    sim_close(&pair.sim);
}

static void accept_and_abort(void *ctx, struct flow *flow, uint16_t port) {
    struct peer *peer = ctx;
    (void)port;
    flow_abort(flow, peer->sim->now);
}

static void accept_later(void *ctx, struct flow *flow, uint16_t port) {
    struct peer *peer = ctx;
    (void)port;
    peer->flow = flow;
}

static void pending(void) {
    struct pair pair;
    pair_open(&pair, 5, 0, false);
    stack_listen(pair.sim.side[1].stack, 82, accept_and_abort, &pair.server);
    pair.client.flow = stack_connect(pair.sim.side[0].stack, 82, &peer_events, &pair.client, pair.sim.now);
    sim_run(&pair.sim, 5 * SECOND, NULL, NULL);
    report(pair.client.error == ECONNREFUSED, "an aborted pending flow refuses", "error %d",
           pair.client.error);
    sim_close(&pair.sim);
    pair_open(&pair, 6, 0, false);
    stack_listen(pair.sim.side[1].stack, 83, accept_later, &pair.server);
    pair.client.flow = stack_connect(pair.sim.side[0].stack, 83, &peer_events, &pair.client, pair.sim.now);
    pair.client.size = pair.server.size = 5000;
    sim_run(&pair.sim, 4 * SECOND, NULL, NULL); /* the SYN is repeated meanwhile */
    bool waiting = !pair.client.connected && pair.server.flow;
    flow_accept(pair.server.flow, &peer_events, &pair.server, pair.sim.now);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    report(waiting, "a pending flow is not answered before flow_accept", "connected %d",
           pair.client.connected);
    finish(&pair, "a flow accepted late works");
    pair_open(&pair, 7, 0, false);
    stack_listen(pair.sim.side[1].stack, 83, accept_later, &pair.server);
    pair.client.flow = stack_connect(pair.sim.side[0].stack, 83, &peer_events, &pair.client, pair.sim.now);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    flow_abort(pair.client.flow, pair.sim.now);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    flow_accept(pair.server.flow, &peer_events, &pair.server, pair.sim.now);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ECONNRESET && pair.server.closed &&
               pair.server.error == ECONNRESET && !stack_flows(pair.sim.side[1].stack),
           "a client that leaves a pending flow is noticed", "server closed %d error %d", pair.server.closed,
           pair.server.error);
    sim_close(&pair.sim);
}

static void reset(void) {
    struct pair pair;
    pair_open(&pair, 8, 0, false);
    pair.client.keep_open = pair.server.keep_open = true;
    pair_connect(&pair);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    flow_abort(pair.server.flow, pair.sim.now);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ECONNRESET && pair.server.error == ECONNRESET,
           "abort resets the other end", "closed %d error %d", pair.client.closed, pair.client.error);
    report(!stack_flows(pair.sim.side[0].stack) && !stack_flows(pair.sim.side[1].stack),
           "abort leaves no flow", "flows are left");
    sim_close(&pair.sim);
}

static bool drop_all(struct sim *sim, int from, const uint8_t *packet, size_t len) {
    (void)sim, (void)from, (void)packet, (void)len;
    return true;
}

static void silence(void) {
    struct pair pair;
    pair_open(&pair, 9, 0, false);
    pair.sim.drop = drop_all;
    pair_connect(&pair);
    sim_run(&pair.sim, 300 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ETIMEDOUT, "nobody answers a SYN", "closed %d error %d",
           pair.client.closed, pair.client.error);
    sim_close(&pair.sim);
    pair_open(&pair, 10, 0, false);
    pair.client.keep_open = pair.server.keep_open = true;
    pair_connect(&pair);
    sim_run(&pair.sim, 3600 * SECOND, NULL, NULL);
    report(!pair.client.closed && !pair.server.closed, "an idle flow lives for an hour", "it was closed");
    pair.sim.drop = drop_all;
    sim_run(&pair.sim, 600 * SECOND, NULL, NULL);
    report(pair.client.error == ETIMEDOUT && pair.server.error == ETIMEDOUT, "keepalive notices a dead peer",
           "errors %d %d", pair.client.error, pair.server.error);
    sim_close(&pair.sim);
    pair_open(&pair, 11, 0, false);
    pair.client.size = 100 << 20;
    pair_connect(&pair);
    sim_run(&pair.sim, 200 * MS, NULL, NULL);
    pair.sim.drop = drop_all;
    sim_run(&pair.sim, 900 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ETIMEDOUT, "unanswered data times out",
           "closed %d error %d", pair.client.closed, pair.client.error);
    sim_close(&pair.sim);
}

static void peer_restarts(void) {
    struct pair pair;
    pair_open(&pair, 12, 0, false);
    pair.client.keep_open = pair.server.keep_open = true;
    pair_connect(&pair);
    sim_run(&pair.sim, 1 * SECOND, NULL, NULL);
    pair.sim.drop = drop_all; /* the server's machine dies without a word and comes back empty */
    struct stack_config config = {.local_ip = 0x0a0d2501,
                                  .peer_ip = 0x0a0d2502,
                                  .mtu = 1420,
                                  .ctx = &pair.sim.side[1],
                                  .output = sim_output,
                                  .random = sim_fill};
    stack_free(pair.sim.side[1].stack);
    pair.sim.side[1].stack = stack_new(&config);
    pair.sim.drop = NULL;
    flow_write(pair.client.flow, (const uint8_t *)"x", 1, pair.sim.now);
    sim_run(&pair.sim, 5 * SECOND, NULL, NULL);
    report(pair.client.closed && pair.client.error == ECONNRESET,
           "a peer without memory of the flow resets it", "closed %d error %d", pair.client.closed,
           pair.client.error);
    sim_close(&pair.sim);
}

/* Whenever time passes, the slow reader reads again. */
static void slow_reader(const char *name, uint32_t window, uint64_t most, uint64_t every, bool no_sack) {
    struct pair pair;
    pair_open(&pair, 13, window, no_sack);
    pair.client.size = 40 * window;
    pair.server.read_most = most;
    pair.server.read_every = every;
    pair_connect(&pair);
    for (int i = 0; i < 4000000 && !both_closed(&pair); i++) {
        sim_run(&pair.sim, every, both_closed, &pair);
        if (pair.server.flow)
            peer_read(&pair.server);
    }
    finish(&pair, name);
}

static void zero_window(void) {
    struct pair pair;
    pair_open(&pair, 14, 100000, false);
    pair.client.size = 1000000;
    pair.server.read_most = 1;
    pair.server.read_every = 1;
    pair.server.ready = UINT64_MAX; /* does not read at all */
    pair_connect(&pair);
    sim_run(&pair.sim, 1800 * SECOND, NULL, NULL);
    bool alive = !pair.client.closed && !pair.server.closed && pair.server.received == 0 &&
                 pair.client.sent < 1000000;
    report(alive, "a closed window holds the sender and keeps the flow for half an hour",
           "closed %d %d, sent %llu", pair.client.closed, pair.server.closed,
           (unsigned long long)pair.client.sent);
    pair.server.read_most = 0;
    peer_read(&pair.server);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "a window that opens again lets everything through");
}

/* The update that opens the window is lost: the probe has to find out. */
static bool drop_next_from_server(struct sim *sim, int from, const uint8_t *packet, size_t len) {
    int *left = sim->user;
    (void)packet, (void)len;
    return from == 1 && *left > 0 && (*left)--;
}

static void lost_update(void) {
    struct pair pair;
    int left = 0;
    pair_open(&pair, 15, 100000, false);
    pair.sim.user = &left;
    pair.sim.drop = drop_next_from_server;
    pair.client.size = 1000000;
    pair.server.read_most = 1;
    pair.server.ready = UINT64_MAX;
    pair_connect(&pair);
    sim_run(&pair.sim, 10 * SECOND, NULL, NULL);
    left = 1;
    pair.server.read_most = 0;
    peer_read(&pair.server);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "a lost window update is found by the probe");
}

/* The server's FIN arrives, but no acknowledgement of it comes back before the client has forgotten
 * everything. */
static bool drop_after_fin(struct sim *sim, int from, const uint8_t *packet, size_t len) {
    uint64_t *until = sim->user;
    if (from == 1 && len >= 40 && packet[33] & 1 && !*until)
        *until = sim->now + 4 * SECOND;
    return from == 0 && sim->now < *until;
}

static void forgotten(void) {
    struct pair pair;
    uint64_t until = 0;
    pair_open(&pair, 17, 0, false);
    pair.sim.user = &until;
    pair.sim.drop = drop_after_fin;
    pair.client.size = 50000;
    pair.server.size = 50000;
    pair.server.read_most = 1000;
    pair.server.ready = UINT64_MAX; /* does not read yet */
    pair_connect(&pair);
    sim_run(&pair.sim, 30 * SECOND, both_closed, &pair);
    bool waits = pair.client.closed && !pair.server.closed;
    report(waits, "a forgotten flow with unread bytes stays", "client closed %d, server %d",
           pair.client.closed, pair.server.closed);
    pair.server.read_most = 0;
    peer_read(&pair.server);
    sim_run(&pair.sim, 60 * SECOND, both_closed, &pair);
    finish(&pair, "and ends well when they are read");
}

/* A minute without a way, then it works again: nobody has to wait for the timers. */
static void wake(void) {
    struct pair pair;
    pair_open(&pair, 16, 0, false);
    pair.client.size = 10 << 20;
    pair_connect(&pair);
    sim_run(&pair.sim, 200 * MS, NULL, NULL);
    pair.sim.drop = drop_all;
    sim_run(&pair.sim, 75 * SECOND, NULL, NULL);
    bool waits = !pair.client.closed && pair.server.received < pair.client.size;
    pair.sim.drop = NULL;
    uint64_t back = pair.sim.now;
    stack_wake(pair.sim.side[0].stack, back);
    sim_run(&pair.sim, 600 * SECOND, both_closed, &pair);
    report(waits && pair.server.finished < back + 10 * SECOND, "stack_wake retries at once",
           "it took %llu ms", (unsigned long long)((pair.server.finished - back) / MS));
    finish(&pair, "after a minute without a way the stream is whole");
}

int main(void) {
    exchange("one byte up", 1, 0, false);
    exchange("nothing but the ends", 0, 0, false);
    exchange("5 MB up", 5000000, 0, false);
    exchange("5 MB down", 0, 5000000, false);
    exchange("3 MB both ways", 3000000, 3000000, false);
    exchange("3 MB both ways without SACK", 3000000, 3000000, true);
    half_close();
    refused();
    pending();
    reset();
    silence();
    peer_restarts();
    slow_reader("a slow reader", 65536, 3000, 20 * MS, false);
    slow_reader("a very slow reader without SACK", 16384, 100, 30 * MS, true);
    zero_window();
    lost_update();
    forgotten();
    wake();
    return test_failures > 0;
}
