/* SPDX-License-Identifier: MIT */
/* One transport session: its two keys, its sending counter and its window against replays (facts/wireguard.md
 * §1.5, §1.6). */
#pragma once

#include "wg_noise.h"

enum {
    WG_WINDOW_BITS = 8192,
    WG_WINDOW = WG_WINDOW_BITS - 64
}; /* counters this far behind the newest are still accepted */
#define WG_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - WG_WINDOW - 1)
enum { WG_INNER_MAX = 65535 - WG_DATA_HEADER - WG_TAG };

struct wg_replay {
    uint64_t top; /* one more than the highest counter seen; 0: none yet */
    uint64_t bits[WG_WINDOW_BITS / 64];
};

struct wg_session {
    struct noise_keys keys;
    uint32_t local, remote;
    bool initiator;
    uint64_t born;    /* ns of the caller's clock */
    uint64_t counter; /* of the next packet sent */
    struct wg_replay replay;
};

/* Takes note of an authenticated counter. False: seen already, too old, or beyond the limit. */
bool wg_replay_accept(struct wg_replay *replay, uint64_t counter);

/* Scratch room for sealing or opening `n` inner bytes: the keystream is made in one run of whole cipher
 * blocks, from the one before the first inner byte (it keys the tag) to beyond the last. libsodium is a third
 * faster so than with its AEAD on packets of this size. */
enum { WG_ROOM_STEP = 256, WG_ROOM_KEY = 64, WG_ROOM_OUT = WG_ROOM_KEY - WG_DATA_HEADER };
#define WG_ROOM(n) ((WG_ROOM_KEY + (n) + WG_TAG + WG_TAG + WG_ROOM_STEP - 1) / WG_ROOM_STEP * WG_ROOM_STEP)

/* Makes the datagram of `in` and `pad` zero bytes at room + WG_ROOM_OUT and moves the counter. Returns its
 * length. room has WG_ROOM(len + pad) bytes, which `in` does not overlap. */
size_t wg_session_seal(struct wg_session *session, uint8_t *room, const uint8_t *in, size_t len, size_t pad);
/* Opens a datagram of at least 32 bytes; its len - 32 inner bytes are then at room + WG_ROOM_KEY. False when
 * it is forged, replayed or beyond the counter limit. room has WG_ROOM(len - 32) bytes, which the datagram
 * does not overlap. */
bool wg_session_open(struct wg_session *session, uint8_t *room, const uint8_t *datagram, size_t len);
