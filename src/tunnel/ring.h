/* SPDX-License-Identifier: MIT */
/* A byte queue that grows by doubling; bytes may be placed beyond its end (reassembly). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *data; /* NULL until the first byte */
    size_t size;   /* power of two, or 0 */
    size_t head;   /* where the first byte lies */
    size_t len;    /* bytes in the queue; placed bytes beyond it are counted by the caller */
};

/* Makes offsets below `need` usable, keeping all bytes. False without memory (nothing changed). */
bool ring_reserve(struct ring *ring, size_t need);
/* Copies in at `offset` from the first byte; the space must be reserved. Does not change len. */
void ring_put(struct ring *ring, size_t offset, const uint8_t *bytes, size_t len);
/* Copies out from `offset`. */
void ring_get(const struct ring *ring, size_t offset, uint8_t *out, size_t len);
/* The address of `offset` and how many bytes of the reserved space follow it without a break. */
uint8_t *ring_at(const struct ring *ring, size_t offset, size_t *run);
/* Forgets the first `len` bytes. */
void ring_drop(struct ring *ring, size_t len);
/* Gives the memory back; what was in it is gone. */
void ring_free(struct ring *ring);
