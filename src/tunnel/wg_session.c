/* SPDX-License-Identifier: MIT */
#include "wg_session.h"

#include <sodium.h>
#include <string.h>

enum { RING = WG_WINDOW_BITS / 64 };

/* RFC 6479: a ring of words that is cleared ahead instead of shifted. One word is always in use by the newest counter,
 * so the usable window is one word short of the ring. */
bool wg_replay_accept(struct wg_replay *replay, uint64_t counter)
{
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

static void make_nonce(uint8_t nonce[12], uint64_t counter)
{
    memset(nonce, 0, 4);
    wg_store64(nonce + 4, counter);
}

size_t wg_session_seal(struct wg_session *session, uint8_t *out, const uint8_t *in, size_t len, size_t pad)
{
    uint8_t nonce[12], *body = out + WG_DATA_HEADER;
    wg_store32(out, WG_DATA);
    wg_store32(out + 4, session->remote);
    wg_store64(out + 8, session->counter);
    make_nonce(nonce, session->counter++);
    if (pad > 0) {
        if (in != body)
            memcpy(body, in, len);
        memset(body + len, 0, pad);
        in = body;
    }
    crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, in, len + pad, NULL, 0, NULL, nonce, session->keys.send);
    return WG_DATA_HEADER + len + pad + WG_TAG;
}

bool wg_session_open(struct wg_session *session, uint8_t *out, const uint8_t *datagram, size_t len)
{
    uint64_t counter = wg_load64(datagram + 8);
    uint8_t nonce[12];
    if (counter >= WG_REJECT_AFTER_MESSAGES)
        return false;
    make_nonce(nonce, counter);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, datagram + WG_DATA_HEADER, len - WG_DATA_HEADER, NULL, 0, nonce,
                                                  session->keys.receive) != 0)
        return false;
    return wg_replay_accept(&session->replay, counter);
}
