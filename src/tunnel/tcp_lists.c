/* SPDX-License-Identifier: MIT */
/* Intervals that were received out of order, and the SACK blocks made from them (RFC 2018). */

#include "tcp.h"

static bool room_for_one(struct gap_list *gaps) {
    if (gaps->count < gaps->size)
        return true;
    unsigned size = gaps->size ? gaps->size * 2 : 8;
    if (size > TCP_GAPS_MAX)
        return false;
    struct gap *grown = realloc(gaps->items, size * sizeof *grown);
    if (!grown)
        return false;
    gaps->items = grown;
    gaps->size = size;
    return true;
}

static void remember(struct gap_list *gaps, uint64_t seq) {
    const struct gap *in = NULL;
    for (unsigned i = 0; i < gaps->count && !in; i++)
        if (gaps->items[i].start <= seq && seq < gaps->items[i].end)
            in = &gaps->items[i];
    uint64_t moved = seq;
    for (unsigned i = 0; in && i < TCP_SACK_MAX; i++) {
        uint64_t old = gaps->recent[i];
        gaps->recent[i] = moved;
        if (old >= in->start && old < in->end)
            return; /* this interval was in the list: its old place is taken by the others moving down */
        moved = old;
    }
}

bool gaps_add(struct gap_list *gaps, uint64_t start, uint64_t end) {
    unsigned first = 0, last;
    while (first < gaps->count && gaps->items[first].end < start)
        first++;
    for (last = first; last < gaps->count && gaps->items[last].start <= end; last++)
        ;
    if (first == last) {
        if (!room_for_one(gaps))
            return false;
        memmove(gaps->items + first + 1, gaps->items + first, (gaps->count - first) * sizeof *gaps->items);
        gaps->items[first] = (struct gap){start, end};
        gaps->count++;
    } else {
        struct gap *merged = &gaps->items[first];
        merged->start = tcp_min(merged->start, start);
        merged->end = tcp_max(gaps->items[last - 1].end, end);
        memmove(merged + 1, gaps->items + last, (gaps->count - last) * sizeof *gaps->items);
        gaps->count -= last - first - 1;
    }
    remember(gaps, start);
    return true;
}

bool gaps_cover(const struct gap_list *gaps, uint64_t start, uint64_t end) {
    for (unsigned i = 0; i < gaps->count; i++)
        if (gaps->items[i].start <= start && end <= gaps->items[i].end)
            return true;
    return false;
}

uint64_t gaps_advance(struct gap_list *gaps, uint64_t rcv) {
    unsigned used = 0;
    while (used < gaps->count && gaps->items[used].start <= rcv) {
        rcv = tcp_max(rcv, gaps->items[used].end);
        used++;
    }
    if (used) {
        gaps->count -= used;
        memmove(gaps->items, gaps->items + used, gaps->count * sizeof *gaps->items);
    }
    if (!gaps->count)
        gaps_free(gaps);
    return rcv;
}

unsigned gaps_blocks(const struct gap_list *gaps, struct gap out[TCP_SACK_MAX], unsigned max) {
    unsigned count = 0;
    for (unsigned r = 0; r < TCP_SACK_MAX && count < max; r++)
        for (unsigned i = 0; i < gaps->count; i++) {
            const struct gap *gap = &gaps->items[i];
            bool seen = gaps->recent[r] < gap->start || gaps->recent[r] >= gap->end;
            for (unsigned k = 0; k < count && !seen; k++)
                seen = out[k].start == gap->start;
            if (!seen)
                out[count++] = *gap;
        }
    return count;
}

void gaps_free(struct gap_list *gaps) {
    free(gaps->items);
    *gaps = (struct gap_list){0};
}

/* The queue of segments that are on their way. */
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
