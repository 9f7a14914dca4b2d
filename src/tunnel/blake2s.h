/* SPDX-License-Identifier: MIT */
/* BLAKE2s (RFC 7693) with the HMAC and the key derivation (shape of RFC 5869) that WireGuard builds on it
 * (facts/wireguard.md §1.1). */
#pragma once

#include "../sys.h"

enum { BLAKE2S_BLOCK = 64, BLAKE2S_LEN = 32 };

struct blake2s {
    uint32_t h[8];
    uint64_t count; /* bytes compressed so far */
    size_t fill;    /* bytes waiting in block */
    size_t outlen;
    uint8_t block[BLAKE2S_BLOCK];
};

/* Incremental form. outlen 1..32 bytes, keylen 0..32 bytes (0: unkeyed, key may be NULL). blake2s_final
 * writes outlen bytes and wipes the state. */
void blake2s_init(struct blake2s *state, size_t outlen, const void *key, size_t keylen);
void blake2s_update(struct blake2s *state, const void *in, size_t len);
void blake2s_final(struct blake2s *state, uint8_t *out);

/* One call: the outlen-byte digest of in, keyed when keylen > 0. `out` may be the same memory as `in`. */
void blake2s(uint8_t *out, size_t outlen, const void *in, size_t inlen, const void *key, size_t keylen);

/* The ordinary HMAC construction (RFC 2104, block of 64) around BLAKE2s-256; a key longer than a block is
 * hashed first. */
void blake2s_hmac(uint8_t out[BLAKE2S_LEN], const void *key, size_t keylen, const void *in, size_t inlen);

/* KDF1..KDF3 of the WireGuard paper: extract with `key`, expand into one to three outputs of 32 bytes.
 * Outputs may overlap `key` or `in`. */
void blake2s_kdf1(uint8_t a[BLAKE2S_LEN], const void *key, size_t keylen, const void *in, size_t inlen);
void blake2s_kdf2(uint8_t a[BLAKE2S_LEN], uint8_t b[BLAKE2S_LEN], const void *key, size_t keylen,
                  const void *in, size_t inlen);
void blake2s_kdf3(uint8_t a[BLAKE2S_LEN], uint8_t b[BLAKE2S_LEN], uint8_t c[BLAKE2S_LEN], const void *key,
                  size_t keylen, const void *in, size_t inlen);
