/* SPDX-License-Identifier: MIT */
/* The face of a flow: what its user calls, and when it is called back. */

#include "tcp.h"

enum { SEND_LEAST = 128 << 10 };

/* Ends the flow at once and says so. */
void tcp_fail(struct flow *flow, int error) {
    const struct flow_events *events = flow->events;
    if (flow->state == FLOW_DEAD)
        return;
    tcp_flow_end(flow);
    if (events && events->closed)
        events->closed(flow, flow->arg, error);
}

static bool finished(const struct flow *flow) {
    return flow->fin_acked && flow->fin_received && flow->eof_seen;
}

/* Calls back what has happened since the last tick. */
void tcp_announce(struct flow *flow, uint64_t now) {
    const struct flow_events *events = flow->events;
    if (flow->announce_accept) {
        flow->announce_accept = false;
        flow->accept(flow->accept_ctx, flow, flow->local_port);
        events = flow->events;
    }
    if (flow->state == FLOW_DEAD || !events)
        return;
    if (flow->announce_closed && flow->error) {
        tcp_fail(flow, flow->error);
        return;
    }
    if (flow->announce_connected) {
        flow->announce_connected = false;
        if (events->connected)
            events->connected(flow, flow->arg);
    }
    if (flow->state != FLOW_DEAD && flow->announce_readable) {
        flow->announce_readable = false;
        if (events->readable)
            events->readable(flow, flow->arg);
    }
    if (flow->state != FLOW_DEAD && flow->announce_writable) {
        flow->announce_writable = flow->was_full = false;
        if (events->writable && !flow->shut)
            events->writable(flow, flow->arg);
    }
    if (flow->state == FLOW_DEAD)
        return;
    if (flow->announce_closed) {
        tcp_fail(flow, flow->error);
    } else if (finished(flow)) {
        if (flow->ack_now)
            tcp_send_ack(flow, flow->nxt, now);
        tcp_fail(flow, 0);
    }
}

void flow_accept(struct flow *flow, const struct flow_events *events, void *arg, uint64_t now) {
    if (flow->state != FLOW_PENDING)
        return;
    now = tcp_clock(flow->stack, now);
    flow->events = events;
    flow->arg = arg;
    flow->state = FLOW_SYN_RECEIVED;
    flow->need_syn = true;
    tcp_dirty(flow);
}

size_t flow_peek(struct flow *flow, const uint8_t **data, bool *eof) {
    size_t run;
    *eof = flow->state == FLOW_DEAD || (flow->fin_received && !flow->rx.len);
    *data = NULL;
    if (*eof) {
        flow->eof_seen = true;
        if (flow->state != FLOW_DEAD && flow->fin_acked)
            tcp_dirty(flow);
        return 0;
    }
    if (!flow->rx.len)
        return 0;
    *data = ring_at(&flow->rx, 0, &run);
    return run < flow->rx.len ? run : flow->rx.len;
}

/* The window doubles while the reader keeps up with half of it. */
static void grow_window(struct flow *flow, size_t len) {
    flow->consumed += len;
    if (flow->consumed < flow->window / 2)
        return;
    flow->consumed = 0;
    uint32_t most = flow->recv_shift || flow->stack->config.window <= 65535 ? flow->stack->config.window
                                                                            : 65535;
    if (flow->rx.len < flow->window / 2)
        flow->window = (uint32_t)tcp_min((uint64_t)flow->window * 2, most);
}

void flow_consume(struct flow *flow, size_t len, uint64_t now) {
    if (flow->state == FLOW_DEAD || !len)
        return;
    now = tcp_clock(flow->stack, now);
    ring_drop(&flow->rx, len < flow->rx.len ? len : flow->rx.len);
    grow_window(flow, len);
    if (!flow->rx.len) {
        flow->shrink_at = now + TCP_IDLE_MEMORY;
        if (!flow->gaps.count)
            flow->rx.head = 0; /* the same pages again */
        if (flow->fin_received)
            flow->announce_readable = true; /* the end is still to be seen */
    }
    tcp_dirty(flow);
}

static uint64_t send_limit(struct flow *flow) {
    uint64_t most = 2 * (uint64_t)flow->stack->config.window,
             want = tcp_min(tcp_max(2 * flow->cwnd, SEND_LEAST), most);
    flow->send_limit = tcp_max(flow->send_limit, want);
    return flow->send_limit;
}

uint8_t *flow_space(struct flow *flow, size_t *len) {
    size_t want = *len, run;
    *len = 0;
    if (flow->state == FLOW_DEAD || flow->shut)
        return NULL;
    uint64_t limit = send_limit(flow);
    if (flow->tx.len >= limit) {
        flow->was_full = true;
        return NULL;
    }
    want = (size_t)tcp_min(want, limit - flow->tx.len);
    if (!want || !ring_reserve(&flow->tx, flow->tx.len + want)) {
        flow->was_full = true;
        return NULL;
    }
    uint8_t *space = ring_at(&flow->tx, flow->tx.len, &run);
    *len = run < want ? run : want;
    return space;
}

void flow_commit(struct flow *flow, size_t len, uint64_t now) {
    if (flow->state == FLOW_DEAD || !len)
        return;
    now = tcp_clock(flow->stack, now);
    flow->tx.len += len;
    if (flow->tx.len >= flow->send_limit)
        flow->was_full = true;
    tcp_dirty(flow);
}

size_t flow_write(struct flow *flow, const uint8_t *data, size_t len, uint64_t now) {
    size_t done = 0;
    while (done < len) {
        size_t run = len - done;
        if (!flow_space(flow, &run))
            break;
        ring_put(&flow->tx, flow->tx.len, data + done, run);
        flow_commit(flow, run, now);
        done += run;
    }
    if (done < len && flow->state != FLOW_DEAD)
        flow->was_full = true;
    return done;
}

void flow_shutdown(struct flow *flow, uint64_t now) {
    if (flow->state == FLOW_DEAD || flow->shut)
        return;
    now = tcp_clock(flow->stack, now);
    flow->shut = true;
    tcp_dirty(flow);
}

void flow_abort(struct flow *flow, uint64_t now) {
    if (flow->state == FLOW_DEAD)
        return;
    now = tcp_clock(flow->stack, now);
    bool unheard = flow->state == FLOW_SYN_SENT && flow->nxt == flow->iss,
         over = flow->fin_acked && flow->fin_received;
    if (!flow->announce_closed && !unheard && !over)
        tcp_send_reset(flow);
    tcp_fail(flow, flow->announce_closed ? flow->error : ECONNRESET);
}
