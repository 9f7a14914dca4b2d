/* SPDX-License-Identifier: MIT */
/* The timers of facts/wireguard.md §1.1 and §1.8 with an injected clock. */
#include "../../src/tunnel/wg_internal.h"
#include "wg_sim.h"

/* A session that is a second old, made by one packet of the client. */
static struct sim *established(uint64_t seed, uint16_t keepalive) {
    struct sim *sim = sim_new(seed, keepalive);
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, SEC);
    if (!sim_status(sim, CLIENT).established || !sim_status(sim, GUEST).established ||
        sim->node[GUEST].delivered != 1)
        test_report(false, "a session to start from", "none");
    return sim;
}

static void retransmission(void) {
    struct sim *sim = sim_new(3, 0);
    uint64_t last = sim->now, least = UINT64_MAX, most = 0;
    unsigned seen = 1;
    sim->cut[CLIENT] = true;
    sim_send(sim, CLIENT, 60, 1);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 1, "the first packet starts a handshake",
                "it does not");
    for (unsigned step = 0; step < 30000; step++) {
        sim_run(sim, 10 * MS);
        if (sim->node[CLIENT].sent[WG_INITIATION] > seen) {
            uint64_t gap = sim->node[CLIENT].sent_at[WG_INITIATION] - last;
            least = gap < least ? gap : least;
            most = gap > most ? gap : most;
            last = sim->node[CLIENT].sent_at[WG_INITIATION];
            seen++;
        }
    }
    test_report(least >= 5 * SEC && most < 5 * SEC + 334 * MS, "unanswered: again after 5 to 5.333 s",
                "another time");
    test_report(most - least > 50 * MS, "with jitter", "always the same");
    test_report(seen == 20, "twenty tries, then it gives up", "another number");
    test_report(sim->node[CLIENT].deadline > sim->now + 100 * SEC, "and is quiet", "a timer is on");
    test_report(sim_status(sim, CLIENT).attempts == 19, "the status counts them", "another number");
    sim->cut[CLIENT] = false;
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].delivered == 1 && sim->node[GUEST].inner[59] == 2,
                "a later packet starts anew, the old one was dropped", "not so");
    sim_free(sim);
}

static void ephemeral_changes(void) {
    struct sim *sim = sim_new(4, 0);
    sim->cut[CLIENT] = true;
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, 6 * SEC);
    const uint8_t *a = sim->log[0].data, *b = sim->log[1].data;
    test_report(sim->logged == 2 && memcmp(a + 8, b + 8, 32) != 0 && memcmp(a + 4, b + 4, 4) != 0,
                "each try has its own ephemeral and index", "repeated");
    sim_free(sim);
}

static void rekey_by_time(void) {
    struct sim *sim = established(5, 0);
    uint64_t born = sim_status(sim, CLIENT).last_handshake;
    sim->node[GUEST].echo = true;
    while (sim->node[CLIENT].sent[WG_INITIATION] < 2 && sim->now < born + 150 * SEC) {
        sim_send(sim, CLIENT, 60, 2);
        sim_run(sim, SEC / 2);
    }
    uint64_t age = sim->node[CLIENT].sent_at[WG_INITIATION] - born;
    test_report(age >= 120 * SEC && age < 121 * SEC, "the initiator rekeys at 120 s, when it sends",
                "another time");
    unsigned before = sim->node[CLIENT].delivered;
    for (unsigned i = 0; i < 200; i++) {
        sim_send(sim, CLIENT, 60, 3);
        sim_run(sim, SEC / 2);
    }
    test_report(sim->node[GUEST].sent[WG_INITIATION] == 0 && sim->node[CLIENT].sent[WG_INITIATION] == 2,
                "once, and the responder never does", "another number");
    test_report(sim->node[CLIENT].delivered == before + 200, "no packet is lost over it", "some are");
    sim_free(sim);
}

static void rekey_when_receiving(void) {
    struct sim *sim = established(6, 0);
    sim_run(sim, 162 * SEC);
    sim_send(sim, GUEST, 60, 2);
    sim_run(sim, SEC / 2);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 1, "receiving at 163 s does not rekey", "it does");
    sim_run(sim, 2 * SEC);
    sim->cut[CLIENT] = true;
    sim_send(sim, GUEST, 60, 2);
    sim_run(sim, SEC / 2);
    sim_send(sim, GUEST, 60, 2);
    sim_run(sim, SEC / 2);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 2, "receiving after 165 s does, once", "not so");
    sim->cut[CLIENT] = false;
    sim_run(sim, 6 * SEC);
    unsigned before = sim->node[CLIENT].sent[WG_INITIATION];
    sim_run(sim, 164 * SEC);
    sim_send(sim, GUEST, 60, 3);
    sim_run(sim, SEC / 2);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == before + 1, "and for the next session again",
                "not so");
    sim_free(sim);
}

