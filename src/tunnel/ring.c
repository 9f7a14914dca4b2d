/* SPDX-License-Identifier: MIT */
#include "tcp.h"

enum { RING_FIRST = 4096 };

bool ring_reserve(struct ring *ring, size_t need) {
    if (need <= ring->size)
        return true;
    size_t size = ring->size ? ring->size : RING_FIRST;
    while (size < need)
        size *= 2;
    uint8_t *data = malloc(size);
    if (!data)
        return false;
    if (ring->size) {
        size_t first = ring->size - ring->head;
        memcpy(data, ring->data + ring->head, first);
        memcpy(data + first, ring->data, ring->head);
    }
    free(ring->data);
    ring->data = data;
    ring->size = size;
    ring->head = 0;
    return true;
}

uint8_t *ring_at(const struct ring *ring, size_t offset, size_t *run) {
    if (!ring->size) {
        *run = 0;
        return NULL;
    }
    size_t at = (ring->head + offset) & (ring->size - 1);
    size_t straight = ring->size - at, left = ring->size - offset;
    *run = straight < left ? straight : left;
    return ring->data + at;
}

void ring_put(struct ring *ring, size_t offset, const uint8_t *bytes, size_t len) {
    size_t run;
    if (!len)
        return;
    uint8_t *to = ring_at(ring, offset, &run);
    if (run > len)
        run = len;
    memcpy(to, bytes, run);
    if (len > run)
        memcpy(ring->data, bytes + run, len - run);
}

void ring_get(const struct ring *ring, size_t offset, uint8_t *out, size_t len) {
    size_t run;
    if (!len)
        return;
    const uint8_t *from = ring_at(ring, offset, &run);
    if (run > len)
        run = len;
    memcpy(out, from, run);
    if (len > run)
        memcpy(out + run, ring->data, len - run);
}

void ring_drop(struct ring *ring, size_t len) {
    ring->len -= len;
    ring->head = ring->size ? (ring->head + len) & (ring->size - 1) : 0;
}

void ring_free(struct ring *ring) {
    free(ring->data);
    *ring = (struct ring){0};
}
