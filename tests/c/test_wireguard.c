/* SPDX-License-Identifier: MIT */
/* The WireGuard core against the known-answer vectors of facts/wireguard.md §1.9: first its parts, then whole
 * cores that speak. */
#include "../../src/tunnel/wg_internal.h"
#include "wg_sim.h"

static char label[128];

static const char *named(const struct wg_vector *v, const char *what) {
    snprintf(label, sizeof label, "%s, %s", what, v->name);
    return label;
}

static void identities(const struct wg_vector *v, struct noise_identity *client,
                       struct noise_identity *guest) {
    uint8_t si[32], sr[32], si_pub[32], sr_pub[32], psk[32];
    unhex(si, V_SI);
    unhex(sr, V_SR);
    unhex(si_pub, V_SI_PUB);
    unhex(sr_pub, V_SR_PUB);
    unhex(psk, v->psk);
    test_report(noise_identity_init(client, si, sr_pub, psk), named(v, "client identity"), "refused");
    test_report(noise_identity_init(guest, sr, si_pub, psk), named(v, "guest identity"), "refused");
    test_bytes(named(v, "client's public key"), client->public_key, 32, V_SI_PUB);
    test_bytes(named(v, "guest's public key"), guest->public_key, 32, V_SR_PUB);
    test_bytes(named(v, "first chaining key"), client->chain0, 32, V_CK0);
    test_bytes(named(v, "first hash"), client->hash0, 32, V_H0);
}

static void zero_random(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    memset(out, 0, len);
}

static void session_vectors(const struct wg_vector *v, struct noise_keys *client, struct noise_keys *guest) {
    static struct wg_session c, g;
    uint8_t inner[64], room[512], plain[512], data[256], *out = room + WG_ROOM_OUT;
    size_t len = unhex(inner, V_INNER), n;
    memset(&c, 0, sizeof c);
    memset(&g, 0, sizeof g);
    c.keys = *client;
    g.keys = *guest;
    c.remote = 0xaabbccdd;
    g.remote = 0x11223344;
    n = wg_session_seal(&c, room, NULL, 0, 0);
    test_bytes(named(v, "keepalive"), out, n, v->keepalive);
    n = wg_session_seal(&c, room, inner, len, 48 - len);
    test_bytes(named(v, "data packet, counter 1"), out, n, v->data);
    g.counter = UINT64_C(1) << 60;
    n = wg_session_seal(&g, room, inner, len, 48 - len);
    test_bytes(named(v, "data packet, counter 2^60"), out, n, v->data60);
    n = unhex(data, v->data60);
    bool good = wg_session_open(&c, plain, data, n) && memcmp(plain + WG_ROOM_KEY, inner, len) == 0;
    test_report(good, named(v, "counter 2^60 opens"), "refused");
    test_report(!wg_session_open(&c, plain, data, n), named(v, "and not twice"), "accepted");
}

