/* SPDX-License-Identifier: MIT */
/* BLAKE2s against RFC 7693 (appendices B and E), its HMAC and KDF against the values of facts/wireguard.md
 * §1.9. */
#include "../../src/tunnel/blake2s.h"
#include "wg_util.h"

static void known_digest(void) {
    uint8_t out[32];
    blake2s(out, 32, "abc", 3, NULL, 0);
    test_bytes("blake2s of abc", out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    blake2s(out, 32, "", 0, NULL, 0);
    test_bytes("blake2s of nothing", out, 32,
               "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
    blake2s(out, 32, NULL, 0, NULL, 0);
    test_bytes("blake2s of a null pointer of length 0", out, 32,
               "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
}

/* The bytes that RFC 7693 appendix E feeds in: a Fibonacci generator over the seed. */
static void sequence(uint8_t *out, size_t len, uint32_t seed) {
    uint32_t a = 0xdead4bad * seed, b = 1;
    for (size_t i = 0; i < len; i++) {
        uint32_t t = a + b;
        a = b;
        b = t;
        out[i] = (uint8_t)(t >> 24);
    }
}

static void grand_hash(void) {
    static const size_t outs[] = {16, 20, 28, 32}, ins[] = {0, 3, 64, 65, 255, 1024};
    uint8_t in[1024], key[32], digest[32], all[32];
    struct blake2s state;
    blake2s_init(&state, 32, NULL, 0);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 6; j++) {
            sequence(in, ins[j], (uint32_t)ins[j]);
            blake2s(digest, outs[i], in, ins[j], NULL, 0);
            blake2s_update(&state, digest, outs[i]);
            sequence(key, outs[i], (uint32_t)outs[i]);
            blake2s(digest, outs[i], in, ins[j], key, outs[i]);
            blake2s_update(&state, digest, outs[i]);
        }
    blake2s_final(&state, all);
    test_bytes("every size, with and without key (RFC 7693 appendix E)", all, 32,
               "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

static void pieces(void) {
    uint8_t in[700], want[32], got[32];
    uint64_t seed = 7;
    bool good = true;
    test_fill(&seed, in, sizeof in);
    for (unsigned round = 0; round < 500; round++) {
        size_t len = test_random(&seed) % (sizeof in + 1), done = 0;
        struct blake2s state;
        blake2s(want, 32, in, len, in, 32);
        blake2s_init(&state, 32, in, 32);
        while (done < len) {
            size_t n = test_random(&seed) % 130;
            n = n > len - done ? len - done : n;
            blake2s_update(&state, in + done, n);
            done += n;
        }
        blake2s_final(&state, got);
        good = good && memcmp(want, got, 32) == 0;
    }
    test_report(good, "input in pieces of any size gives the same digest", "a digest differs");
}

static void derivation(void) {
    uint8_t a[32], b[32], c[32], key[100], mac[32], hashed[32], again[32];
    blake2s_kdf3(a, b, c, "test-key", 8, "test-input", 10);
    test_bytes("kdf3, first output", a, 32,
               "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633");
    test_bytes("kdf3, second output", b, 32,
               "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a");
    test_bytes("kdf3, third output", c, 32,
               "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24");
    blake2s_kdf2(c, b, "test-key", 8, "test-input", 10);
    test_report(memcmp(a, c, 32) == 0, "kdf2 starts like kdf3", "differs");
    blake2s_kdf1(c, "test-key", 8, "test-input", 10);
    test_report(memcmp(a, c, 32) == 0, "kdf1 starts like kdf3", "differs");
    memcpy(c, "test-key", 8);
    blake2s_kdf2(c, b, c, 8, "test-input", 10);
    test_report(memcmp(a, c, 32) == 0, "an output may overwrite the key", "differs");
    sequence(key, sizeof key, 3);
    blake2s(hashed, 32, key, sizeof key, NULL, 0);
    blake2s_hmac(mac, key, sizeof key, "x", 1);
    blake2s_hmac(again, hashed, 32, "x", 1);
    test_report(memcmp(mac, again, 32) == 0, "a long hmac key is hashed first", "differs");
}

int main(void) {
    known_digest();
    grand_hash();
    pieces();
    derivation();
    return test_failures != 0;
}
