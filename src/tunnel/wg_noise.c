/* SPDX-License-Identifier: MIT */
#include "wg_internal.h"

#include <sodium.h>

#include "blake2s.h"

/* Offsets inside messages 1 and 2 (facts/wireguard.md §1.2). */
enum { M1_SENDER = 4, M1_EPHEMERAL = 8, M1_STATIC = 40, M1_STAMP = 88 };
enum { M2_SENDER = 4, M2_RECEIVER = 8, M2_EPHEMERAL = 12, M2_EMPTY = 44 };

static const uint8_t no_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

uint32_t wg_load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t wg_load64(const uint8_t *p) {
    return wg_load32(p) | (uint64_t)wg_load32(p + 4) << 32;
}

void wg_store32(uint8_t *p, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

void wg_store64(uint8_t *p, uint64_t value) {
    wg_store32(p, (uint32_t)value);
    wg_store32(p + 4, (uint32_t)(value >> 32));
}

static void mix_hash(uint8_t out[32], const uint8_t hash[32], const void *data, size_t len) {
    struct blake2s state;
    blake2s_init(&state, 32, NULL, 0);
    blake2s_update(&state, hash, 32);
    blake2s_update(&state, data, len);
    blake2s_final(&state, out);
}

/* Mixes DH(secret, point) into the chain; with `key`, also derives a message key. */
static bool mix_dh(uint8_t chain[32], uint8_t *key, const uint8_t secret[32], const uint8_t point[32]) {
    uint8_t dh[32];
    bool ok = crypto_scalarmult(dh, secret, point) == 0;
    if (ok && key)
        blake2s_kdf2(chain, key, chain, 32, dh, 32);
    else if (ok)
        blake2s_kdf1(chain, chain, 32, dh, 32);
    sodium_memzero(dh, sizeof dh);
    return ok;
}

static void mix_ephemeral(struct noise_handshake *hs, const uint8_t public_key[32]) {
    blake2s_kdf1(hs->chain, hs->chain, 32, public_key, 32);
    mix_hash(hs->hash, hs->hash, public_key, 32);
}

/* Encrypts with the handshake hash as associated data and mixes the result in. */
static void seal(struct noise_handshake *hs, uint8_t *out, const uint8_t *in, size_t len,
                 const uint8_t key[32]) {
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, hs->hash, 32, NULL, no_nonce, key);
    mix_hash(hs->hash, hs->hash, out, len + WG_TAG);
}

static bool open_field(struct noise_handshake *hs, uint8_t *out, const uint8_t *in, size_t len,
                       const uint8_t key[32]) {
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len + WG_TAG, hs->hash, 32, no_nonce,
                                                  key) != 0)
        return false;
    mix_hash(hs->hash, hs->hash, in, len + WG_TAG);
    return true;
}

static void mix_psk(const struct noise_identity *id, struct noise_handshake *hs, uint8_t key[32]) {
    uint8_t tau[32];
    blake2s_kdf3(hs->chain, tau, key, hs->chain, 32, id->psk, 32);
    mix_hash(hs->hash, hs->hash, tau, 32);
    sodium_memzero(tau, sizeof tau);
}

bool noise_identity_init(struct noise_identity *id, const uint8_t private_key[32],
                         const uint8_t peer_public[32], const uint8_t psk[32]) {
    static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
    static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
    memcpy(id->private_key, private_key, 32);
    memcpy(id->peer_public, peer_public, 32);
    memcpy(id->psk, psk, 32);
    blake2s(id->chain0, 32, construction, sizeof construction - 1, NULL, 0);
    mix_hash(id->hash0, id->chain0, identifier, sizeof identifier - 1);
    if (crypto_scalarmult_base(id->public_key, private_key) != 0 ||
        crypto_scalarmult(id->shared, private_key, peer_public) != 0)
        return false;
    mix_hash(id->hash_to_self, id->hash0, id->public_key, 32);
    mix_hash(id->hash_to_peer, id->hash0, peer_public, 32);
    return true;
}

