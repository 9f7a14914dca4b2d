/* SPDX-License-Identifier: MIT */
/* Two cores over a link that loses, duplicates, reorders and corrupts, for many seeds. Whatever happened:
 * nothing false is delivered, nothing twice, and as soon as the link is whole again, packets pass both ways.
 * SEEDS in the environment sets how many runs (a seed that failed is printed). */
#include "wg_sim.h"

enum { BODY = 60, PACKETS = 256 };

struct check {
    uint8_t seen[PACKETS];
    unsigned twice, false_ones, total;
};

static struct check checks[2];

/* Every inner packet carries its number; its bytes follow from it. */
static void numbered(uint8_t *packet, int from, unsigned number) {
    uint64_t seed = number * 2 + (unsigned)from;
    sim_inner(packet, BODY, from == CLIENT ? IP_CLIENT : IP_GUEST, 0);
    packet[20] = (uint8_t)number;
    test_fill(&seed, packet + 21, BODY - 21);
}

static void check_deliver(void *ctx, const uint8_t *packet, size_t len) {
    struct sim_node *node = ctx;
    struct check *check = &checks[node->id];
    uint8_t want[BODY];
    unsigned number = len > 20 ? packet[20] : 0;
    numbered(want, 1 - node->id, number);
    check->total++;
    check->false_ones += len != BODY || memcmp(want, packet, BODY) != 0;
    check->twice += check->seen[number];
    check->seen[number] = 1;
    node->delivered++;
}

static void number_and_send(struct sim *sim, int id, unsigned number) {
    uint8_t packet[BODY];
    numbered(packet, id, number);
    wg_send(sim->node[id].wg, packet, BODY, sim->now);
    sim_tick(&sim->node[id]);
}

/* One life of two cores on a bad link; returns what went wrong, or NULL. */
static const char *life(uint64_t seed) {
    uint64_t dice = seed * 77 + 5;
    struct sim *sim = sim_new(seed, 0);
    const char *why = NULL;
    memset(checks, 0, sizeof checks);
    for (int id = 0; id < 2; id++) {
        struct wg_config config = sim_config(sim, id);
        config.deliver = check_deliver;
        config.keepalive = test_random(&dice) % 3 == 0 ? 5 : 0;
        if (id == GUEST && test_random(&dice) % 2 == 0)
            config.endpoint = sim->node[CLIENT].address; /* both may call */
        wg_free(sim->node[id].wg);
        sim_start(sim, id, &config);
    }
    sim->lose = (unsigned)(test_random(&dice) % 600);
    sim->duplicate = (unsigned)(test_random(&dice) % 300);
    sim->corrupt = (unsigned)(test_random(&dice) % 300);
    sim->spread = test_random(&dice) % 3 == 0 ? 6 * SEC : 200 * MS;
    for (unsigned i = 0; i < 40; i++) {
        number_and_send(sim, (int)(test_random(&dice) % 2), i);
        if (test_random(&dice) % 16 == 0)
            wg_initiate(sim->node[test_random(&dice) % 2].wg, sim->now);
        sim_run(sim, test_random(&dice) % (test_random(&dice) % 8 == 0 ? 40 * SEC : 2 * SEC));
    }
    sim->lose = sim->duplicate = sim->corrupt = 0;
    sim->spread = 0;
    number_and_send(sim, CLIENT, 100);
    sim_run(sim, 25 * SEC);
    number_and_send(sim, CLIENT, 101);
    sim_run(sim, 25 * SEC);
    number_and_send(sim, CLIENT, 102);
    number_and_send(sim, GUEST, 103);
    sim_run(sim, SEC);
    if (checks[CLIENT].false_ones + checks[GUEST].false_ones > 0)
        why = "a packet that was never sent";
    else if (checks[CLIENT].twice + checks[GUEST].twice > 0)
        why = "a packet twice";
    else if (!checks[GUEST].seen[102] || !checks[CLIENT].seen[103])
        why = "no way through after the link was whole for 50 s";
    sim_free(sim);
    return why;
}

int main(void) {
    const char *wanted = getenv("SEEDS");
    unsigned long seeds = wanted ? strtoul(wanted, NULL, 10) : 2000, failed = 0, total = 0;
    char why[128] = "";
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        const char *bad = life(seed);
        total += checks[0].total + checks[1].total;
        if (bad && failed++ == 0)
            snprintf(why, sizeof why, "seed %lu: %s", seed, bad);
    }
    char name[96];
    snprintf(name, sizeof name, "%lu bad links: nothing false, nothing twice, and it recovers", seeds);
    test_report(failed == 0, name, why);
    test_report(total > seeds * 10, "and packets did pass on the bad links", "too few");
    return test_failures != 0;
}
