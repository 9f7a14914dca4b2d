/* SPDX-License-Identifier: MIT */
/* What two cores do to each other: roaming, restarts, simultaneous handshakes, and everything that must be
 * refused. */
#include "../../src/tunnel/wg_internal.h"
#include "wg_sim.h"

static struct sim *established(uint64_t seed) {
    struct sim *sim = sim_new(seed, 0);
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, SEC);
    if (!sim_status(sim, CLIENT).established || !sim_status(sim, GUEST).established)
        test_report(false, "a session to start from", "none");
    return sim;
}

/* Gives one datagram to a node, and says whether it counted it as refused. */
static bool refused(struct sim *sim, int id, const struct wg_address *from, const uint8_t *data, size_t len) {
    uint64_t before = sim_status(sim, id).rx_dropped;
    wg_receive(sim->node[id].wg, from, data, len, sim->now);
    return sim_status(sim, id).rx_dropped == before + 1;
}

static void wrong_keys(void) {
    for (int which = 0; which < 3; which++) {
        static const char *const names[] = {"a foreign static key", "a wrong preshared key",
                                            "a wrong peer key"};
        struct sim *sim = sim_new(20, 0);
        struct wg_config config = sim_config(sim, CLIENT);
        uint8_t other[32];
        uint64_t seed = 77;
        test_fill(&seed, other, 32);
        if (which == 0)
            memcpy(config.private_key, other, 32);
        else if (which == 1)
            config.psk[5] ^= 1;
        else
            crypto_scalarmult_base(config.peer_public, other);
        wg_free(sim->node[CLIENT].wg);
        sim_start(sim, CLIENT, &config);
        sim_send(sim, CLIENT, 60, 1);
        sim_run(sim, 20 * SEC);
        unsigned answers = 0;
        for (unsigned type = 0; type < 5; type++)
            answers += sim->node[GUEST].sent[type];
        char name[64];
        snprintf(name, sizeof name, "%s: %s", names[which], which == 1 ? "no session" : "silence");
        /* The preshared key is mixed in by the answer, so that one is made. */
        bool good = !sim_status(sim, CLIENT).established && !sim_status(sim, GUEST).established &&
                    sim->node[GUEST].delivered == 0;
        test_report(good && (which == 1 || answers == 0) && sim->node[CLIENT].sent[WG_DATA] == 0, name,
                    "not so");
        sim_free(sim);
    }
}

static void unusable_key(void) {
    struct sim *sim = sim_new(21, 0);
    struct wg_config config = sim_config(sim, CLIENT);
    memset(config.peer_public, 0, 32);
    struct wg *wg = wg_new(&config, sim->now);
    test_report(wg == NULL, "a peer key of zeros is refused", "accepted");
    wg_free(wg);
    sim_free(sim);
}

static void malformed(void) {
    struct sim *sim = established(22);
    const struct wg_address from = sim->node[GUEST].address;
    uint8_t junk[2048] = {0};
    bool good = true;
    for (unsigned type = 0; type < 6; type++)
        for (size_t len = 0; len < 200; len++) {
            junk[0] = (uint8_t)type;
            good = refused(sim, CLIENT, &from, junk, len) && good;
        }
    test_report(good, "every type with every length of zeros is refused", "one is accepted");
    size_t i = 0;
    while (i < sim->logged && sim->log[i].data[0] != WG_RESPONSE)
        i++;
    struct sim_packet p = sim->log[i];
    good = refused(sim, CLIENT, &from, p.data, p.len) &&
           refused(sim, GUEST, &from, sim->log[0].data, sim->log[0].len);
    test_report(good, "messages 1 and 2 do not work twice", "accepted");
    test_report(sim->node[CLIENT].sent[WG_COOKIE] == 0 && sim->node[GUEST].sent[WG_RESPONSE] == 1,
                "and nothing is answered", "an answer");
    memcpy(junk, sim->log[0].data, 148);
    junk[1] = 1;
    test_report(refused(sim, GUEST, &from, junk, 148), "reserved bytes must be zero", "accepted");
    sim_free(sim);
}

/* Seals an inner packet of the client's session by hand and gives it to the guest. Returns whether it was
 * delivered. */
