/* SPDX-License-Identifier: MIT */
/* TIME_WAIT: what is left of a flow whose end we announced first. Both ports are ours to choose, so two
 * seconds do. */
#include <stdlib.h>

#include "tcp.h"

static const uint64_t WAIT_FOR = 2000 * TCP_MS;

static struct timewait *entry(struct stack *stack, unsigned index) {
    return &stack->timewait[(stack->timewait_head + index) & (stack->timewait_size - 1)];
}

static void drop_expired(struct stack *stack) {
    while (stack->timewait_count && entry(stack, 0)->until <= stack->now) {
        stack->timewait_head = (stack->timewait_head + 1) & (stack->timewait_size - 1);
        stack->timewait_count--;
    }
}

static bool grow(struct stack *stack) {
    unsigned size = stack->timewait_size ? stack->timewait_size * 2 : 64;
    struct timewait *items = malloc(size * sizeof *items);
    if (!items)
        return false;
    for (unsigned i = 0; i < stack->timewait_count; i++)
        items[i] = *entry(stack, i);
    free(stack->timewait);
    stack->timewait = items;
    stack->timewait_size = size;
    stack->timewait_head = 0;
    return true;
}

void tcp_wait_add(struct flow *flow, uint64_t now) {
    struct stack *stack = flow->stack;
    drop_expired(stack);
    if (stack->timewait_count == stack->timewait_size) {
        if (stack->timewait_size < TCP_TIMEWAIT_MAX) {
            if (!grow(stack))
                return;
        } else { /* full: the oldest goes early */
            stack->timewait_head = (stack->timewait_head + 1) & (stack->timewait_size - 1);
            stack->timewait_count--;
        }
    }
    *entry(stack, stack->timewait_count++) = (struct timewait){flow->local_port, flow->peer_port, flow->nxt,
                                                               flow->rcv, now + WAIT_FOR};
}

struct timewait *tcp_wait_find(struct stack *stack, uint16_t local_port, uint16_t peer_port) {
    drop_expired(stack);
    for (unsigned i = stack->timewait_count; i-- > 0;) { /* newest first */
        struct timewait *wait = entry(stack, i);
        if (wait->local_port == local_port && wait->peer_port == peer_port)
            return wait;
    }
    return NULL;
}
