/* SPDX-License-Identifier: MIT */
#include "wg_internal.h"

#include <sodium.h>

enum { RING = WG_WINDOW_BITS / 64 };

/* RFC 6479: a ring of words that is cleared ahead instead of shifted. One word is always in use by the newest
 * counter, so the usable window is one word short of the ring. */
bool wg_replay_accept(struct wg_replay *replay, uint64_t counter) {
    if (counter >= WG_REJECT_AFTER_MESSAGES)
        return false;
    uint64_t place = counter + 1;
    if (place > replay->top) {
        uint64_t from = replay->top / 64, steps = place / 64 - from;
        if (steps > RING)
            steps = RING;
        for (uint64_t i = 1; i <= steps; i++)
            replay->bits[(from + i) % RING] = 0;
        replay->top = place;
    } else if (replay->top - place > WG_WINDOW) {
        return false;
    }
    uint64_t *word = &replay->bits[place / 64 % RING], bit = UINT64_C(1) << place % 64;
    bool fresh = (*word & bit) == 0;
    *word |= bit;
    return fresh;
}

/* Applies the keystream of one packet, block 0 onwards, to room; block 0 falls on zeros and so becomes the
 * key of the tag (RFC 8439 §2.6). */
static void cipher(uint8_t *room, size_t inner, const uint8_t key[32], uint64_t counter) {
    uint8_t nonce[12] = {0};
    size_t len = WG_ROOM_KEY + inner;
    if (inner > 0) /* whole steps: a remainder would cost more than the step */
        len = (len + WG_ROOM_STEP - 1) / WG_ROOM_STEP * WG_ROOM_STEP;
    memset(room, 0, WG_ROOM_KEY);
    memset(room + WG_ROOM_KEY + inner, 0, len - WG_ROOM_KEY - inner);
    wg_store64(nonce + 4, counter);
    crypto_stream_chacha20_ietf_xor_ic(room, room, len, nonce, 0, key);
}

/* What follows the ciphertext in the input of the tag, without associated data: zeros up to 16, then the two
 * lengths. Returns its size. */
static size_t trailer(uint8_t out[2 * WG_TAG], size_t inner) {
    size_t zeros = (WG_TAG - inner % WG_TAG) % WG_TAG;
    memset(out, 0, zeros + 8);
    wg_store64(out + zeros + 8, inner);
    return zeros + WG_TAG;
}

size_t wg_session_seal(struct wg_session *session, uint8_t *room, const uint8_t *in, size_t len, size_t pad) {
    uint8_t tag[WG_TAG], *body = room + WG_ROOM_KEY, *out = room + WG_ROOM_OUT;
    uint64_t counter = session->counter++;
    if (len > 0)
        memcpy(body, in, len);
    memset(body + len, 0, pad);
    len += pad;
    cipher(room, len, session->keys.send, counter);
    size_t tail = trailer(body + len, len);
    crypto_onetimeauth(tag, body, len + tail, room);
    memcpy(body + len, tag, WG_TAG);
    sodium_memzero(room, WG_ROOM_KEY);
    wg_store32(out, WG_DATA);
    wg_store32(out + 4, session->remote);
    wg_store64(out + 8, counter);
    return WG_DATA_HEADER + len + WG_TAG;
}

bool wg_session_open(struct wg_session *session, uint8_t *room, const uint8_t *datagram, size_t len) {
    crypto_onetimeauth_state state;
    uint8_t tag[WG_TAG], tail[2 * WG_TAG];
    uint64_t counter = wg_load64(datagram + 8);
    size_t inner = len - WG_DATA_HEADER - WG_TAG;
    if (counter >= WG_REJECT_AFTER_MESSAGES)
        return false;
    memcpy(room + WG_ROOM_KEY, datagram + WG_DATA_HEADER, inner);
    cipher(room, inner, session->keys.receive, counter);
    crypto_onetimeauth_init(&state, room);
    crypto_onetimeauth_update(&state, datagram + WG_DATA_HEADER, inner);
    crypto_onetimeauth_update(&state, tail, trailer(tail, inner));
    crypto_onetimeauth_final(&state, tag);
    sodium_memzero(room, WG_ROOM_KEY);
    if (crypto_verify_16(tag, datagram + len - WG_TAG) != 0) {
        sodium_memzero(room + WG_ROOM_KEY, inner); /* nothing unauthenticated is left lying about */
        return false;
    }
    return wg_replay_accept(&session->replay, counter);
}
