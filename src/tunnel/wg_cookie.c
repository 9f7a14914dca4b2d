/* SPDX-License-Identifier: MIT */
#include "wg_internal.h"

#include <sodium.h>

#include "blake2s.h"

#define SECOND UINT64_C(1000000000)
#define SECRET_AGE (120 * SECOND)
#define COOKIE_AGE (115 * SECOND) /* five seconds for the way less than the secret lives */

enum {
    LOAD_LIMIT = 50,
    RATE = 20,
    BURST = 5
}; /* handshakes per second that start the load; rate limit per source under load */
enum { NONCE = 24, M3_RECEIVER = 4, M3_NONCE = 8, M3_COOKIE = 32 };

static void label_key(uint8_t out[32], const char *label, const uint8_t public_key[32]) {
    struct blake2s state;
    blake2s_init(&state, 32, NULL, 0);
    blake2s_update(&state, label, 8);
    blake2s_update(&state, public_key, 32);
    blake2s_final(&state, out);
}

void wg_macs_init(struct wg_macs *macs, const uint8_t self_public[32], const uint8_t peer_public[32],
                  wg_random_fn *random, void *ctx) {
    memset(macs, 0, sizeof *macs);
    macs->random = random;
    macs->ctx = ctx;
    label_key(macs->mac1_self, "mac1----", self_public);
    label_key(macs->mac1_peer, "mac1----", peer_public);
    label_key(macs->cookie_self, "cookie--", self_public);
    label_key(macs->cookie_peer, "cookie--", peer_public);
}

void wg_macs_sign(struct wg_macs *macs, uint8_t *msg, size_t len, uint64_t now) {
    uint8_t *mac1 = msg + len - 2 * WG_MAC, *mac2 = msg + len - WG_MAC;
    blake2s(mac1, WG_MAC, msg, len - 2 * WG_MAC, macs->mac1_peer, 32);
    memcpy(macs->last_mac1, mac1, WG_MAC);
    macs->awaiting = true;
    if (macs->has_cookie && now - macs->cookie_at >= COOKIE_AGE) {
        sodium_memzero(macs->cookie, sizeof macs->cookie);
        macs->has_cookie = false;
    }
    if (macs->has_cookie)
        blake2s(mac2, WG_MAC, msg, len - WG_MAC, macs->cookie, WG_MAC);
    else
        memset(mac2, 0, WG_MAC);
}

static void make_cookie(struct wg_macs *macs, const struct wg_address *from, uint8_t cookie[WG_MAC],
                        uint64_t now) {
    uint8_t source[18];
    size_t n = from->ip_len <= 16 ? from->ip_len : 16;
    if (!macs->has_secret || now - macs->secret_at >= SECRET_AGE) {
        macs->random(macs->ctx, macs->secret, sizeof macs->secret);
        macs->random(macs->ctx, macs->bucket_key, sizeof macs->bucket_key);
        macs->secret_at = now;
        macs->has_secret = true;
    }
    memcpy(source, from->ip, n);
    source[n] = (uint8_t)(from->port >> 8);
    source[n + 1] = (uint8_t)from->port;
    blake2s(cookie, WG_MAC, source, n + 2, macs->secret, 32);
}

static bool under_load(struct wg_macs *macs, uint64_t now) {
    if (now - macs->second_at >= SECOND) {
        macs->second_at = now;
        macs->second_count = 0;
    }
    if (++macs->second_count > LOAD_LIMIT)
        macs->loaded_until = now + SECOND;
    return now < macs->loaded_until;
}

/* A token bucket per IPv4 address or IPv6 /64. Sources share buckets by a secret hash: no table can be filled
 * up. */
static bool within_rate(struct wg_macs *macs, const struct wg_address *from, uint64_t now) {
    uint8_t slot;
    const uint64_t cost = SECOND / RATE, most = cost * BURST;
    blake2s(&slot, 1, from->ip, from->ip_len == 4 ? 4 : 8, macs->bucket_key, 32);
    struct wg_bucket *bucket = &macs->buckets[slot];
    uint64_t gained = now - bucket->at;
    bucket->credit = gained >= most || bucket->credit + gained > most ? most : bucket->credit + gained;
    bucket->at = now;
    if (bucket->credit < cost)
        return false;
    bucket->credit -= cost;
    return true;
}

enum wg_verdict wg_macs_check(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg,
                              size_t len, uint64_t now) {
    uint8_t mac[WG_MAC], cookie[WG_MAC];
    blake2s(mac, WG_MAC, msg, len - 2 * WG_MAC, macs->mac1_self, 32);
    if (sodium_memcmp(mac, msg + len - 2 * WG_MAC, WG_MAC) != 0)
        return WG_MAC_BAD;
    if (!under_load(macs, now))
        return WG_MAC_GOOD;
    make_cookie(macs, from, cookie, now);
    blake2s(mac, WG_MAC, msg, len - WG_MAC, cookie, WG_MAC);
    sodium_memzero(cookie, sizeof cookie);
    if (sodium_memcmp(mac, msg + len - WG_MAC, WG_MAC) != 0)
        return WG_MAC_NEEDS_COOKIE;
    return within_rate(macs, from, now) ? WG_MAC_GOOD : WG_MAC_BAD;
}

void wg_macs_reply(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg, size_t len,
                   uint8_t out[WG_COOKIE_LEN], uint64_t now) {
    uint8_t cookie[WG_MAC];
    memset(out, 0, WG_COOKIE_LEN);
    out[0] = WG_COOKIE;
    memcpy(out + M3_RECEIVER, msg + 4, 4); /* the sender field of messages 1 and 2 */
    macs->random(macs->ctx, out + M3_NONCE, NONCE);
    make_cookie(macs, from, cookie, now);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + M3_COOKIE, NULL, cookie, WG_MAC, msg + len - 2 * WG_MAC,
                                               WG_MAC, NULL, out + M3_NONCE, macs->cookie_self);
    sodium_memzero(cookie, sizeof cookie);
}

bool wg_macs_consume(struct wg_macs *macs, const uint8_t msg[WG_COOKIE_LEN], uint64_t now) {
    uint8_t cookie[WG_MAC];
    if (!macs->awaiting || crypto_aead_xchacha20poly1305_ietf_decrypt(
                               cookie, NULL, NULL, msg + M3_COOKIE, WG_MAC + WG_TAG, macs->last_mac1, WG_MAC,
                               msg + M3_NONCE, macs->cookie_peer) != 0)
        return false;
    memcpy(macs->cookie, cookie, WG_MAC);
    sodium_memzero(cookie, sizeof cookie);
    macs->cookie_at = now;
    macs->has_cookie = true;
    macs->awaiting = false;
    return true;
}
