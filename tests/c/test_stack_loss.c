/* SPDX-License-Identifier: MIT */
/* Streams over bad links, by seed: losses, copies, reordering, queues that overflow, numbers that wrap. */
#include "stack_pair.h"

enum { SEEDS = 400 };

/* Everything about the run follows from the seed. */
static const char *random_run(uint64_t seed, uint64_t *most_loss) {
    struct pair pair;
    uint64_t dice = sim_mix(seed ^ 0x5eed);
    static const uint32_t windows[] = {0, 4096, 16384, 65535, 65536, 300000, 1 << 20, 3 << 20};
    pair_open(&pair, seed, windows[dice % 8], (dice >> 3) % 4 == 0);
    struct sim *sim = &pair.sim;
    sim->loss = (unsigned)((dice >> 8) % 8 ? (dice >> 12) % 2001 : 0);
    sim->copy = (unsigned)((dice >> 24) % 2 ? (dice >> 26) % 1000 : 0);
    sim->reorder = (unsigned)((dice >> 36) % 2 ? (dice >> 38) % 3000 : 0);
    sim->delay = (dice >> 50) % 40 * MS;
    sim->reorder_by = 1 + (dice >> 45) % 30 * MS;
    sim->quantum = (dice >> 56) % 3 * MS;
    if ((dice >> 58) % 3 == 0)
        sim->rate = 1 << 20, sim->queue = 64 << 10;
    sim->fixed_isn = (dice >> 60) % 2;
    sim->isn = 0xffffffff - (uint32_t)(sim_mix(dice) % 200000);
    pair.client.size = sim_mix(dice + 1) % 400000;
    pair.server.size = sim_mix(dice + 2) % 3 ? sim_mix(dice + 2) % 400000 : 0;
    pair.client.piece = (dice >> 5) % 3 ? 0 : 1 + sim_mix(dice + 3) % 50;
    if (pair.client.piece && pair.client.size > 20000)
        pair.client.size = 20000;
    if ((dice >> 7) % 4 == 0)
        pair.server.close_after_eof = true;
    *most_loss = sim->loss > *most_loss ? sim->loss : *most_loss;
    pair_connect(&pair);
    sim_run(sim, 7200 * SECOND, both_closed, &pair);
    const char *why = pair_verdict(&pair);
    sim_close(sim);
    return why;
}

static void random_runs(void) {
    uint64_t most = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const char *why = random_run(seed, &most);
        if (why) {
            report(false, "random links", "seed %llu: %s", (unsigned long long)seed, why);
            return;
        }
    }
    report(most > 1900, "400 random links, up to 20 % lost", "the worst lost only %llu of 10000",
           (unsigned long long)most);
}

/* Drops the n-th segment with the given flag that the given side sends. */
struct picky {
    int from, flag, skip, drops;
};

static bool drop_picked(struct sim *sim, int from, const uint8_t *packet, size_t len) {
    struct picky *pick = sim->user;
    if (from != pick->from || len < 40 || !(packet[33] & pick->flag) || !pick->drops)
        return false;
    if (pick->skip) {
        pick->skip--;
        return false;
    }
    pick->drops--;
    return true;
}

static void lost_one(const char *name, int from, int flag, int skip, int drops, bool no_sack) {
    struct pair pair;
    struct picky pick = {from, flag, skip, drops};
    pair_open(&pair, 77, 0, no_sack);
    pair.sim.user = &pick;
    pair.sim.drop = drop_picked;
    pair.client.size = 50000;
    pair.server.size = 60000;
    pair_connect(&pair);
    sim_run(&pair.sim, 300 * SECOND, both_closed, &pair);
    const char *why = pick.drops ? "nothing was dropped" : pair_verdict(&pair);
    report(!why, name, "%s", why);
    sim_close(&pair.sim);
}

static void wrap(void) {
    struct pair pair;
    pair_open(&pair, 99, 0, false);
    pair.sim.fixed_isn = true;
    pair.sim.isn = 0xfffffffe;
    pair.client.size = pair.server.size = 2000000;
    pair_connect(&pair);
    sim_run(&pair.sim, 300 * SECOND, both_closed, &pair);
    finish(&pair, "numbers wrap two bytes after the start");
}