static void reject_by_time(void) {
    struct sim *sim = established(7, 0);
    sim_run(sim, 178 * SEC);
    unsigned data = sim->node[GUEST].sent[WG_DATA], got = sim->node[CLIENT].delivered;
    sim->cut[CLIENT] = true; /* or what it receives would make it rekey */
    sim_send(sim, GUEST, 60, 2);
    sim_run(sim, SEC / 2);
    test_report(sim->node[GUEST].sent[WG_DATA] == data + 1 && sim->node[CLIENT].delivered == got + 1,
                "a session of 179 s still carries", "not so");
    sim->delay = 3 * SEC;
    sim_send(sim, GUEST, 60, 2); /* leaves before, arrives after the end */
    sim_run(sim, 4 * SEC);
    test_report(sim->node[CLIENT].delivered == got + 1, "a packet that arrives after 180 s is refused",
                "accepted");
    data = sim->node[GUEST].sent[WG_DATA];
    sim_send(sim, GUEST, 60, 2);
    test_report(sim->node[GUEST].sent[WG_DATA] == data, "nothing is sent with it after 180 s", "sent");
    test_report(!sim_status(sim, CLIENT).established && !sim_status(sim, GUEST).established,
                "the status says so", "established");
    sim->cut[CLIENT] = false;
    sim->delay = 10 * MS;
    sim_run(sim, 6 * SEC);
    test_report(sim->node[CLIENT].delivered >= got + 2, "the staged packet goes out with the next session",
                "lost");
    sim_free(sim);
}

static void passive_keepalive(void) {
    struct sim *sim = established(8, 0);
    unsigned sent = sim->node[GUEST].sent[WG_DATA];
    uint64_t got = sim->now - SEC + 30 * MS;
    sim_run(sim, 20 * SEC);
    uint64_t at = sim->node[GUEST].sent_at[WG_DATA];
    test_report(sim->node[GUEST].sent[WG_DATA] == sent + 1 && at >= got + 10 * SEC && at < got + 11 * SEC,
                "unanswered data brings a keepalive after 10 s", "not so");
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 1, "which spares the new handshake",
                "another handshake");
    sim_run(sim, 60 * SEC);
    test_report(sim->node[GUEST].sent[WG_DATA] == sent + 1 && sim->node[CLIENT].sent[WG_DATA] == 1,
                "keepalives do not answer keepalives", "they do");
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, 5 * SEC);
    sim_send(sim, CLIENT, 60, 3);
    sim_run(sim, 20 * SEC);
    test_report(sim->node[GUEST].sent[WG_DATA] == sent + 3, "data during the wait brings another one",
                "another number");
    sim_free(sim);
}

static void answered_data(void) {
    struct sim *sim = established(13, 0);
    sim_run(sim, 30 * SEC);
    sim->node[GUEST].echo = true;
    unsigned sent = sim->node[GUEST].sent[WG_DATA];
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, 9 * SEC);
    sim_run(sim, 9 * SEC);
    test_report(sim->node[GUEST].sent[WG_DATA] == sent + 1,
                "data that was answered with data needs no keepalive", "one came");
    sim_free(sim);
}

/* The peer's own initiation was answered shortly before ours was due again, and the peer then fell silent. */
static void postponed_retry(void) {
    struct sim *sim = sim_new(14, 0);
    sim->cut[GUEST] = true;
    wg_set_endpoint(sim->node[GUEST].wg, &sim->node[CLIENT].address);
    sim_send(sim, GUEST, 60, 1);
    sim_run(sim, 4900 * MS);
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, 50 * MS);
    bool answered = sim->node[GUEST].sent[WG_RESPONSE] == 1;
    sim->node[CLIENT].frozen = true;
    sim_run(sim, 4 * SEC);
    test_report(answered && sim->node[GUEST].sent[WG_INITIATION] == 1, "after a response the own retry waits",
                "it does not");
    sim_run(sim, 2 * SEC);
    test_report(sim->node[GUEST].sent[WG_INITIATION] == 2, "but is not forgotten", "it is");
    sim_free(sim);
}

