/* SPDX-License-Identifier: MIT */
/* The host: configuration, the table of flows, the tick. */
#include "stack.h"

#include "tcp.h"

enum { WINDOW_DEFAULT = 4 << 20, WINDOW_LEAST = 4096, WINDOW_MOST = 64 << 20, PORT_FIRST = 16384 };

/* Every flow has a slot with its next deadline, so that all deadlines lie side by side. */
static bool slot_add(struct flow *flow) {
    struct stack *stack = flow->stack;
    if (stack->flows == stack->slots_size) {
        uint32_t size = stack->slots_size ? stack->slots_size * 2 : 16;
        struct slot *grown = realloc(stack->slots, size * sizeof *grown);
        if (!grown)
            return false;
        stack->slots = grown;
        stack->slots_size = size;
    }
    flow->slot = stack->flows++;
    stack->slots[flow->slot] = (struct slot){TCP_NEVER, flow};
    return true;
}

static void slot_remove(struct flow *flow) {
    struct stack *stack = flow->stack;
    struct slot last = stack->slots[--stack->flows];
    stack->slots[flow->slot] = last;
    last.flow->slot = flow->slot;
}

struct stack *stack_new(const struct stack_config *config) {
    struct stack *stack = calloc(1, sizeof *stack + config->mtu);
    if (!stack)
        return NULL;
    stack->config = *config;
    if (!stack->config.window)
        stack->config.window = WINDOW_DEFAULT;
    if (stack->config.window < WINDOW_LEAST)
        stack->config.window = WINDOW_LEAST;
    if (stack->config.window > WINDOW_MOST)
        stack->config.window = WINDOW_MOST;
    stack->dirty_last = &stack->dirty_first;
    config->random(config->ctx, (uint8_t *)&stack->next_port, sizeof stack->next_port);
    return stack;
}

static void free_dead(struct stack *stack) {
    while (stack->dead) {
        struct flow *flow = stack->dead;
        stack->dead = flow->dead_next;
        free(flow);
    }
}

void stack_free(struct stack *stack) {
    if (!stack)
        return;
    while (stack->flows)
        flow_abort(stack->slots[0].flow, stack->now);
    free_dead(stack);
    free(stack->slots);
    free(stack->listeners);
    free(stack);
}

static unsigned bucket_of(uint16_t local_port, uint16_t peer_port) {
    uint32_t mixed = ((uint32_t)local_port << 16 | peer_port) * 2654435761u;
    return mixed >> 22;
}

struct flow *tcp_flow_find(struct stack *stack, uint16_t local_port, uint16_t peer_port) {
    struct flow *flow = stack->buckets[bucket_of(local_port, peer_port)];
    while (flow && (flow->local_port != local_port || flow->peer_port != peer_port))
        flow = flow->hash_next;
    return flow;
}

struct flow *tcp_flow_new(struct stack *stack, uint16_t local_port, uint16_t peer_port, uint64_t now) {
    if (stack->flows >= TCP_FLOWS_MAX)
        return NULL;
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return NULL;
    uint32_t iss;
    stack->config.random(stack->config.ctx, (uint8_t *)&iss, sizeof iss);
    flow->stack = stack;
    flow->local_port = local_port;
    flow->peer_port = peer_port;
    flow->iss = flow->una = flow->nxt = (1ull << 32) + iss;
    flow->lost_low = TCP_NEVER;
    flow->fin_at = TCP_NEVER;
    flow->rack_deadline = flow->timer_at = flow->pace_at = flow->delack_at = flow->keepalive_at =
        flow->shrink_at = TCP_NEVER;
    flow->rto = 1000 * TCP_MS;
    flow->quick_acks = 16;
    flow->last_heard = flow->last_send = now;
    flow->window = stack->config.window < 256 << 10 ? stack->config.window : 256 << 10;
    while (((uint64_t)65535 << flow->recv_shift) < stack->config.window)
        flow->recv_shift++;
    if (!slot_add(flow)) {
        free(flow);
        return NULL;
    }
    struct flow **bucket = &stack->buckets[bucket_of(local_port, peer_port)];
    flow->hash_next = *bucket;
    *bucket = flow;
    return flow;
}

