/* SPDX-License-Identifier: MIT */
/* Cookies between two cores: a guest under load, the client that gets through it, and the limit per source
 * (facts/wireguard.md §1.7). */
#include "../../src/tunnel/wg_internal.h"
#include "wg_sim.h"

/* `count` initiations with a good MAC1 but nothing behind it, from changing ports. */
static void bombard(struct sim *sim, unsigned count) {
    static struct wg_macs macs;
    struct wg_address from = sim_address(200, 1);
    uint8_t msg[WG_INITIATION_LEN];
    wg_macs_init(&macs, sim->node[CLIENT].wg->identity.public_key, sim->node[GUEST].wg->identity.public_key,
                 sim_random, &sim->node[CLIENT]);
    for (unsigned i = 0; i < count; i++) {
        test_fill(&sim->link_seed, msg, sizeof msg);
        memset(msg, 0, 4);
        msg[0] = WG_INITIATION;
        from.port++;
        wg_macs_sign(&macs, msg, sizeof msg, sim->now);
        wg_receive(sim->node[GUEST].wg, &from, msg, sizeof msg, sim->now);
    }
}

static void cookies(void) {
    struct sim *sim = sim_new(31, 0);
    bombard(sim, 50);
    test_report(sim->node[GUEST].sent[WG_COOKIE] == 0, "50 handshakes in a second are no load", "cookies");
    bombard(sim, 20);
    test_report(sim->node[GUEST].sent[WG_COOKIE] == 20 && sim->node[GUEST].sent[WG_RESPONSE] == 0,
                "the next ones get cookies, nothing else", "not so");
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].sent[WG_COOKIE] == 21 && sim->node[CLIENT].sent[WG_INITIATION] == 1,
                "under load the client, too; it does not hurry", "not so");
    for (unsigned i = 0; i < 30; i++) {
        bombard(sim, 60);
        sim_run(sim, SEC / 5);
    }
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 2 && sim->node[GUEST].sent[WG_RESPONSE] == 1 &&
                    sim->node[GUEST].delivered == 1,
                "its next try carries mac2 and gets through the load", "it does not");
    unsigned replies = sim->node[GUEST].sent[WG_COOKIE];
    sim_run(sim, 2 * SEC);
    bombard(sim, 40);
    test_report(sim->node[GUEST].sent[WG_COOKIE] == replies, "a second of peace ends the load", "cookies");
    sim_free(sim);
}

static void rate_limit(void) {
    struct sim *sim = sim_new(32, 0);
    struct wg_macs *guest = &sim->node[GUEST].wg->macs;
    static struct wg_macs client;
    const struct wg_address from = sim_address(1, 40000), other = sim_address(99, 40000);
    uint8_t msg[WG_INITIATION_LEN] = {WG_INITIATION}, again[WG_INITIATION_LEN], reply[WG_COOKIE_LEN];
    unsigned passed = 0;
    bombard(sim, 60);
    wg_macs_init(&client, sim->node[CLIENT].wg->identity.public_key, sim->node[GUEST].wg->identity.public_key,
                 sim_random, &sim->node[CLIENT]);
    wg_macs_sign(&client, msg, sizeof msg, sim->now);
    test_report(wg_macs_check(guest, &from, msg, sizeof msg, sim->now) == WG_MAC_NEEDS_COOKIE,
                "under load mac1 alone is not enough", "it is");
    wg_macs_reply(guest, &from, msg, sizeof msg, reply, sim->now);
    wg_macs_consume(&client, reply, sim->now);
    wg_macs_sign(&client, msg, sizeof msg, sim->now);
    for (unsigned i = 0; i < 20; i++)
        passed += wg_macs_check(guest, &from, msg, sizeof msg, sim->now) == WG_MAC_GOOD;
    test_report(passed == 5, "a burst of five with mac2 passes", "another number");
    for (unsigned i = 0; i < 100; i++)
        passed += wg_macs_check(guest, &from, msg, sizeof msg, sim->now + i * 10 * MS) == WG_MAC_GOOD;
    test_report(passed == 5 + 19, "then 20 a second", "another number");
    sim->now += 990 * MS;
    test_report(wg_macs_check(guest, &other, msg, sizeof msg, sim->now) == WG_MAC_NEEDS_COOKIE,
                "a cookie is worth nothing elsewhere", "accepted");
    wg_macs_reply(guest, &other, msg, sizeof msg, reply, sim->now);
    wg_macs_consume(&client, reply, sim->now);
    memcpy(again, msg, sizeof msg);
    wg_macs_sign(&client, again, sizeof again, sim->now);
    test_report(wg_macs_check(guest, &other, again, sizeof again, sim->now) == WG_MAC_GOOD,
                "another source has a limit of its own", "refused");
    bombard(sim, 60);
    sim->now += 121 * SEC;
    bombard(sim, 60);
    test_report(wg_macs_check(guest, &from, msg, sizeof msg, sim->now) == WG_MAC_NEEDS_COOKIE,
                "nor after the secret was renewed", "accepted");
    sim_free(sim);
}

int main(void) {
    cookies();
    rate_limit();
    return test_failures != 0;
}
