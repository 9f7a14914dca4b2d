/* SPDX-License-Identifier: MIT */
/* The replay window: the sequence and loops of facts/wireguard.md §1.6, and a naive model with random
 * counters; limits of a session. */
#include "../../src/tunnel/wg_internal.h"

#include <sodium.h>

#include "wg_util.h"

#define W ((uint64_t)WG_WINDOW)
#define L (W + 1)
#define REJECT WG_REJECT_AFTER_MESSAGES

static struct wg_replay window;

static void sequence(void) {
    static const struct {
        uint64_t counter;
        bool accept;
    } steps[] = {
        {0, true},
        {1, true},
        {1, false},
        {9, true},
        {8, true},
        {7, true},
        {7, false},
        {L, true},
        {L - 1, true},
        {L - 1, false},
        {L - 2, true},
        {2, true},
        {2, false},
        {L + 16, true},
        {3, false},
        {L + 16, false},
        {4 * L, true},
        {4 * L - (L - 1), true},
        {10, false},
        {4 * L - L, false},
        {4 * L - (L + 1), false},
        {4 * L - (L - 2), true},
        {4 * L + 1 - L, false},
        {0, false},
        {REJECT, false},
        {REJECT - 1, true},
        {REJECT, false},
        {REJECT - 1, false},
        {REJECT - 2, true},
        {REJECT + 1, false},
        {REJECT + 2, false},
        {REJECT - 2, false},
        {REJECT - 3, true},
        {0, false},
    };
    memset(&window, 0, sizeof window);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "window step %zu: counter %llu is %s", i + 1,
                 (unsigned long long)steps[i].counter, steps[i].accept ? "accepted" : "refused");
        test_report(wg_replay_accept(&window, steps[i].counter) == steps[i].accept, name, "it is not");
    }
}

/* Accepts all of first..last, upwards or downwards; returns whether it did. */
static bool run(uint64_t first, uint64_t last) {
    bool good = true;
    memset(&window, 0, sizeof window);
    for (uint64_t c = first;; c += first < last ? 1 : UINT64_MAX) {
        good = wg_replay_accept(&window, c) && good;
        if (c == last)
            return good;
    }
}

static void loops(void) {
    bool good = run(1, W) && wg_replay_accept(&window, 0) && !wg_replay_accept(&window, 0);
    test_report(good, "upwards 1..W, then 0 once", "another answer");
    good = run(2, W + 1) && wg_replay_accept(&window, 1) && !wg_replay_accept(&window, 0);
    test_report(good, "upwards 2..W+1, then 1 but not 0", "another answer");
    test_report(run(W, 0), "downwards W..0", "another answer");
    good = run(W + 1, 1) && !wg_replay_accept(&window, 0);
    test_report(good, "downwards W+1..1, 0 is too old", "another answer");
    good = run(W, 1) && wg_replay_accept(&window, W + 1) && !wg_replay_accept(&window, 0);
    test_report(good, "downwards W..1, then W+1, 0 is too old", "another answer");
    good = run(W, 1) && wg_replay_accept(&window, 0) && wg_replay_accept(&window, W + 1);
    test_report(good, "downwards W..1, then 0, then W+1", "another answer");
}

/* Against a model that remembers every counter. */
static void model(void) {
    enum { SPACE = 1 << 18 };
    static uint8_t seen[SPACE];
    uint64_t seed = 42, top = 0;
    unsigned wrong = 0, accepted = 0;
    bool any = false;
    memset(&window, 0, sizeof window);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t back = test_random(&seed) % (test_random(&seed) % 4 == 0 ? 2 * W : 100),
                 jump = test_random(&seed);
        uint64_t c = jump % 5000 == 0 ? top + jump / 5000 % (2 * W)
                                      : top + 3 - (back < top + 3 ? back : top + 3);
        if (c >= SPACE)
            break;
        bool want = !seen[c] && !(any && c < top && top - c > W);
        if (wg_replay_accept(&window, c) != want)
            wrong++;
        seen[c] |= want;
        accepted += want;
        if (!any || c > top)
            top = c;
        any = true;
    }
    char why[64];
    snprintf(why, sizeof why, "%u wrong answers, %u accepted", wrong, accepted);
    test_report(wrong == 0 && accepted > 10000, "random counters agree with a model that forgets nothing",
                why);
}

static void limits(void) {
    static struct wg_session a, b;
    uint8_t packet[100], room[512], plain[512], *out = room + WG_ROOM_OUT, *inner = plain + WG_ROOM_KEY;
    uint64_t seed = 5;
    test_fill(&seed, a.keys.send, 32);
    memcpy(b.keys.receive, a.keys.send, 32);
    test_fill(&seed, packet, sizeof packet);
    a.counter = REJECT - 1;
    size_t n = wg_session_seal(&a, room, packet, sizeof packet, 12);
    test_report(n == 16 + 112 + 16, "length of a padded packet", "another length");
    test_report(wg_session_open(&b, plain, out, n) && memcmp(inner, packet, sizeof packet) == 0,
                "the last counter opens", "refused");
    n = wg_session_seal(&a, room, packet, sizeof packet, 0);
    test_report(!wg_session_open(&b, plain, out, n), "a counter beyond the limit does not", "accepted");
    a.counter = 7;
    n = wg_session_seal(&a, room, packet, sizeof packet, 0);
    out[n - 1] ^= 1;
    bool forged = wg_session_open(&b, plain, out, n);
    out[n - 1] ^= 1;
    struct wg_session untouched = b;
    untouched.replay = (struct wg_replay){.top = 0};
    test_report(!forged && memcmp(inner, packet, sizeof packet) != 0,
                "a forged tag is refused, its plaintext wiped", "accepted");
    test_report(wg_session_open(&untouched, plain, out, n), "and does not use up the counter", "refused");
}

static void lengths(void) {
    static struct wg_session a, b;
    uint8_t packet[WG_DATA_HEADER + 1500 + WG_TAG], plain[WG_ROOM(1500)], room[WG_ROOM(1500)],
        *out = room + WG_ROOM_OUT;
    uint64_t seed = 6;
    bool good = true;
    test_fill(&seed, a.keys.send, 32);
    memcpy(b.keys.receive, a.keys.send, 32);
    test_fill(&seed, packet, sizeof packet);
    for (size_t len = 0; len <= 1500; len++) {
        size_t n = wg_session_seal(&a, room, packet, len, 0);
        uint8_t nonce[12] = {0}, want[sizeof packet];
        wg_store64(nonce + 4, a.counter - 1);
        crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, packet, len, NULL, 0, NULL, nonce, a.keys.send);
        good = good && n == len + 32 && memcmp(want, out + 16, len + 16) == 0 &&
               wg_session_open(&b, plain, out, n) && memcmp(plain + WG_ROOM_KEY, packet, len) == 0;
    }
    test_report(good, "every length up to 1500 is what libsodium's AEAD makes of it, and opens", "differs");
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    sequence();
    loops();
    model();
    limits();
    lengths();
    return test_failures != 0;
}