/* Segments that overtake each other a little must not cost throughput or be sent twice. */
static void mild_reordering(void) {
    struct pair pair;
    struct stack_stats stats;
    pair_open(&pair, 100, 0, false);
    pair.sim.delay = 25 * MS;
    pair.sim.reorder = 500;
    pair.sim.reorder_by = 6 * MS;
    pair.sim.rate = 12500000;
    pair.sim.queue = 4 << 20;
    pair.client.size = 40000000;
    pair_connect(&pair);
    uint64_t start = pair.sim.now;
    sim_run(&pair.sim, 300 * SECOND, both_closed, &pair);
    uint64_t took = pair.server.finished - start;
    stack_get_stats(pair.sim.side[0].stack, &stats);
    report(stats.retransmits * 1000 < pair.sim.packets, "mild reordering is not taken for loss",
           "%llu of %llu sent again", (unsigned long long)stats.retransmits,
           (unsigned long long)pair.sim.packets);
    report(took < 5 * SECOND, "mild reordering keeps the rate", "40 MB at 12.5 MB/s took %llu ms",
           (unsigned long long)(took / MS));
    finish(&pair, "40 MB through mild reordering");
}

/* Simulated time is exact, so the rate that is reached can be tested. */
static void fills_the_path(const char *name, uint64_t delay, uint64_t rate, uint64_t queue, unsigned loss,
                           uint64_t size, uint64_t most) {
    struct pair pair;
    struct stack_stats stats;
    pair_open(&pair, 101, 0, false);
    pair.sim.delay = delay;
    pair.sim.rate = rate;
    pair.sim.queue = queue;
    pair.sim.loss = loss;
    pair.server.size = size;
    pair_connect(&pair);
    uint64_t start = pair.sim.now;
    sim_run(&pair.sim, 600 * SECOND, both_closed, &pair);
    uint64_t took = pair.client.finished - start;
    stack_get_stats(pair.sim.side[1].stack, &stats);
    if (getenv("VERBOSE"))
        printf("# %s: %llu ms, %llu segments, %llu again, %llu timeouts, %llu probes\n", name,
               (unsigned long long)(took / MS), (unsigned long long)stats.segments_out,
               (unsigned long long)stats.retransmits, (unsigned long long)stats.timeouts,
               (unsigned long long)stats.probes);
    const char *why = pair_verdict(&pair);
    report(!why && took < most, name, "took %llu ms; %s", (unsigned long long)(took / MS),
           why ? why : "whole");
    sim_close(&pair.sim);
}

int main(void) {
    lost_one("the SYN is lost", 0, 0x02, 0, 1, false);
    lost_one("the SYN-ACK is lost twice", 1, 0x02, 0, 2, false);
    lost_one("the client's FIN is lost", 0, 0x01, 0, 1, false);
    lost_one("the server's FIN is lost three times", 1, 0x01, 0, 3, false);
    lost_one("the first segments are lost", 0, 0x10, 1, 5, false);
    lost_one("a segment in the middle is lost", 0, 0x10, 12, 1, false);
    lost_one("a segment in the middle is lost, without SACK", 0, 0x10, 12, 1, true);
    lost_one("twelve acknowledgements are lost", 1, 0x10, 2, 12, true);
    wrap();
    mild_reordering();
    fills_the_path("20 MB at 100 Mbit/s and 50 ms", 25 * MS, 12500000, 1 << 20, 0, 20000000, 2500 * MS);
    fills_the_path("20 MB at 100 Mbit/s and 50 ms, small queue", 25 * MS, 12500000, 64 << 10, 0, 20000000,
                   4000 * MS);
    fills_the_path("60 MB at 1 Gbit/s and 20 ms, 0.01 % lost", 10 * MS, 125000000, 1 << 20, 1, 60000000,
                   2000 * MS);
    fills_the_path("5 MB at 100 Mbit/s and 50 ms, 1 % lost", 25 * MS, 12500000, 1 << 20, 100, 5000000,
                   15000 * MS);
    random_runs();
    return test_failures > 0;
}
