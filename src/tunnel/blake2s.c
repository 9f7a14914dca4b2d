/* SPDX-License-Identifier: MIT */
#include "blake2s.h"

#include <sodium.h>

static const uint32_t iv[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t rotate(uint32_t x, unsigned bits) {
    return x >> bits | x << (32 - bits);
}

static void mix(uint32_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y) {
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 7);
}

static void compress(struct blake2s *state, const uint8_t *block, size_t len, uint32_t last) {
    uint32_t m[16], v[16];
    for (unsigned i = 0; i < 16; i++)
        m[i] = load32(block + 4 * i);
    state->count += len;
    for (unsigned i = 0; i < 8; i++) {
        v[i] = state->h[i];
        v[i + 8] = iv[i];
    }
    v[12] ^= (uint32_t)state->count;
    v[13] ^= (uint32_t)(state->count >> 32);
    v[14] ^= last;
    for (unsigned r = 0; r < 10; r++) {
        const uint8_t *s = sigma[r];
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (unsigned i = 0; i < 8; i++)
        state->h[i] ^= v[i] ^ v[i + 8];
    sodium_memzero(m, sizeof m);
    sodium_memzero(v, sizeof v);
}

void blake2s_init(struct blake2s *state, size_t outlen, const void *key, size_t keylen) {
    memset(state, 0, sizeof *state);
    memcpy(state->h, iv, sizeof iv);
    state->h[0] ^= 0x01010000 ^ (uint32_t)keylen << 8 ^ (uint32_t)outlen;
    state->outlen = outlen;
    if (keylen > 0) {
        memcpy(state->block, key, keylen);
        state->fill = BLAKE2S_BLOCK;
    }
}

void blake2s_update(struct blake2s *state, const void *in, size_t len) {
    const uint8_t *p = in;
    while (len > 0) {
        /* A full block waits for more input, because the last one is compressed differently. */
        if (state->fill == BLAKE2S_BLOCK) {
            compress(state, state->block, BLAKE2S_BLOCK, 0);
            state->fill = 0;
        }
        size_t n = BLAKE2S_BLOCK - state->fill;
        if (n > len)
            n = len;
        memcpy(state->block + state->fill, p, n);
        state->fill += n;
        p += n;
        len -= n;
    }
}

void blake2s_final(struct blake2s *state, uint8_t *out) {
    memset(state->block + state->fill, 0, BLAKE2S_BLOCK - state->fill);
    compress(state, state->block, state->fill, UINT32_MAX);
    for (size_t i = 0; i < state->outlen; i++)
        out[i] = (uint8_t)(state->h[i / 4] >> 8 * (i % 4));
    sodium_memzero(state, sizeof *state);
}

void blake2s(uint8_t *out, size_t outlen, const void *in, size_t inlen, const void *key, size_t keylen) {
    struct blake2s state;
    blake2s_init(&state, outlen, key, keylen);
    blake2s_update(&state, in, inlen);
    blake2s_final(&state, out);
}

void blake2s_hmac(uint8_t out[BLAKE2S_LEN], const void *key, size_t keylen, const void *in, size_t inlen) {
    struct blake2s state;
    uint8_t pad[BLAKE2S_BLOCK] = {0}, inner[BLAKE2S_LEN];
    if (keylen > BLAKE2S_BLOCK)
        blake2s(pad, BLAKE2S_LEN, key, keylen, NULL, 0);
    else if (keylen > 0)
        memcpy(pad, key, keylen);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    blake2s_init(&state, BLAKE2S_LEN, NULL, 0);
    blake2s_update(&state, pad, sizeof pad);
    blake2s_update(&state, in, inlen);
    blake2s_final(&state, inner);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    blake2s_init(&state, BLAKE2S_LEN, NULL, 0);
    blake2s_update(&state, pad, sizeof pad);
    blake2s_update(&state, inner, sizeof inner);
    blake2s_final(&state, out);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

static void expand(uint8_t *const outs[], unsigned n, const void *key, size_t keylen, const void *in,
                   size_t inlen) {
    uint8_t secret[BLAKE2S_LEN], chain[BLAKE2S_LEN + 1];
    blake2s_hmac(secret, key, keylen, in, inlen);
    for (unsigned i = 0; i < n; i++) {
        size_t head = i == 0 ? 0 : BLAKE2S_LEN;
        chain[head] = (uint8_t)(i + 1);
        blake2s_hmac(chain, secret, sizeof secret, chain, head + 1);
        memcpy(outs[i], chain, BLAKE2S_LEN);
    }
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(chain, sizeof chain);
}

void blake2s_kdf1(uint8_t a[BLAKE2S_LEN], const void *key, size_t keylen, const void *in, size_t inlen) {
    expand((uint8_t *const[]){a}, 1, key, keylen, in, inlen);
}

void blake2s_kdf2(uint8_t a[BLAKE2S_LEN], uint8_t b[BLAKE2S_LEN], const void *key, size_t keylen,
                  const void *in, size_t inlen) {
    expand((uint8_t *const[]){a, b}, 2, key, keylen, in, inlen);
}

void blake2s_kdf3(uint8_t a[BLAKE2S_LEN], uint8_t b[BLAKE2S_LEN], uint8_t c[BLAKE2S_LEN], const void *key,
                  size_t keylen, const void *in, size_t inlen) {
    expand((uint8_t *const[]){a, b, c}, 3, key, keylen, in, inlen);
}
