/* SPDX-License-Identifier: MIT */
/* Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it: pure functions over messages, without MACs,
 * clock or random (facts/wireguard.md §1.3). */
#pragma once

#include "../sys.h"

enum { WG_INITIATION = 1, WG_RESPONSE = 2, WG_COOKIE = 3, WG_DATA = 4 };
enum {
    WG_INITIATION_LEN = 148,
    WG_RESPONSE_LEN = 92,
    WG_COOKIE_LEN = 64,
    WG_DATA_HEADER = 16,
    WG_TAG = 16,
    WG_STAMP_LEN = 12
};

/* What stays the same for one pair of identities. */
struct noise_identity {
    uint8_t private_key[32], public_key[32], peer_public[32], psk[32];
    uint8_t shared[32];                         /* DH(own static, peer's static) */
    uint8_t chain0[32], hash0[32];              /* before any key is mixed in */
    uint8_t hash_to_self[32], hash_to_peer[32]; /* hash0 with the responder's static key mixed in */
};

/* A handshake under way. */
struct noise_handshake {
    uint8_t chain[32], hash[32];
    uint8_t ephemeral_private[32]; /* the initiator's, while it waits */
    uint8_t ephemeral_peer[32];    /* the initiator's, as the responder saw it */
    uint32_t local, remote;        /* session indices */
};

struct noise_keys {
    uint8_t send[32], receive[32];
};

/* False when a key makes an all-zero DH result. */
bool noise_identity_init(struct noise_identity *id, const uint8_t private_key[32],
                         const uint8_t peer_public[32], const uint8_t psk[32]);

/* Initiator: fills hs and msg up to its MACs, for a fresh ephemeral private key and the index hs->local.
 * False on a zero DH result. */
bool noise_initiate(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                    const uint8_t stamp[WG_STAMP_LEN], uint8_t msg[WG_INITIATION_LEN]);
/* Responder: opens a message 1 of exactly our peer into hs and stamp. False (and nothing to be kept) for
 * everything else. */
bool noise_read_initiation(const struct noise_identity *id, struct noise_handshake *hs,
                           uint8_t stamp[WG_STAMP_LEN], const uint8_t msg[WG_INITIATION_LEN]);
/* Responder: continues the hs of noise_read_initiation with a fresh ephemeral and the index hs->local. The
 * caller then derives keys. */
bool noise_respond(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                   uint8_t msg[WG_RESPONSE_LEN]);
/* Initiator: opens message 2 for hs, which changes only on success. */
bool noise_read_response(const struct noise_identity *id, struct noise_handshake *hs,
                         const uint8_t msg[WG_RESPONSE_LEN]);
/* Transport keys of a finished handshake, which is wiped. */
void noise_derive(struct noise_handshake *hs, bool initiator, struct noise_keys *keys);

uint32_t wg_load32(const uint8_t *p);
uint64_t wg_load64(const uint8_t *p);
void wg_store32(uint8_t *p, uint32_t value);
void wg_store64(uint8_t *p, uint64_t value);
