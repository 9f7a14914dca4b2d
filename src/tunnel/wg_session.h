/* SPDX-License-Identifier: MIT */
/* One transport session: its two keys, its sending counter and its window against replays (facts/wireguard.md §1.5, §1.6). */
#ifndef CPLZ_WG_SESSION_H
#define CPLZ_WG_SESSION_H

#include "wg_noise.h"

enum { WG_WINDOW_BITS = 8192, WG_WINDOW = WG_WINDOW_BITS - 64 }; /* counters this far behind the newest are still accepted */
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

/* Writes the datagram (header, ciphertext of in and `pad` zero bytes, tag) to out and moves the counter. Returns its length.
 * out has room for len + pad + WG_DATA_HEADER + WG_TAG bytes; `in` may be out + WG_DATA_HEADER. */
size_t wg_session_seal(struct wg_session *session, uint8_t *out, const uint8_t *in, size_t len, size_t pad);
/* Opens a datagram of at least 32 bytes into out (len - 32 bytes); false when it is forged, replayed or beyond the counter limit. */
bool wg_session_open(struct wg_session *session, uint8_t *out, const uint8_t *datagram, size_t len);

#endif
