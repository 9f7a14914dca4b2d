/* SPDX-License-Identifier: MIT */
#include "frame.h"

/* Moves bytes into the frame until it has `want`. Returns whether it does. */
static bool fill(struct frame *frame, size_t want, const uint8_t **data, size_t *len) {
    size_t n = frame->len < want ? want - frame->len : 0;
    if (n > *len)
        n = *len;
    memcpy(frame->bytes + frame->len, *data, n);
    frame->len += n;
    *data += n;
    *len -= n;
    return frame->len >= want;
}

static size_t length_at(const uint8_t *head) {
    return (size_t)head[0] << 8 | head[1];
}

int frame_next(struct frame *frame, const uint8_t **data, size_t *len, const uint8_t **out) {
    const uint8_t *head = frame->len == 0 && *len >= FRAME_HEAD ? *data : frame->bytes;
    if (head == frame->bytes && !fill(frame, FRAME_HEAD, data, len))
        return 0;
    size_t want = length_at(head);
    if (want < FRAME_LEAST || want > FRAME_MOST)
        return -1;
    if (head == *data && *len - FRAME_HEAD >= want) { /* all of it is there: no copy */
        *out = *data + FRAME_HEAD;
        *data += FRAME_HEAD + want;
        *len -= FRAME_HEAD + want;
        return (int)want;
    }
    if (!fill(frame, FRAME_HEAD + want, data, len))
        return 0;
    frame->len = 0;
    *out = frame->bytes + FRAME_HEAD;
    return (int)want;
}

size_t frame_put(uint8_t *out, size_t room, const uint8_t *datagram, size_t len) {
    if (len < FRAME_LEAST || len > FRAME_MOST || room < FRAME_HEAD + len)
        return 0;
    out[0] = (uint8_t)(len >> 8);
    out[1] = (uint8_t)len;
    memcpy(out + FRAME_HEAD, datagram, len);
    return FRAME_HEAD + len;
}