static bool guest_takes(struct sim *sim, const uint8_t *inner, size_t len) {
    uint8_t room[2048], *out = room + WG_ROOM_OUT;
    unsigned before = sim->node[GUEST].delivered;
    size_t n = wg_session_seal(sim->node[CLIENT].wg->current, room, inner, len, (16 - len % 16) % 16);
    wg_receive(sim->node[GUEST].wg, &sim->node[CLIENT].address, out, n, sim->now);
    return sim->node[GUEST].delivered == before + 1;
}

static void inner_filter(void) {
    struct sim *sim = established(23);
    uint8_t p[1500], q[1500];
    sim_inner(p, 60, IP_CLIENT, 7);
    test_report(guest_takes(sim, p, 60) && sim->node[GUEST].inner_len == 60,
                "the peer's address as inner source passes, without padding", "refused");
    sim_inner(q, 60, 0x0a0d2503, 7);
    test_report(!guest_takes(sim, q, 60), "another inner source is dropped", "delivered");
    memcpy(q, p, 60);
    q[0] = 0x65;
    test_report(!guest_takes(sim, q, 60), "inner IPv6 is dropped", "delivered");
    memcpy(q, p, 60);
    q[3] = 100;
    test_report(!guest_takes(sim, q, 60), "an inner length beyond the packet is dropped", "delivered");
    q[3] = 19;
    test_report(!guest_takes(sim, q, 60), "an inner length below the header is dropped", "delivered");
    memcpy(q, p, 60);
    q[0] = 0x44;
    test_report(!guest_takes(sim, q, 60), "an inner header of 16 bytes is dropped", "delivered");
    test_report(!guest_takes(sim, p, 4), "an inner packet of 4 bytes is dropped", "delivered");
    sim_inner(q, 1440, IP_CLIENT, 7);
    test_report(guest_takes(sim, q, 1440), "a peer with a larger MTU is understood", "refused");
    unsigned sent = sim->node[CLIENT].sent[WG_DATA];
    sim_send(sim, CLIENT, WG_MTU, 5);
    test_report(sim->node[CLIENT].sent[WG_DATA] == sent + 1 && sim->log[sim->logged - 1].len == WG_MTU + 32,
                "a full packet is not padded", "it is");
    wg_send(sim->node[CLIENT].wg, q, WG_MTU + 1, sim->now);
    test_report(sim->node[CLIENT].sent[WG_DATA] == sent + 1, "a larger one is not sent", "sent");
    sim_free(sim);
}

static void old_stamps(void) {
    struct sim *sim = established(24);
    sim_run(sim, 10 * SEC);
    sim->wall_offset = -1000;
    wg_initiate(sim->node[CLIENT].wg, sim->now);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].sent[WG_RESPONSE] == 2, "a wall clock set back does not stop handshakes",
                "it does");
    struct wg_config config = sim_config(sim, CLIENT);
    wg_free(sim->node[CLIENT].wg);
    sim_start(sim, CLIENT, &config);
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].sent[WG_RESPONSE] == 2 && !sim_status(sim, CLIENT).established,
                "an older timestamp is refused", "accepted");
    sim->wall_offset = 0;
    sim_run(sim, 6 * SEC);
    test_report(sim_status(sim, CLIENT).established, "a restarted client with a right clock is accepted",
                "refused");
    config.stamp_after = sim_status(sim, CLIENT).stamp;
    sim->wall_offset = -10000;
    wg_free(sim->node[CLIENT].wg);
    sim_start(sim, CLIENT, &config);
    test_report(sim_status(sim, CLIENT).stamp == config.stamp_after,
                "before its first stamp it knows the bound it was given", "another");
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, SEC);
    test_report(
        sim_status(sim, CLIENT).established && sim_status(sim, CLIENT).stamp == config.stamp_after + 1,
        "a restarted client with a clock far behind is accepted when it knows how far it was", "refused");
    sim_free(sim);
}

static void flood(void) {
    struct sim *sim = established(25);
    struct wg *wg = sim->node[CLIENT].wg;
    sim_run(sim, 10 * SEC);
    for (unsigned i = 0; i < 4; i++) {
        wg->asked_until = 0;
        wg_initiate(wg, sim->now);
        sim_run(sim, 6 * MS);
    }
    sim_run(sim, SEC);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 5 && sim->node[GUEST].sent[WG_RESPONSE] == 2,
                "initiations within 20 ms are ignored", "answered");
    wg->asked_until = 0;
    wg_initiate(wg, sim->now);
    wg_initiate(wg, sim->now);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == 6, "asked initiations are a second apart", "closer");
    sim_free(sim);
}

