/* SPDX-License-Identifier: MIT */
/* What a segment does to its flow (RFC 9293 §3.10.7, RFC 5961). Nothing is called back from here: the tick
 * does. */

#include "tcp.h"

enum { MSS_UNKNOWN = 536 };
static const uint64_t ACK_DELAY = 40 * TCP_MS;

static void ack_soon(struct flow *flow) {
    flow->ack_now = true;
    tcp_dirty(flow);
}

static void fail_later(struct flow *flow, int error) {
    flow->announce_closed = true;
    flow->error = error;
    tcp_dirty(flow);
}

/* Learns what a SYN says. */
static void take_options(struct flow *flow, const struct segment *seg) {
    const struct stack_config *config = &flow->stack->config;
    uint32_t mss = seg->mss ? seg->mss : MSS_UNKNOWN, ours = config->mtu - 40u;
    if (mss < 64)
        mss = 64;
    flow->mss = mss < ours ? mss : ours;
    flow->sack_ok = seg->sack_ok && !config->no_sack;
    if (seg->shift >= 0) {
        flow->send_shift = (uint8_t)seg->shift;
    } else {
        flow->send_shift = flow->recv_shift = 0;
        if (flow->window > 65535)
            flow->window = 65535;
    }
    flow->irs = (1ull << 32) + seg->seq;
    flow->rcv = flow->irs + 1;
    flow->saw_syn = true;
    /* until now the window could only be announced unscaled */
    flow->adv = flow->rcv + tcp_min(flow->window, 65535);
    tcp_congestion_init(flow);
}

static void open_up(struct flow *flow, uint32_t window, uint64_t now) {
    flow->una = flow->iss + 1;
    flow->edge = flow->una + window;
    flow->max_window = window;
    flow->wl1 = flow->irs;
    flow->state = FLOW_OPEN;
    flow->timer = TIMER_NONE;
    flow->timer_at = TCP_NEVER;
    if (!flow->backoff)
        tcp_rtt(flow, now - flow->last_send, now);
    else
        flow->rto = 1000 * TCP_MS;
    flow->backoff = 0;
    flow->announce_connected = true;
    flow->keepalive_at = now + TCP_KEEPALIVE_IDLE;
    tcp_dirty(flow);
}

void tcp_input_syn(struct stack *stack, const struct segment *seg, struct listener *listener, uint64_t now) {
    struct flow *flow = tcp_flow_new(stack, seg->to, seg->from, now);
    if (!flow)
        return; /* the peer tries again */
    flow->state = FLOW_PENDING;
    flow->accept = listener->accept;
    flow->accept_ctx = listener->ctx;
    flow->announce_accept = true;
    take_options(flow, seg);
    flow->edge = flow->iss + 1 + seg->window;
    tcp_dirty(flow);
}

static void input_syn_sent(struct flow *flow, const struct segment *seg, uint64_t now) {
    bool acked = seg->flags & TCP_ACK && seg->ack == (uint32_t)(flow->iss + 1) && flow->nxt == flow->iss + 1;
    if (seg->flags & TCP_RST) {
        if (acked)
            fail_later(flow, ECONNREFUSED);
        return;
    }
    if (!(seg->flags & TCP_ACK))
        return;
    if (!acked) { /* the peer still has an older flow on these ports: end it, and ask again at once */
        tcp_refuse(flow->stack, seg);
        if (flow->backoff < 3)
            flow->need_syn = true;
        tcp_dirty(flow);
        return;
    }
    if (!(seg->flags & TCP_SYN))
        return;
    take_options(flow, seg);
    open_up(flow, seg->window, now);
    ack_soon(flow);
}

/* Where the received stream starts in flow->rx. */
static uint64_t read_at(const struct flow *flow) {
    return flow->rcv - flow->fin_received - flow->rx.len;
}

static bool store(struct flow *flow, uint64_t seq, const uint8_t *data, size_t len) {
    size_t offset = (size_t)(seq - read_at(flow));
    if (!ring_reserve(&flow->rx, offset + len))
        return false;
    ring_put(&flow->rx, offset, data, len);
    return true;
}

static void note_duplicate(struct flow *flow, uint64_t start, uint64_t end) {
    if (flow->dsack_end == start && start) /* neighbours are told as one */
        flow->dsack_end = end;
    else
        flow->dsack_start = start, flow->dsack_end = end;
    ack_soon(flow);
}

