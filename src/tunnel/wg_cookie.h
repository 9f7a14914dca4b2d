/* SPDX-License-Identifier: MIT */
/* MAC1, MAC2 and cookies, both as the one who asks and as the one under load (facts/wireguard.md §1.7). */
#pragma once

#include "wg_noise.h"
#include "wireguard.h"

enum { WG_MAC = 16, WG_BUCKETS = 256 };

typedef void wg_random_fn(void *ctx, uint8_t *out, size_t len);

struct wg_bucket {
    uint64_t at;     /* time of `credit` */
    uint64_t credit; /* ns worth of handshakes */
};

struct wg_macs {
    uint8_t mac1_self[32], mac1_peer[32], cookie_self[32], cookie_peer[32];
    wg_random_fn *random;
    void *ctx;
    /* what the peer gave us */
    uint8_t cookie[WG_MAC], last_mac1[WG_MAC];
    uint64_t cookie_at;
    bool has_cookie, awaiting;
    /* what we give */
    uint8_t secret[32], bucket_key[32];
    uint64_t secret_at;
    bool has_secret;
    uint64_t second_at; /* begin of the second that is being counted */
    unsigned second_count;
    uint64_t loaded_until;
    struct wg_bucket buckets[WG_BUCKETS];
};

enum wg_verdict { WG_MAC_BAD, WG_MAC_GOOD, WG_MAC_NEEDS_COOKIE };

void wg_macs_init(struct wg_macs *macs, const uint8_t self_public[32], const uint8_t peer_public[32],
                  wg_random_fn *random, void *ctx);
/* Writes the two MACs at the end of a handshake message of `len` bytes for the peer. */
void wg_macs_sign(struct wg_macs *macs, uint8_t *msg, size_t len, uint64_t now);
/* Judges a received handshake message. Counts it for the load when its MAC1 is good; under load only a good
 * MAC2 within the rate limit passes. */
enum wg_verdict wg_macs_check(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg,
                              size_t len, uint64_t now);
/* The cookie reply to that message. */
void wg_macs_reply(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg, size_t len,
                   uint8_t out[WG_COOKIE_LEN], uint64_t now);
/* Keeps the cookie of a reply that answers the message signed last. False when it does not. */
bool wg_macs_consume(struct wg_macs *macs, const uint8_t msg[WG_COOKIE_LEN], uint64_t now);