void tcp_flow_end(struct flow *flow) {
    struct stack *stack = flow->stack;
    struct flow **link = &stack->buckets[bucket_of(flow->local_port, flow->peer_port)];
    while (*link != flow)
        link = &(*link)->hash_next;
    *link = flow->hash_next;
    slot_remove(flow);
    flow->state = FLOW_DEAD;
    ring_free(&flow->tx);
    ring_free(&flow->rx);
    sent_free(&flow->sent);
    gaps_free(&flow->gaps);
    flow->dead_next = stack->dead;
    stack->dead = flow;
}

void tcp_dirty(struct flow *flow) {
    struct stack *stack = flow->stack;
    if (flow->dirty)
        return;
    flow->dirty = true;
    flow->dirty_next = NULL;
    *stack->dirty_last = flow;
    stack->dirty_last = &flow->dirty_next;
}

static struct flow *next_dirty(struct stack *stack) {
    struct flow *flow = stack->dirty_first;
    if (!flow)
        return NULL;
    stack->dirty_first = flow->dirty_next;
    if (!stack->dirty_first)
        stack->dirty_last = &stack->dirty_first;
    flow->dirty = false;
    return flow;
}

uint64_t stack_tick(struct stack *stack, uint64_t now) {
    struct flow *flow;
    now = tcp_clock(stack, now);
    stack->budget = TCP_BURST_ALL;
    for (uint32_t i = stack->flows; i-- > 0;) { /* a flow that ends gives its slot to the last one */
        if (i >= stack->flows || stack->slots[i].deadline > now)
            continue;
        flow = stack->slots[i].flow;
        tcp_timers(flow, now);
        tcp_dirty(flow);
    }
    while ((flow = next_dirty(stack))) {
        if (flow->state != FLOW_DEAD)
            tcp_announce(flow, now);
        if (flow->state == FLOW_DEAD)
            continue;
        tcp_output(flow, now);
        stack->slots[flow->slot].deadline = tcp_deadline(flow);
    }
    free_dead(stack);
    uint64_t next = TCP_NEVER;
    for (uint32_t i = 0; i < stack->flows; i++)
        next = tcp_min(next, stack->slots[i].deadline);
    return next;
}

void stack_wake(struct stack *stack, uint64_t now) {
    now = tcp_clock(stack, now);
    for (uint32_t i = 0; i < stack->flows; i++) {
        struct flow *flow = stack->slots[i].flow;
        if (!flow->backoff || flow->timer == TIMER_NONE)
            continue;
        flow->backoff--; /* firing adds one: an early try uses up no patience */
        flow->timer_at = now;
        tcp_dirty(flow);
    }
}

/* RFC 6056 algorithm 5: small random steps, so that a port comes back late. */
static uint16_t pick_port(struct stack *stack, uint16_t peer_port) {
    for (unsigned tries = 0; tries < TCP_PORTS; tries++) {
        uint8_t step = 0;
        if (!tries)
            stack->config.random(stack->config.ctx, &step, 1);
        stack->next_port = (uint16_t)(stack->next_port + 1 + step % 3);
        if (stack->next_port < PORT_FIRST)
            stack->next_port = (uint16_t)(stack->next_port + PORT_FIRST);
        if (!tcp_flow_find(stack, stack->next_port, peer_port))
            return stack->next_port;
    }
    return 0;
}

struct flow *stack_connect(struct stack *stack, uint16_t port, const struct flow_events *events, void *arg,
                           uint64_t now) {
    now = tcp_clock(stack, now);
    uint16_t local = pick_port(stack, port);
    struct flow *flow = local ? tcp_flow_new(stack, local, port, now) : NULL;
    if (!flow)
        return NULL;
    flow->events = events;
    flow->arg = arg;
    flow->state = FLOW_SYN_SENT;
    flow->need_syn = true;
    tcp_dirty(flow);
    return flow;
}

bool stack_listen(struct stack *stack, uint16_t port, stack_accept_fn *accept, void *ctx) {
    struct listener *grown = realloc(stack->listeners, (stack->listener_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    stack->listeners = grown;
    stack->listeners[stack->listener_count++] = (struct listener){accept, ctx, port};
    return true;
}

size_t stack_flows(const struct stack *stack) {
    return stack->flows;
}

void stack_get_stats(const struct stack *stack, struct stack_stats *out) {
    *out = stack->stats;
}
