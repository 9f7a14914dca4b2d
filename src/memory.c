/* SPDX-License-Identifier: MIT */
/* The memory of Lua: small blocks are cut from large pieces and reused by size, which costs a fraction of malloc in a run that lives
 * a millisecond. Pieces end with the process. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host.h"

#ifndef MAP_POPULATE /* Linux: all pages at once instead of a fault for each */
#define MAP_POPULATE 0
#endif

enum { GRAIN = 16, SMALL_MAX = 512, PIECE = 64 << 10, BLOCK_MAX = 512 << 20 /* a script that asks for more has a mistake in it */ };

struct free_block {
    struct free_block *next;
};

static struct free_block *unused[SMALL_MAX / GRAIN + 1]; /* by size in grains */
static bool ending;
static char *piece, *piece_end; /* what is left of the newest */

static size_t grains(size_t size) {
    return (size + GRAIN - 1) / GRAIN;
}

static void give_back(void *block, size_t size) {
    struct free_block *head = block;
    head->next = unused[grains(size)];
    unused[grains(size)] = head;
}

static void *take(size_t size) {
    size_t count = grains(size);
    struct free_block *head = unused[count];
    if (head) {
        unused[count] = head->next;
        return head;
    }
    if ((size_t)(piece_end - piece) < count * GRAIN) {
        char *fresh = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (fresh == MAP_FAILED)
            return NULL;
        if (piece_end > piece)
            give_back(piece, (size_t)(piece_end - piece));
        piece = fresh;
        piece_end = fresh + PIECE;
    }
    void *block = piece;
    piece += count * GRAIN;
    return block;
}

void *memory_resize(void *unused_data, void *block, size_t old, size_t size) {
    (void)unused_data;
    if (!block)
        old = 0; /* it tells the kind of object then */
    if (size > BLOCK_MAX)
        return NULL;
    if (old > SMALL_MAX && (size > SMALL_MAX || size == 0)) {
        if (size)
            return realloc(block, size);
        free(block);
        return NULL;
    }
    if (ending && size == 0)
        return NULL;
    if (old && size && grains(old) == grains(size))
        return block;
    void *moved = size == 0 ? NULL : size > SMALL_MAX ? malloc(size) : take(size);
    if (size && !moved)
        return size < old ? block : NULL; /* a block may not refuse to shrink */
    if (moved && old)
        memcpy(moved, block, old < size ? old : size);
    if (old > SMALL_MAX)
        free(block);
    else if (old)
        give_back(block, old);
    return moved;
}

void memory_ending(void) {
    ending = true;
}
