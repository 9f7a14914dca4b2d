/* SPDX-License-Identifier: MIT */
#include "tcp.h"

#include <sys/mman.h>

enum { RING_FIRST = 4096, RING_MAPPED = 256 << 10 };

/* Large buffers come from the system and go back to it; an allocator would keep them for later. */
static uint8_t *get_memory(size_t size) {
    if (size < RING_MAPPED)
        return malloc(size);
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

static void release_memory(uint8_t *data, size_t size) {
    if (size < RING_MAPPED)
        free(data);
    else
        munmap(data, size);
}

bool ring_reserve(struct ring *ring, size_t need) {
    if (need <= ring->size)
        return true;
    size_t size = ring->size ? ring->size : RING_FIRST;
    while (size < need)
        size *= 2;
    uint8_t *data = get_memory(size);
    if (!data)
        return false;
    if (ring->size) {
        size_t first = ring->size - ring->head;
        memcpy(data, ring->data + ring->head, first);
        memcpy(data + first, ring->data, ring->head);
    }
    release_memory(ring->data, ring->size);
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
    release_memory(ring->data, ring->size);
    *ring = (struct ring){0};
}