static void parts(const struct wg_vector *v) {
    struct noise_identity client, guest;
    struct noise_handshake i = {.local = 0x11223344}, r;
    struct noise_keys ci, gr;
    static struct wg_macs to_guest, to_client;
    uint8_t msg1[WG_INITIATION_LEN], msg2[WG_RESPONSE_LEN], ei[32], er[32], stamp[12], got[12];
    identities(v, &client, &guest);
    wg_macs_init(&to_guest, client.public_key, guest.public_key, zero_random, NULL);
    wg_macs_init(&to_client, guest.public_key, client.public_key, zero_random, NULL);
    test_bytes(named(v, "mac1 key to the guest"), to_guest.mac1_peer, 32, V_MAC1_R);
    test_bytes(named(v, "mac1 key to the client"), to_guest.mac1_self, 32, V_MAC1_I);
    test_bytes(named(v, "cookie key of the guest"), to_guest.cookie_peer, 32, V_COOKIE_R);
    unhex(ei, V_EI);
    unhex(er, V_ER);
    unhex(stamp, V_STAMP);
    test_report(noise_initiate(&client, &i, ei, stamp, msg1), named(v, "initiation made"), "refused");
    wg_macs_sign(&to_guest, msg1, sizeof msg1, 1);
    test_bytes(named(v, "message 1"), msg1, sizeof msg1, V_MSG1);
    test_bytes(named(v, "chaining key after message 1"), i.chain, 32, V_CHAIN1);
    test_bytes(named(v, "hash after message 1"), i.hash, 32, V_HASH1);
    test_report(noise_read_initiation(&guest, &r, got, msg1), named(v, "message 1 opens"), "refused");
    test_bytes(named(v, "timestamp inside"), got, sizeof got, V_STAMP);
    test_bytes(named(v, "responder's hash after message 1"), r.hash, 32, V_HASH1);
    r.local = 0xaabbccdd;
    test_report(noise_respond(&guest, &r, er, msg2), named(v, "response made"), "refused");
    wg_macs_sign(&to_client, msg2, sizeof msg2, 1);
    test_bytes(named(v, "message 2"), msg2, sizeof msg2, v->msg2);
    test_bytes(named(v, "chaining key after message 2"), r.chain, 32, v->chain2);
    test_bytes(named(v, "hash after message 2"), r.hash, 32, v->hash2);
    test_report(noise_read_response(&client, &i, msg2), named(v, "message 2 opens"), "refused");
    test_bytes(named(v, "initiator's chaining key after message 2"), i.chain, 32, v->chain2);
    test_bytes(named(v, "initiator's hash after message 2"), i.hash, 32, v->hash2);
    noise_derive(&i, true, &ci);
    noise_derive(&r, false, &gr);
    test_bytes(named(v, "initiator's sending key"), ci.send, 32, v->i2r);
    test_bytes(named(v, "initiator's receiving key"), ci.receive, 32, v->r2i);
    test_bytes(named(v, "responder's sending key"), gr.send, 32, v->r2i);
    test_bytes(named(v, "responder's receiving key"), gr.receive, 32, v->i2r);
    uint8_t zeros[sizeof i] = {0};
    test_report(memcmp(&i, zeros, sizeof i) == 0, named(v, "the handshake is wiped"), "something is left");
    session_vectors(v, &ci, &gr);
}

/* Random for whole cores: ephemeral keys and indices of the vectors, by their length. */
static void vector_random(void *ctx, uint8_t *out, size_t len) {
    const struct sim_node *node = ctx;
    if (len == 32)
        unhex(out, node->id == CLIENT ? V_EI : V_ER);
    else if (len == 4)
        unhex(out, node->id == CLIENT ? "44332211" : "ddccbbaa");
    else
        memset(out, 0, len);
}

static void vector_wall(void *ctx, uint64_t *seconds, uint32_t *nanoseconds) {
    (void)ctx;
    *seconds = 0x6553f10a - 10;
    *nanoseconds = 0x1dffffff; /* rounded down to the vector's */
}

static const struct sim_packet *logged(const struct sim *sim, unsigned type, unsigned nth) {
    for (size_t i = 0; i < sim->logged; i++)
        if (sim->log[i].data[0] == type && nth-- == 0)
            return &sim->log[i];
    static const struct sim_packet none;
    return &none;
}