static void new_handshake(void) {
    struct sim *sim = established(9, 0);
    sim_run(sim, 20 * SEC); /* until its keepalive has come */
    sim->node[GUEST].frozen = true;
    uint64_t sent = sim->now;
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, 14 * SEC);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 1, "silence for 14 s: nothing yet", "a handshake");
    sim_run(sim, 2 * SEC);
    uint64_t gap = sim->node[CLIENT].sent_at[WG_INITIATION] - sent;
    test_report(gap >= 15 * SEC && gap < 15 * SEC + 334 * MS, "silence for 15 s: a new handshake",
                "another time");
    sim_free(sim);
}

static bool all_zero(const void *memory, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (((const uint8_t *)memory)[i] != 0)
            return false;
    return true;
}

static void zeroing(void) {
    struct sim *sim = established(10, 0);
    struct wg *wg = sim->node[CLIENT].wg;
    sim_run(sim, 538 * SEC);
    test_report(wg->current != NULL && !all_zero(wg->slots, sizeof wg->slots), "keys are there before 540 s",
                "gone");
    sim_run(sim, 2 * SEC);
    bool gone = !wg->current && !wg->previous && !wg->next && all_zero(wg->slots, sizeof wg->slots) &&
                all_zero(&wg->pending, sizeof wg->pending);
    test_report(gone, "after 540 s every key is wiped", "something is left");
    wg = sim->node[GUEST].wg;
    test_report(!wg->current && all_zero(wg->slots, sizeof wg->slots), "at the responder too",
                "something is left");
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].delivered == 2, "and a packet starts anew", "lost");
    sim_free(sim);
}

static void persistent_keepalive(void) {
    struct sim *sim = sim_new(11, 25);
    sim_run(sim, SEC);
    test_report(sim_status(sim, CLIENT).established && sim_status(sim, GUEST).established,
                "a keepalive makes the session by itself", "none");
    unsigned sent = sim->node[CLIENT].sent[WG_DATA];
    sim_run(sim, 101 * SEC);
    test_report(sim->node[CLIENT].sent[WG_DATA] == sent + 4, "one empty packet every 25 s", "another number");
    sim_run(sim, 3600 * SEC);
    test_report(sim_status(sim, CLIENT).established && sim_status(sim, GUEST).established,
                "still established an hour later", "not so");
    unsigned rekeys = sim->node[CLIENT].sent[WG_INITIATION];
    test_report(rekeys >= 24 && rekeys <= 31, "with a rekey every 120 to 145 s", "another number");
    sim->node[GUEST].frozen = true;
    sim_run(sim, 600 * SEC);
    sim->node[GUEST].frozen = false;
    sim->node[GUEST].deadline = sim->now;
    sim_run(sim, 30 * SEC);
    test_report(sim_status(sim, CLIENT).established && sim_status(sim, GUEST).established,
                "and again after the peer was away for 10 minutes", "not so");
    sim_free(sim);
}

static void message_limits(void) {
    struct sim *sim = established(12, 0);
    sim_run(sim, 30 * SEC);
    sim->node[GUEST].wg->current->counter = WG_REKEY_AFTER_MESSAGES;
    sim_send(sim, GUEST, 60, 2);
    test_report(sim->node[GUEST].sent[WG_INITIATION] == 1, "the responder rekeys after 2^60 messages, too",
                "it does not");
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].wg->current->counter < 10, "with a fresh counter", "the old one");
    sim->cut[GUEST] = sim->cut[CLIENT] = true;
    sim->node[GUEST].wg->current->counter = WG_REJECT_AFTER_MESSAGES - 1;
    unsigned data = sim->node[GUEST].sent[WG_DATA];
    sim_send(sim, GUEST, 60, 3);
    sim_send(sim, GUEST, 60, 4);
    test_report(sim->node[GUEST].sent[WG_DATA] == data + 1, "no message beyond the last counter", "sent");
    sim_free(sim);
}

int main(void) {
    retransmission();
    ephemeral_changes();
    rekey_by_time();
    rekey_when_receiving();
    reject_by_time();
    passive_keepalive();
    answered_data();
    postponed_retry();
    new_handshake();
    zeroing();
    persistent_keepalive();
    message_limits();
    return test_failures != 0;
}
