/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the WireGuard core in three states (fresh, handshake sent, established) is fed real
 * messages that the input mutates. Where the input asks for it, a mutated handshake gets its MACs again, and
 * inner packets are sealed with the true keys, so that the parsers behind the cryptography are reached,
 * too. */
#include "../../src/tunnel/wg_internal.h"
#include "../c/wg_sim.h"

enum { FRESH, CALLING, READY, STATES, MESSAGES = 4 };

static struct sim *worlds[STATES];
static struct {
    struct sim sim;
    struct wg core[2];
} saved[STATES];
static struct sim_packet originals[STATES][MESSAGES]; /* by type - 1 */

static void fuzz_deliver(void *ctx, const uint8_t *packet, size_t len) {
    struct sim_node *node = ctx;
    uint32_t source = node->id == CLIENT ? IP_GUEST : IP_CLIENT, got = 0;
    if (len < 20 || len > WG_INNER_MAX || packet[0] >> 4 != 4)
        abort();
    for (unsigned i = 0; i < 4; i++)
        got = got << 8 | packet[12 + i];
    if (got != source || ((size_t)packet[2] << 8 | packet[3]) != len)
        abort();
    wg_send(node->wg, packet, len < WG_MTU ? len : WG_MTU, node->sim->now);
}

static void build(int state) {
    struct sim *sim = worlds[state] = sim_new(9, state == READY ? 25 : 0);
    struct wg_macs *macs = &sim->node[GUEST].wg->macs;
    if (state != FRESH)
        sim_send(sim, CLIENT, 60, 1);
    if (state == READY)
        sim_run(sim, SEC);
    for (size_t i = sim->logged; i-- > 0;)
        originals[state][sim->log[i].data[0] - 1] = sim->log[i];
    if (state != FRESH) {
        struct sim_packet *cookie = &originals[state][WG_COOKIE - 1];
        const struct sim_packet *one = &originals[state][0];
        wg_macs_reply(macs, &one->from, one->data, one->len, cookie->data, sim->now);
        cookie->len = WG_COOKIE_LEN;
        cookie->to = CLIENT;
        cookie->from = sim->node[GUEST].address;
    }
    sim->queued = sim->logged = 0;
    for (int id = 0; id < 2; id++) {
        sim->node[id].wg->config.deliver = fuzz_deliver;
        saved[state].core[id] = *sim->node[id].wg;
    }
    saved[state].sim = *sim;
}

/* Messages that a state has not seen itself are borrowed from the world that is established. */
static const struct sim_packet *original(int state, unsigned message) {
    return originals[state][message].len > 0 ? &originals[state][message] : &originals[READY][message];
}

struct input {
    const uint8_t *data;
    size_t len;
};

static unsigned take(struct input *in) {
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

/* An inner packet of the input's bytes, sealed by the other end. */
static void sealed(struct sim *sim, int to, struct input *in) {
    struct wg_session *session = sim->node[1 - to].wg->current;
    uint8_t inner[2048], room[WG_ROOM(2048)];
    size_t len = take(in) * 6;
    if (!session)
        return;
    sim_inner(inner, sizeof inner, to == CLIENT ? IP_GUEST : IP_CLIENT, 1);
    inner[2] = (uint8_t)(len >> 8);
    inner[3] = (uint8_t)len;
    for (unsigned edits = take(in) % 8; edits > 0; edits--) {
        unsigned at = take(in) % 24;
        inner[at] = (uint8_t)take(in);
    }
    session->counter += take(in) * 64;
    size_t n = wg_session_seal(session, room, inner, len, take(in) % 32);
    wg_receive(sim->node[to].wg, &sim->node[1 - to].address, room + WG_ROOM_OUT, n, sim->now);
}

static void mutated(struct sim *sim, int state, int to, struct input *in) {
    const struct sim_packet *base = original(state, take(in) % MESSAGES);
    uint8_t msg[1500 + 256];
    size_t len = base->len;
    memcpy(msg, base->data, len);
    unsigned how = take(in);
    for (unsigned edits = how % 5; edits > 0; edits--) {
        unsigned at = take(in);
        msg[at % (len ? len : 1)] ^= (uint8_t)take(in);
    }
    if (how & 0x20)
        len = take(in) % (len + 1);
    if (how & 0x40) {
        memset(msg + len, (int)take(in), 200);
        len += take(in) % 200;
    }
    if (how & 0x80 && (len == WG_INITIATION_LEN || len == WG_RESPONSE_LEN)) {
        struct wg_macs macs = sim->node[1 - to].wg->macs;
        wg_macs_sign(&macs, msg, len, sim->now);
    }
    struct wg_address from = sim_address((uint8_t)(how & 8 ? 77 : 1),
                                         (uint16_t)(how & 16 ? take(in) : 40000));
    uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees every byte beyond the end */
    if (!exact)
        abort();
    memcpy(exact, msg, len);
    wg_receive(sim->node[to].wg, &from, exact, len, sim->now);
    free(exact);
}

static void raw(struct sim *sim, int to, struct input *in) {
    size_t len = take(in);
    len = len < in->len ? len : in->len;
    wg_receive(sim->node[to].wg, &sim->node[1 - to].address, in->data, len, sim->now);
    in->data += len;
    in->len -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input in = {data, len};
    if (!worlds[0])
        for (int state = 0; state < STATES; state++)
            build(state);
    int state = (int)(take(&in) % STATES);
    struct sim *sim = worlds[state];
    *sim = saved[state].sim;
    for (int id = 0; id < 2; id++)
        *sim->node[id].wg = saved[state].core[id];
    for (unsigned steps = 0; in.len > 0 && steps < 40; steps++) {
        unsigned op = take(&in);
        int to = op >> 7 ? GUEST : CLIENT;
        switch (op % 8) {
        case 0:
            sim_run(sim, take(&in) * 10 * MS);
            break;
        case 1:
            sim_run(sim, take(&in) * SEC);
            break;
        case 2:
            sim_send(sim, to, 20 + take(&in) * 5, 3);
            break;
        case 3:
            sealed(sim, to, &in);
            break;
        case 4:
            raw(sim, to, &in);
            break;
        case 5:
            wg_initiate(sim->node[to].wg, sim->now);
            break;
        default:
            mutated(sim, state, to, &in);
            break;
        }
        sim_tick(&sim->node[to]);
    }
    return 0;
}