static void restart(void) {
    struct sim *sim = established(26);
    struct wg_config config = sim_config(sim, GUEST);
    sim_run(sim, 20 * SEC);
    wg_free(sim->node[GUEST].wg);
    sim_start(sim, GUEST, &config);
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, SEC);
    test_report(!sim_status(sim, GUEST).established && sim_status(sim, CLIENT).established,
                "a restarted guest knows nothing", "it does");
    wg_initiate(sim->node[CLIENT].wg, sim->now);
    sim_run(sim, SEC);
    sim_send(sim, CLIENT, 60, 3);
    sim_run(sim, SEC);
    test_report(sim_status(sim, GUEST).established && sim->node[GUEST].inner[59] == 3,
                "a handshake on demand repairs it at once", "it does not");
    wg_free(sim->node[GUEST].wg);
    sim_start(sim, GUEST, &config);
    sim_send(sim, CLIENT, 60, 4);
    sim_run(sim, 17 * SEC);
    sim_send(sim, CLIENT, 60, 5);
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].inner[59] == 5, "and by itself after 15 s of silence", "it does not");
    sim_free(sim);
}

static void roaming(void) {
    struct sim *sim = established(27);
    struct wg_address third = sim_address(9, 9999);
    sim->node[CLIENT].address = sim_address(77, 1234);
    sim_send(sim, GUEST, 60, 2);
    sim_run(sim, SEC);
    test_report(sim->node[CLIENT].delivered == 0, "the client has moved: the old address leads nowhere",
                "delivered");
    sim_send(sim, CLIENT, 60, 3);
    sim_run(sim, SEC);
    sim_send(sim, GUEST, 60, 4);
    sim_run(sim, SEC);
    test_report(sim->node[CLIENT].delivered == 1 && sim->node[CLIENT].inner[59] == 4,
                "one packet from the new address brings the guest along", "it does not");
    struct sim_packet p = sim->log[sim->logged - 1];
    test_report(refused(sim, CLIENT, &third, p.data, p.len) && sim_status(sim, CLIENT).endpoint.port == 51820,
                "a replayed packet from elsewhere does not move the endpoint", "it does");
    p.data[p.len - 1] ^= 1;
    p.data[8]++;
    test_report(refused(sim, CLIENT, &third, p.data, p.len) && sim_status(sim, CLIENT).endpoint.port == 51820,
                "nor does a forged one", "it does");
    sim_free(sim);
}

/* The answer to an initiation comes from elsewhere than where it was sent (the peer is behind some balancer,
 * or moved meanwhile). */
static void answered_from_elsewhere(void) {
    struct sim *sim = sim_new(33, 0);
    sim_send(sim, CLIENT, 60, 1);
    sim_run(sim, 15 * MS); /* the guest has answered, the answer is on its way */
    sim->node[GUEST].address = sim_address(61, 777);
    for (size_t i = 0; i < sim->queued; i++)
        sim->queue[i].from = sim->node[GUEST].address;
    sim_run(sim, SEC);
    test_report(sim->node[GUEST].delivered == 1 && sim_status(sim, CLIENT).endpoint.port == 777,
                "the endpoint follows message 2", "it does not");
    sim_free(sim);
}

/* Slots that no role holds must not keep keys. */
static bool spare_slots_wiped(const struct wg *wg) {
    static const struct wg_session zeros;
    for (size_t i = 0; i < 3; i++)
        if (&wg->slots[i] != wg->current && &wg->slots[i] != wg->next && &wg->slots[i] != wg->previous &&
            memcmp(&wg->slots[i], &zeros, sizeof zeros) != 0)
            return false;
    return true;
}

