/* SPDX-License-Identifier: MIT */
/* The flows of a stack as a binary heap by their next deadline; it is also the list of all flows. */
#include <stdlib.h>

#include "tcp.h"

static void place(struct stack *stack, struct flow *flow, uint32_t index) {
    stack->heap[index] = flow;
    flow->heap_index = index;
}

static void sift_up(struct stack *stack, uint32_t index) {
    struct flow *flow = stack->heap[index];
    while (index) {
        uint32_t parent = (index - 1) / 2;
        if (stack->heap[parent]->heap_key <= flow->heap_key)
            break;
        place(stack, stack->heap[parent], index);
        index = parent;
    }
    place(stack, flow, index);
}

static void sift_down(struct stack *stack, uint32_t index) {
    struct flow *flow = stack->heap[index];
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child >= stack->flows)
            break;
        if (child + 1 < stack->flows && stack->heap[child + 1]->heap_key < stack->heap[child]->heap_key)
            child++;
        if (stack->heap[child]->heap_key >= flow->heap_key)
            break;
        place(stack, stack->heap[child], index);
        index = child;
    }
    place(stack, flow, index);
}

bool tcp_heap_add(struct flow *flow) {
    struct stack *stack = flow->stack;
    if (stack->flows == stack->heap_size) {
        uint32_t size = stack->heap_size ? stack->heap_size * 2 : 16;
        struct flow **grown = realloc(stack->heap, size * sizeof *grown);
        if (!grown)
            return false;
        stack->heap = grown;
        stack->heap_size = size;
    }
    stack->heap[stack->flows] = flow;
    sift_up(stack, stack->flows++);
    return true;
}

void tcp_heap_remove(struct flow *flow) {
    struct stack *stack = flow->stack;
    struct flow *last = stack->heap[--stack->flows];
    if (last == flow)
        return;
    place(stack, last, flow->heap_index);
    tcp_heap_rekey(last, last->heap_key);
}

void tcp_heap_rekey(struct flow *flow, uint64_t key) {
    flow->heap_key = key;
    sift_up(flow->stack, flow->heap_index);
    sift_down(flow->stack, flow->heap_index);
}