bool noise_initiate(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                    const uint8_t stamp[WG_STAMP_LEN], uint8_t msg[WG_INITIATION_LEN]) {
    uint8_t key[32];
    memset(msg, 0, WG_INITIATION_LEN);
    msg[0] = WG_INITIATION;
    wg_store32(msg + M1_SENDER, hs->local);
    memcpy(hs->ephemeral_private, ephemeral, 32);
    memcpy(hs->chain, id->chain0, 32);
    memcpy(hs->hash, id->hash_to_peer, 32);
    bool ok = crypto_scalarmult_base(msg + M1_EPHEMERAL, ephemeral) == 0;
    if (ok) {
        mix_ephemeral(hs, msg + M1_EPHEMERAL);
        ok = mix_dh(hs->chain, key, ephemeral, id->peer_public);
    }
    if (ok) {
        seal(hs, msg + M1_STATIC, id->public_key, 32, key);
        blake2s_kdf2(hs->chain, key, hs->chain, 32, id->shared, 32);
        seal(hs, msg + M1_STAMP, stamp, WG_STAMP_LEN, key);
    }
    sodium_memzero(key, sizeof key);
    return ok;
}

bool noise_read_initiation(const struct noise_identity *id, struct noise_handshake *hs,
                           uint8_t stamp[WG_STAMP_LEN], const uint8_t msg[WG_INITIATION_LEN]) {
    uint8_t key[32], sender[32];
    memset(hs, 0, sizeof *hs);
    memcpy(hs->chain, id->chain0, 32);
    memcpy(hs->hash, id->hash_to_self, 32);
    memcpy(hs->ephemeral_peer, msg + M1_EPHEMERAL, 32);
    hs->remote = wg_load32(msg + M1_SENDER);
    mix_ephemeral(hs, hs->ephemeral_peer);
    bool ok = mix_dh(hs->chain, key, id->private_key, hs->ephemeral_peer) &&
              open_field(hs, sender, msg + M1_STATIC, 32, key) &&
              sodium_memcmp(sender, id->peer_public, 32) == 0;
    if (ok) {
        blake2s_kdf2(hs->chain, key, hs->chain, 32, id->shared, 32);
        ok = open_field(hs, stamp, msg + M1_STAMP, WG_STAMP_LEN, key);
    }
    if (!ok)
        sodium_memzero(hs, sizeof *hs);
    sodium_memzero(key, sizeof key);
    sodium_memzero(sender, sizeof sender);
    return ok;
}

bool noise_respond(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                   uint8_t msg[WG_RESPONSE_LEN]) {
    uint8_t key[32];
    memset(msg, 0, WG_RESPONSE_LEN);
    msg[0] = WG_RESPONSE;
    wg_store32(msg + M2_SENDER, hs->local);
    wg_store32(msg + M2_RECEIVER, hs->remote);
    if (crypto_scalarmult_base(msg + M2_EPHEMERAL, ephemeral) != 0)
        return false;
    mix_ephemeral(hs, msg + M2_EPHEMERAL);
    if (!mix_dh(hs->chain, NULL, ephemeral, hs->ephemeral_peer) ||
        !mix_dh(hs->chain, NULL, ephemeral, id->peer_public))
        return false;
    mix_psk(id, hs, key);
    seal(hs, msg + M2_EMPTY, NULL, 0, key);
    sodium_memzero(key, sizeof key);
    return true;
}

bool noise_read_response(const struct noise_identity *id, struct noise_handshake *hs,
                         const uint8_t msg[WG_RESPONSE_LEN]) {
    uint8_t key[32] = {0};
    struct noise_handshake next = *hs; /* a forged answer must not spoil the wait for the real one */
    next.remote = wg_load32(msg + M2_SENDER);
    mix_ephemeral(&next, msg + M2_EPHEMERAL);
    bool ok = mix_dh(next.chain, NULL, hs->ephemeral_private, msg + M2_EPHEMERAL) &&
              mix_dh(next.chain, NULL, id->private_key, msg + M2_EPHEMERAL);
    if (ok) {
        mix_psk(id, &next, key);
        ok = open_field(&next, NULL, msg + M2_EMPTY, 0, key);
    }
    if (ok)
        *hs = next;
    sodium_memzero(&next, sizeof next);
    sodium_memzero(key, sizeof key);
    return ok;
}

void noise_derive(struct noise_handshake *hs, bool initiator, struct noise_keys *keys) {
    if (initiator)
        blake2s_kdf2(keys->send, keys->receive, hs->chain, 32, NULL, 0);
    else
        blake2s_kdf2(keys->receive, keys->send, hs->chain, 32, NULL, 0);
    sodium_memzero(hs, sizeof *hs);
}