static void replaced_sessions(void) {
    struct sim *sim = established(34);
    bool wiped = true, used = true;
    for (unsigned i = 0; i < 6; i++) {
        sim->cut[GUEST] = i % 3 != 0; /* some answers never arrive: unconfirmed sessions pile up */
        sim_run(sim, 2 * SEC);
        wg_initiate(sim->node[CLIENT].wg, sim->now);
        sim_run(sim, SEC);
        wiped = wiped && spare_slots_wiped(sim->node[GUEST].wg) && spare_slots_wiped(sim->node[CLIENT].wg);
        used = used && (i % 3 == 0 || sim->node[GUEST].wg->next);
    }
    test_report(used && wiped, "sessions that were replaced leave no key behind", "they do");
    sim_free(sim);
}

static void new_endpoint(void) {
    struct sim *sim = sim_new(28, 25);
    struct wg_address right = sim_address(50, 4444);
    sim->queued = 0;
    sim->node[GUEST].address = right; /* the client still calls the old one */
    sim_run(sim, 2 * SEC);
    test_report(!sim_status(sim, CLIENT).established, "wrong endpoint: no session", "one");
    wg_set_endpoint(sim->node[CLIENT].wg, &right);
    sim_tick(&sim->node[CLIENT]);
    sim_run(sim, SEC / 10);
    test_report(sim_status(sim, CLIENT).established, "a new endpoint is tried at once", "it waits");
    unsigned sent = sim->node[CLIENT].sent[WG_INITIATION];
    right = sim->node[GUEST].address = sim_address(51, 4445);
    wg_set_endpoint(sim->node[CLIENT].wg, &right);
    sim_tick(&sim->node[CLIENT]);
    sim_send(sim, CLIENT, 60, 8);
    sim_run(sim, SEC / 10);
    test_report(sim->node[CLIENT].sent[WG_INITIATION] == sent && sim->node[GUEST].inner[59] == 8,
                "sessions stay over a new endpoint", "a new handshake");
    sim_free(sim);
}

static void silent_guest(void) {
    struct sim *sim = sim_new(29, 0);
    sim_send(sim, GUEST, 60, 1);
    wg_initiate(sim->node[GUEST].wg, sim->now);
    sim_run(sim, 60 * SEC);
    test_report(sim->logged == 0, "without an endpoint nothing is sent", "something");
    sim_send(sim, CLIENT, 60, 2);
    sim_run(sim, SEC);
    test_report(sim->node[CLIENT].delivered == 1 && sim->node[GUEST].delivered == 1,
                "what was staged goes out when the peer has called", "lost");
    sim_free(sim);
}

static void staging(void) {
    struct sim *sim = sim_new(30, 0);
    for (unsigned i = 0; i < 131; i++)
        sim_send(sim, CLIENT, 60 + i, (uint8_t)i);
    sim_run(sim, SEC);
    const struct sim_packet *first = &sim->log[2];
    test_report(sim->node[GUEST].delivered == 128, "128 packets wait for the session", "another number");
    test_report(first->data[0] == WG_DATA && first->len == 32 + 64 && sim->node[GUEST].inner[59] == 130,
                "the oldest were dropped, the order is kept", "not so");
    sim_free(sim);
}

static void simultaneous(void) {
    unsigned good = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct sim *sim = sim_new(1000 + seed, 0);
        wg_set_endpoint(sim->node[GUEST].wg, &sim->node[CLIENT].address);
        sim_send(sim, CLIENT, 60, 1);
        sim_run(sim, seed * MS / 2);
        sim_send(sim, GUEST, 60, 2);
        sim_run(sim, SEC);
        sim_send(sim, CLIENT, 60, 3);
        sim_send(sim, GUEST, 60, 4);
        sim_run(sim, SEC);
        good += sim->node[CLIENT].delivered == 2 && sim->node[GUEST].delivered == 2 &&
                sim->node[CLIENT].inner[59] == 4 && sim->node[GUEST].inner[59] == 3 &&
                sim->node[CLIENT].sent[WG_INITIATION] + sim->node[GUEST].sent[WG_INITIATION] <= 2;
        sim_free(sim);
    }
    test_report(good == 50, "both ends calling at once meet without a retry, at 50 different moments",
                "not at each");
}

int main(void) {
    wrong_keys();
    unusable_key();
    malformed();
    inner_filter();
    old_stamps();
    flood();
    restart();
    roaming();
    answered_from_elsewhere();
    replaced_sessions();
    new_endpoint();
    silent_guest();
    staging();
    simultaneous();
    return test_failures != 0;
}
