/* SPDX-License-Identifier: MIT */
/* host.crypto: random bytes, X25519 keys that Lua cannot copy by accident, Ed25519 keys that nobody holds,
 * hashes, encodings. */
#include <sodium.h>

#include "host.h"

#define KEY "continueplz.key"
#define KEY_LEN crypto_scalarmult_SCALARBYTES
#define KEY_TEXT sodium_base64_ENCODED_LEN(KEY_LEN, sodium_base64_VARIANT_ORIGINAL)
#define RANDOM_MOST (1 << 20) /* bytes */

_Static_assert(crypto_scalarmult_SCALARBYTES == 32, "host.h promises 32 bytes");

struct key {
    unsigned char *secret; /* guarded memory of libsodium; NULL: closed */
};

/* libsodium is started by what needs its random numbers or guarded memory; hashes and encodings do not. */
static void start_sodium(lua_State *L) {
    if (sodium_init() < 0)
        luaL_error(L, "libsodium cannot be started");
}

static struct key *check_key(lua_State *L, int index) {
    struct key *key = luaL_checkudata(L, index, KEY);
    if (!key->secret)
        luaL_error(L, "key is closed");
    return key;
}

void crypto_checkkey(lua_State *L, int index, unsigned char out[32]) {
    memcpy(out, check_key(L, index)->secret, KEY_LEN);
}

static int key_close(lua_State *L) {
    struct key *key = luaL_checkudata(L, 1, KEY);
    sodium_free(key->secret); /* wipes; accepts NULL */
    key->secret = NULL;
    return 0;
}

static bool decode(unsigned char *out, size_t most, const char *text, size_t length, size_t *size) {
    const char *end;
    /* libsodium 1.0.18 takes some bytes beyond ASCII for digits where char is signed (found by fuzz_host). */
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] > 127)
            return false;
    int rc = sodium_base642bin(out, most, text, length, NULL, size, &end, sodium_base64_VARIANT_ORIGINAL);
    return rc == 0 && end == text + length;
}

static int push_base64(lua_State *L, const unsigned char *data, size_t length) {
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
    luaL_Buffer b;
    sodium_bin2base64(luaL_buffinitsize(L, &b, size), size, data, length, sodium_base64_VARIANT_ORIGINAL);
    luaL_pushresultsize(&b, size - 1);
    return 1;
}

static int crypto_key(lua_State *L) {
    size_t length = 0, size = 0;
    const char *text = luaL_optlstring(L, 1, NULL, &length);
    start_sodium(L);
    struct key *key = lua_newuserdatauv(L, sizeof *key, 0);
    key->secret = NULL;
    luaL_setmetatable(L, KEY);
    key->secret = sodium_malloc(KEY_LEN);
    host_wipes = true;
    if (!key->secret)
        return host_fail(L, "full", "no memory for a key");
    if (text) {
        if (!decode(key->secret, KEY_LEN, text, length, &size) || size != KEY_LEN)
            return host_fail(L, "invalid", "not a private key: %zu characters instead of 44 of base64",
                             length);
        return 1;
    }
    randombytes_buf(key->secret, KEY_LEN);
    key->secret[0] &= 248; /* RFC 7748 §5, as `wg genkey` stores it */
    key->secret[31] = (unsigned char)((key->secret[31] & 127) | 64);
    return 1;
}

static int key_public(lua_State *L) {
    unsigned char out[crypto_scalarmult_BYTES];
    crypto_scalarmult_base(out, check_key(L, 1)->secret);
    return push_base64(L, out, sizeof out);
}

static int key_secret(lua_State *L) {
    char text[KEY_TEXT];
    sodium_bin2base64(text, sizeof text, check_key(L, 1)->secret, KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
    log_hide(text, sizeof text - 1);
    lua_pushstring(L, text);
    sodium_memzero(text, sizeof text);
    return 1;
}

/* A fresh Ed25519 public key whose private half is gone when this returns: for a door that nobody is to
 * open. */
static int crypto_sealed(lua_State *L) {
    unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(public, secret);
    sodium_memzero(secret, sizeof secret);
    lua_pushlstring(L, (const char *)public, sizeof public);
    return 1;
}

static int crypto_random(lua_State *L) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_Buffer b;
    luaL_argcheck(L, n >= 0 && n <= RANDOM_MOST, 1, "must be from 0 to 1048576");
    start_sodium(L);
    randombytes_buf(luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

static int crypto_sha256(lua_State *L) {
    size_t length;
    const char *data = luaL_checklstring(L, 1, &length);
    unsigned char out[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(out, (const unsigned char *)data, length);
    lua_pushlstring(L, (const char *)out, sizeof out);
    return 1;
}

static int crypto_base64(lua_State *L) {
    size_t length;
    const char *data = luaL_checklstring(L, 1, &length);
    return push_base64(L, (const unsigned char *)data, length);
}

static int crypto_unbase64(lua_State *L) {
    size_t length, size = 0;
    const char *text = luaL_checklstring(L, 1, &length);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, length / 4 * 3 + 3);
    if (!decode((unsigned char *)out, length / 4 * 3 + 3, text, length, &size))
        return host_fail(L, "invalid", "not base64 with padding: %zu characters", length);
    luaL_pushresultsize(&b, size);
    return 1;
}

static int crypto_equal(lua_State *L) {
    size_t a_length, b_length;
    const char *a = luaL_checklstring(L, 1, &a_length), *b = luaL_checklstring(L, 2, &b_length);
    lua_pushboolean(L, a_length == b_length && sodium_memcmp(a, b, a_length) == 0);
    return 1;
}

static const luaL_Reg methods[] = {
    {"public", key_public}, {"secret", key_secret}, {"close", key_close},
    {"__gc", key_close},    {"__close", key_close}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"random", crypto_random}, {"key", crypto_key},           {"sealed", crypto_sealed},
    {"sha256", crypto_sha256}, {"base64", crypto_base64},     {"unbase64", crypto_unbase64},
    {"equal", crypto_equal},   {NULL, NULL},
};

int luaopen_host_crypto(lua_State *L) {
    host_class(L, KEY, methods);
    luaL_newlib(L, functions);
    return 1;
}
