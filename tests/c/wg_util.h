/* SPDX-License-Identifier: MIT */
/* What the WireGuard tests share: the report lines, hex, a deterministic random source and the vectors of
 * facts/wireguard.md §1.9. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures;

static inline bool test_report(bool good, const char *name, const char *why) {
    if (good)
        printf("ok - %s\n", name);
    else
        printf("not ok - %s: %s\n", name, why);
    fflush(stdout);
    test_failures += !good;
    return good;
}

static inline size_t unhex(uint8_t *out, const char *hex) {
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        unsigned byte;
        if (sscanf(hex, "%2x", &byte) != 1)
            abort();
        out[n++] = (uint8_t)byte;
    }
    return n;
}

/* Reports whether `got` is the bytes written in `hex`. */
static inline bool test_bytes(const char *name, const uint8_t *got, size_t len, const char *hex) {
    uint8_t want[512];
    char why[64] = "";
    size_t n = unhex(want, hex);
    bool good = n == len && memcmp(want, got, n) == 0;
    if (n != len)
        snprintf(why, sizeof why, "%zu bytes, not %zu", len, n);
    else
        for (size_t i = 0; i < n; i++)
            if (want[i] != got[i]) {
                snprintf(why, sizeof why, "byte %zu is %02x, not %02x", i, got[i], want[i]);
                break;
            }
    return test_report(good, name, why);
}