static void take_in_order(struct flow *flow, uint64_t end, size_t len, uint64_t now) {
    uint64_t before = flow->rcv;
    bool had_gaps = flow->gaps.count;
    flow->rcv = had_gaps ? gaps_advance(&flow->gaps, end) : end;
    flow->rx.len += (size_t)(flow->rcv - before);
    flow->announce_readable = true;
    flow->unacked_segments++;
    flow->unacked_bytes += len;
    if (had_gaps || flow->unacked_segments >= 2 || flow->quick_acks)
        flow->ack_now = true;
    else if (flow->delack_at == TCP_NEVER)
        flow->delack_at = now + ACK_DELAY;
    if (flow->quick_acks)
        flow->quick_acks--;
    tcp_dirty(flow);
}

static void input_data(struct flow *flow, uint64_t seq, const uint8_t *data, size_t len, uint64_t now) {
    uint64_t end = seq + len;
    if (seq < flow->rcv) {
        note_duplicate(flow, seq, tcp_min(end, flow->rcv));
        if (end <= flow->rcv)
            return;
        data += flow->rcv - seq;
        seq = flow->rcv;
    }
    if (end > flow->adv) { /* more than was announced, or a probe of a closed window */
        ack_soon(flow);
        if (seq >= flow->adv)
            return;
        end = flow->adv;
    }
    end = tcp_min(end, flow->fin_at);
    if (seq >= end)
        return;
    len = (size_t)(end - seq);
    if (seq == flow->rcv) {
        if (store(flow, seq, data, len))
            take_in_order(flow, end, len, now);
        return;
    }
    if (gaps_cover(&flow->gaps, seq, end)) {
        note_duplicate(flow, seq, end);
    } else if (store(flow, seq, data, len) && gaps_add(&flow->gaps, seq, end)) {
        flow->ack_copies++;
        ack_soon(flow);
    }
}

static void input_fin(struct flow *flow, uint64_t fin_at) {
    if (flow->fin_at == TCP_NEVER && fin_at >= flow->rcv && fin_at < flow->adv + 1)
        flow->fin_at = fin_at;
    ack_soon(flow);
}

static void reach_fin(struct flow *flow) {
    if (flow->fin_received || flow->rcv != flow->fin_at)
        return;
    flow->fin_received = true;
    flow->rcv++;
    flow->adv = tcp_max(flow->adv, flow->rcv);
    flow->announce_readable = true;
    gaps_free(&flow->gaps);
    ack_soon(flow);
}

static void input_reset(struct flow *flow, uint64_t seq) {
    if (seq != flow->rcv) { /* RFC 5961 §3.2 */
        if (seq > flow->rcv && seq < flow->adv)
            ack_soon(flow);
        return;
    }
    if (!flow->fin_received || !flow->fin_sent) {
        fail_later(flow, ECONNRESET);
        return;
    }
    /* Both sides have said their last byte and the peer has forgotten the flow already: the ACK of our FIN
     * was lost. What it sent before may still have to be read here. */
    tcp_assume_acked(flow);
}

static bool input_syn_received(struct flow *flow, const struct segment *seg, uint64_t now) {
    if (seg->flags & TCP_SYN) {
        flow->need_syn = seg->seq == (uint32_t)flow->irs;
        tcp_dirty(flow);
        return false;
    }
    if (!(seg->flags & TCP_ACK))
        return false;
    if (flow->nxt == flow->iss || seg->ack != (uint32_t)(flow->iss + 1)) {
        tcp_refuse(flow->stack, seg);
        return false;
    }
    open_up(flow, seg->window << flow->send_shift, now);
    return true;
}

void tcp_input(struct flow *flow, const struct segment *seg, uint64_t now) {
    if (flow->announce_closed)
        return;
    flow->last_heard = now;
    flow->keepalives = 0;
    if (flow->state == FLOW_SYN_SENT) {
        input_syn_sent(flow, seg, now);
        return;
    }
    uint64_t seq = tcp_unwrap(flow->rcv, seg->seq);
    if (seg->flags & TCP_RST) {
        input_reset(flow, seq);
        return;
    }
    if (flow->state == FLOW_PENDING ||
        (flow->state == FLOW_SYN_RECEIVED && !input_syn_received(flow, seg, now)))
        return;
    if (seg->flags & TCP_SYN) { /* RFC 5961 §4.2; also a repeated SYN-ACK */
        ack_soon(flow);
        return;
    }
    if (!(seg->flags & TCP_ACK) || !tcp_ack(flow, seg, now))
        return;
    if (seg->len && !flow->fin_received)
        input_data(flow, seq, seg->data, seg->len, now);
    else if (seg->len || seq < flow->rcv || seq > flow->adv)
        ack_soon(flow); /* a probe, or a copy of what was read to the end */
    if (seg->flags & TCP_FIN)
        input_fin(flow, seq + seg->len);
    reach_fin(flow);
}