static void cores(const struct wg_vector *v) {
    struct sim *sim = sim_new(1, 0);
    uint8_t inner[64], data[256];
    size_t len = unhex(inner, V_INNER), n = unhex(data, v->data60);
    for (int id = 0; id < 2; id++) {
        struct wg_config config = sim_config(sim, id);
        unhex(config.psk, v->psk);
        config.random = vector_random;
        config.wall = vector_wall;
        config.peer_inner_ip = IP_CLIENT; /* the vectors send the same inner packet both ways */
        wg_free(sim->node[id].wg);
        sim_start(sim, id, &config);
    }
    wg_send(sim->node[CLIENT].wg, inner, len, sim->now);
    sim_run(sim, SEC);
    const struct sim_packet *p = logged(sim, WG_INITIATION, 0);
    test_bytes(named(v, "core: message 1"), p->data, p->len, V_MSG1);
    p = logged(sim, WG_RESPONSE, 0);
    test_bytes(named(v, "core: message 2"), p->data, p->len, v->msg2);
    test_report(logged(sim, WG_DATA, 0)->len == 80,
                named(v, "core: the staged packet confirms the keys, padded to 48"), "another length");
    test_bytes(named(v, "core: inner packet at the guest, without padding"), sim->node[GUEST].inner,
               sim->node[GUEST].inner_len, V_INNER);
    wg_send(sim->node[CLIENT].wg, inner, len, sim->now);
    p = logged(sim, WG_DATA, 1);
    test_bytes(named(v, "core: data packet, counter 1"), p->data, p->len, v->data);
    wg_receive(sim->node[CLIENT].wg, &sim->node[GUEST].address, data, n, sim->now);
    test_bytes(named(v, "core: data packet from the guest, counter 2^60"), sim->node[CLIENT].inner,
               sim->node[CLIENT].inner_len, V_INNER);
    sim_free(sim);
}

static void keepalive_first(const struct wg_vector *v) {
    struct sim *sim = sim_new(1, 0);
    for (int id = 0; id < 2; id++) {
        struct wg_config config = sim_config(sim, id);
        unhex(config.psk, v->psk);
        config.random = vector_random;
        config.wall = vector_wall;
        config.keepalive = id == CLIENT ? 25 : 0;
        wg_free(sim->node[id].wg);
        sim_start(sim, id, &config);
    }
    sim_run(sim, SEC);
    const struct sim_packet *p = logged(sim, WG_DATA, 0);
    test_bytes(named(v, "core: nothing staged, a keepalive confirms the keys"), p->data, p->len,
               v->keepalive);
    test_report(sim_status(sim, GUEST).established && sim_status(sim, CLIENT).established,
                named(v, "core: both ends established"), "not so");
    sim_free(sim);
}

static void cookie_random(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    if (len == 24)
        unhex(out, V_NONCE);
    else
        unhex(out, V_SECRET);
}

static void cookie_vectors(void) {
    static struct wg_macs guest, client;
    struct wg_address from = {.ip = {203, 0, 113, 7}, .ip_len = 4, .port = 51820};
    uint8_t si[32], sr[32], msg1[WG_INITIATION_LEN], msg3[WG_COOKIE_LEN];
    unhex(si, V_SI_PUB);
    unhex(sr, V_SR_PUB);
    unhex(msg1, V_MSG1);
    wg_macs_init(&guest, sr, si, cookie_random, NULL);
    wg_macs_init(&client, si, sr, zero_random, NULL);
    wg_macs_reply(&guest, &from, msg1, sizeof msg1, msg3, SEC);
    test_bytes("cookie reply", msg3, sizeof msg3, V_MSG3);
    test_report(!wg_macs_consume(&client, msg3, SEC), "a cookie nobody asked for is refused", "accepted");
    wg_macs_sign(&client, msg1, sizeof msg1, SEC);
    test_bytes("message 1 before the cookie", msg1, sizeof msg1, V_MSG1);
    test_report(wg_macs_consume(&client, msg3, SEC), "the cookie reply opens", "refused");
    test_bytes("cookie", client.cookie, sizeof client.cookie, V_TAU);
    test_report(!wg_macs_consume(&client, msg3, SEC), "only once", "accepted");
    wg_macs_sign(&client, msg1, sizeof msg1, 2 * SEC);
    test_bytes("mac2 of the resent message", msg1 + 132, 16, V_MAC2);
    wg_macs_sign(&client, msg1, sizeof msg1, 116 * SEC);
    test_bytes("no mac2 after 115 s", msg1 + 132, 16, "00000000000000000000000000000000");
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    for (size_t i = 0; i < 2; i++) {
        parts(&wg_vectors[i]);
        cores(&wg_vectors[i]);
        keepalive_first(&wg_vectors[i]);
    }
    cookie_vectors();
    return test_failures != 0;
}
