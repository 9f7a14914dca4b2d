/* SPDX-License-Identifier: MIT */
/* Datagrams in a stream of bytes, sans-IO: each behind its length, two bytes in network order. */
#pragma once

#include "wg_internal.h"
#include "wireguard.h"

enum {
    FRAME_HEAD = 2,
    FRAME_LEAST = WG_DATA_HEADER + WG_TAG, /* no message of WireGuard is shorter */
    FRAME_MOST = WG_MTU + WG_OVERHEAD,
};

/* The beginning of a frame whose end has not come yet. Zeroed at first. */
struct frame {
    size_t len;
    uint8_t bytes[FRAME_HEAD + FRAME_MOST];
};

/* Takes the next frame out of *data, *len bytes, which are moved on. Returns its length and points *out at it
 * (good until the next call, or while the data is), 0 when more bytes are needed, -1 when the stream holds
 * something else; it can only be closed then. */
int frame_next(struct frame *frame, const uint8_t **data, size_t *len, const uint8_t **out);
/* Writes a datagram of FRAME_LEAST to FRAME_MOST bytes behind its length. Returns how many bytes those are, 0
 * when it is none or `room` is too little. */
size_t frame_put(uint8_t *out, size_t room, const uint8_t *datagram, size_t len);
