/* SPDX-License-Identifier: MIT */
/* The queue of segments that are on their way. */
#include <stdlib.h>

#include "tcp.h"

bool sent_push(struct sent_queue *queue, struct sent item) {
    if (queue->count == queue->size) {
        uint32_t size = queue->size ? queue->size * 2 : 16;
        struct sent *slots = malloc(size * sizeof *slots);
        if (!slots)
            return false;
        for (uint32_t i = 0; i < queue->count; i++)
            slots[i] = *sent_get(queue, i);
        free(queue->slots);
        queue->slots = slots;
        queue->size = size;
        queue->head = 0;
    }
    queue->count++;
    *sent_get(queue, queue->count - 1) = item;
    return true;
}

void sent_pop(struct sent_queue *queue) {
    queue->head = (queue->head + 1) & (queue->size - 1);
    queue->count--;
}

uint32_t sent_find(const struct sent_queue *queue, uint64_t seq) {
    uint32_t low = 0, high = queue->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct sent *item = sent_get(queue, middle);
        if (item->seq + item->len <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void sent_free(struct sent_queue *queue) {
    free(queue->slots);
    *queue = (struct sent_queue){0};
}