/* splitmix64: small, and the same everywhere. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static inline void test_fill(uint64_t *state, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(test_random(state) >> 32);
}

struct wg_vector {
    const char *name, *psk, *msg2, *chain2, *hash2, *i2r, *r2i, *keepalive, *data, *data60;
};

#define V_CK0 "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36"
#define V_H0 "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3"
#define V_SI "00baa59546f5f91467efcd84d4716ed562690d1634cd3b99d2cfadf555c23376"
#define V_SI_PUB "1e170b7325fab28c1e2a98402f8f4750ba95f94a7332bd6db988c54a15f0cc52"
#define V_SR "f812bae099d2c9b860ac9c4778eb8d16ed0fe5b107e353679f57198e315a6558"
#define V_SR_PUB "d9d1388008ddcc0c728dd91efa6e051eaceb4175710fcf20e48c23e4a6b70709"
#define V_EI "a86c9977bd0ca665f29a0f0b213ae733ae42873b8a840adefdddeae61822415d"
#define V_ER "d07f27e5f38d12145519c3dab853a53df016939974fc30acf822316f2b74b254"
#define V_MAC1_R "a0c7fc5140ce8696287246f3e3e680e80779a136e03489663253b3e69b97d3de"
#define V_COOKIE_R "19fb6470f629757e0a888eecc56dd2fa04d4489aebf752d62c421ea396a5b42c"
#define V_MAC1_I "a234e010981ab1c2152335b25181f81fd3fa7b706a383b354b6cf826f1398adf"
#define V_STAMP "400000006553f10a1d000000"
#define V_MSG1                                                                                             \
    "0100000044332211b7faf9dbc1ca2d459ae14be6e555a9927549d99374837902a6ac77746d22cf5967dad27849bda8ab5053" \
    "87cb79ebe1bd869f9655c3ed37c1"                                                                         \
    "2f1a8b85a2d04368baff25881b89cfdda94757adb287ce7c78e0b2c64e7cb869a2c49e68ff98cceb958fb2141e2c8bdca72f" \
    "283be7941e8302a23105b607302f"                                                                         \
    "8beb286500000000000000000000000000000000"
#define V_CHAIN1 "1d28c4c2380e05c82c551b8cfee66c9505232ac32b79378904a674cce5c8e083"
#define V_HASH1 "16132785db6eb7080e75444a496c24d89e7ef851bc5154c56d1e180a8421ec38"
#define V_INNER "450000250001000040111cab0a0d25020a0d25019c409c4100110000636f6e74696e756570"
#define V_SECRET "c8e15563034808c3195299dc965587f2d0c3a5e06a86535b3a65580b47e2748a"
#define V_TAU "da5c08a810575fe5b8d495051a9fda6a"
#define V_NONCE "477e18354c1a5a5377e388cf63ddacc9701c52844e4074ed"
#define V_MSG3                                                                                             \
    "0300000044332211477e18354c1a5a5377e388cf63ddacc9701c52844e4074ed9b8cea98fd620ba8ec4951d046b43cbc3fd1" \
    "84d413a2de0bf04f902edc7c1ffb"
#define V_MAC2 "04fdb2a804f806d52f27e0cb80c706a1"

static const struct wg_vector wg_vectors[2] = {
    {
        .name = "no psk",
        .psk = "0000000000000000000000000000000000000000000000000000000000000000",
        .msg2 =
            "02000000ddccbbaa4433221133d163d55d9decd12e1f0aca8edf85e6c40debe22900292bf49c5ff"
            "eda6dab392cece582c41b"
            "501f6e038c29f9f8e5b9"
            "d0c5a9f2e03c886fcf9d316703eff1b100000000000000000000000000000000",
        .chain2 = "93523a974de2a29a1c10ea92f75c57941589d2f7c7774d4ca4272a1aa5972336",
        .hash2 = "c879c8fd8bd4dd5c34c73399686079f04599256ed99305e932b54dccf89219e5",
        .i2r = "df5ea1ab719fce7dc29e91ba0c77a959e03e7380911644c9de66d1dfc1d5cdbe",
        .r2i = "f90e0714179fdb41f71ddcb86170debc64ca46a08f50f44913f83c32fe32c776",
        .keepalive = "04000000ddccbbaa0000000000000000f7273adc746bf4b69f566958bfb45913",
        .data =
            "04000000ddccbbaa010000000000000023e1cfa0e6fc86fa9868848db854e0f9bced085a87c07998b837b94dc70c52c8"
            "2d9c028dfe9eb026d023060642659c9fbfacffc17c70dd56eeb54b7ea9cfe8b5",
        .data60 =
            "04000000443322110000000000000010363ed658aecdd09e8e98129fa0a4d3d443b9c704eb328d223eb855d049248a4b"
            "7a7a0153ffa2d7d601274d9660fb6111b172c26328f28009b4c9386d5d766e31",
    },
    {
        .name = "psk",
        .psk = "9afada319460eeb01471368892fd794907dee0d2b2a5f745236f9e368068f07c",
        .msg2 =
            "02000000ddccbbaa4433221133d163d55d9decd12e1f0aca8edf85e6c40debe22900292bf49c5ff"
            "eda6dab392a65c2663d37"
            "bc5edbea6c30c64c59ba"
            "311b52f6d2fca800e98e0150cbd3a08e00000000000000000000000000000000",
        .chain2 = "a29d1d4e55b35c4a41420fb7a2be4001fc14f2767cd3b7778151f6b5395c275d",
        .hash2 = "b6feb6886863518b18a5d30988ba629536b444731b711efeac776eddd846e765",
        .i2r = "680ba6d158eade6881f2170c14704ac12182a27ebc4a1ea016f4391d65bc2bf1",
        .r2i = "6a4ef1a7b60e236b0b7e49418c4aabdf19c5c19e36922bf74eabfa916c29a235",
        .keepalive = "04000000ddccbbaa0000000000000000e53d873495fd41a05dd26e44432c591f",
        .data =
            "04000000ddccbbaa0100000000000000897775ac4dfd20a808f6722d1aeccbdbed15015f11d4571f14f4db40118306a4"
            "eb61ee243973866260ab12036e7dbf54aae91a135921c63fc378ed5d2bf73bc0",
        .data60 =
            "04000000443322110000000000000010c4c9661bc13e6b23bcd6de68adc03f6c30fdcf16e4f8d1d247cbddbad4a0ea57"
            "49cfc1c1aed862507dbd4455590a57d6f1371f677b2d7b96dc667a7281ec77a8",
    },
};
