/* SPDX-License-Identifier: MIT */
/* What is sent, and when it may be. */
#include "tcp.h"

enum { PACE_SEGMENTS = 16 };

static uint16_t window_field(struct flow *flow) {
    uint64_t field = (tcp_window_edge(flow) - flow->rcv) >> flow->recv_shift;
    if (field > 65535)
        field = 65535;
    flow->adv = tcp_max(flow->adv, flow->rcv + (field << flow->recv_shift));
    return (uint16_t)field;
}

/* RFC 9293 §3.8.6.2.2: the right edge moves in large steps, and never back. */
uint64_t tcp_window_edge(const struct flow *flow) {
    uint64_t limit = flow->rcv - flow->fin_received - flow->rx.len + flow->window;
    uint64_t step = tcp_min(flow->mss, flow->window / 2);
    if (limit < flow->adv + step)
        return tcp_max(flow->adv, flow->rcv);
    return limit;
}

bool tcp_update_due(const struct flow *flow) {
    if (flow->state != FLOW_OPEN || flow->fin_received)
        return false;
    uint64_t step = tcp_max(2 * (uint64_t)flow->mss, tcp_min(flow->window / 4, 64 << 10));
    return tcp_window_edge(flow) >= flow->adv + tcp_min(step, flow->window / 2);
}

static void put_header(struct flow *flow, uint64_t seq, uint8_t flags) {
    tcp_put_header(flow->stack, &(struct header){flow->local_port, flow->peer_port, seq, flow->rcv, flags,
                                                 flags & TCP_ACK ? window_field(flow) : 0});
}

static void acknowledged(struct flow *flow) {
    flow->ack_now = false;
    flow->unacked_segments = flow->ack_copies = 0;
    flow->unacked_bytes = 0;
    flow->delack_at = TCP_NEVER;
}

void tcp_send_ack(struct flow *flow, uint64_t seq, uint64_t now) {
    struct gap blocks[TCP_SACK_MAX + 1];
    unsigned count = 0;
    size_t options = 0;
    (void)now;
    put_header(flow, seq, TCP_ACK);
    if (flow->sack_ok) {
        if (flow->dsack_end)
            blocks[count++] = (struct gap){flow->dsack_start, flow->dsack_end};
        count += gaps_blocks(&flow->gaps, blocks + count, TCP_SACK_MAX - count);
        flow->dsack_start = flow->dsack_end = 0;
        options = tcp_put_sack_option(flow->stack, blocks, count);
    }
    tcp_emit_packet(flow->stack, 20 + options, 0);
    acknowledged(flow);
}

void tcp_send_reset(struct flow *flow) {
    bool answer = flow->state == FLOW_PENDING; /* nothing of ours was sent yet */
    tcp_put_header(flow->stack, &(struct header){flow->local_port, flow->peer_port, answer ? 0 : flow->nxt,
                                                 flow->rcv, flow->saw_syn ? TCP_RST | TCP_ACK : TCP_RST, 0});
    flow->stack->stats.resets_out++;
    tcp_emit_packet(flow->stack, 20, 0);
}

static void send_syn(struct flow *flow, uint64_t now) {
    bool answer = flow->state == FLOW_SYN_RECEIVED;
    /* an answer scales only what was announced; the window in a SYN is not scaled */
    int shift = answer && !flow->recv_shift && !flow->send_shift ? -1 : flow->recv_shift;
    uint16_t window = (uint16_t)tcp_min(flow->window, 65535);
    tcp_put_header(flow->stack, &(struct header){flow->local_port, flow->peer_port, flow->iss, flow->rcv,
                                                 (uint8_t)(answer ? TCP_SYN | TCP_ACK : TCP_SYN), window});
    size_t options = tcp_put_syn_options(flow->stack, shift,
                                         answer ? flow->sack_ok : !flow->stack->config.no_sack);
    tcp_emit_packet(flow->stack, 20 + options, 0);
    flow->nxt = flow->iss + 1;
    flow->need_syn = false;
    flow->last_send = now;
    if (flow->timer == TIMER_NONE) {
        flow->timer = TIMER_RTO;
        flow->timer_at = now + (flow->rto << flow->backoff);
    }
}

/* Sends the bytes of one entry of the queue. */
static void send_range(struct flow *flow, const struct sent *item, uint64_t now) {
    uint64_t base = tcp_max(flow->una, flow->iss + 1);
    size_t data = item->len - !!(item->flags & SENT_FIN), offset = (size_t)(item->seq - base);
    uint8_t flags = TCP_ACK | (item->flags & SENT_FIN ? TCP_FIN : 0) |
                    (offset + data == flow->tx.len ? TCP_PSH : 0);
    put_header(flow, item->seq, flags);
    ring_get(&flow->tx, offset, tcp_payload(flow->stack), data);
    tcp_emit_packet(flow->stack, 20, data);
    if (!flow->gaps.count && !flow->dsack_end)
        acknowledged(flow);
    flow->last_send = now;
    if (flow->stack->budget)
        flow->stack->budget--;
    if (flow->recovery == RECOVERY_FAST)
        flow->prr_out += item->len;
    uint64_t rate = tcp_pace_rate(flow);
    if (rate)
        flow->pace_next = tcp_max(flow->pace_next, now) + (uint64_t)item->len * 1000000000u / rate;
}

void tcp_retransmit(struct flow *flow, uint32_t index, uint64_t now) {
    struct sent *item = sent_get(&flow->sent, index);
    if (item->flags & SENT_LOST)
        flow->lost -= item->len;
    item->flags = (uint8_t)((item->flags & ~SENT_LOST) | SENT_AGAIN);
    item->at = now;
    flow->retransmit_high = tcp_max(flow->retransmit_high, item->seq + item->len);
    if (flow->undo_possible)
        flow->undo_left++;
    flow->stack->stats.retransmits++;
    send_range(flow, item, now);
}

bool tcp_send_new(struct flow *flow, uint64_t limit, bool force, uint64_t now) {
    uint64_t base = tcp_max(flow->una, flow->iss + 1);
    if (flow->fin_sent || flow->nxt >= flow->edge)
        return false;
    uint64_t queued = flow->tx.len - (flow->nxt - base), open = flow->edge - flow->nxt;
    uint64_t len = tcp_min(tcp_min(queued, open), flow->mss);
    bool fin = flow->shut && len == queued && open > len;
    if (!len && !fin)
        return false;
    if (len > limit)
        return false;
    if (!force && len < flow->mss) {
        if (len < queued && len < flow->max_window / 2)
            return false; /* RFC 9293 §3.8.6.2.1: no silly small pieces of a closing window */
        if ((uint64_t)flow->sent.count * flow->mss >= flow->cwnd)
            return false; /* small segments count as whole ones */
    }
    struct sent item = {flow->nxt, now, (uint32_t)len + fin, fin ? SENT_FIN : 0};
    if (!sent_push(&flow->sent, item))
        return false;
    flow->nxt += item.len;
    if (fin)
        flow->fin_sent = true;
    send_range(flow, &item, now);
    return true;
}

static bool find_lost(struct flow *flow, uint32_t *index) {
    if (!flow->lost) {
        flow->lost_low = TCP_NEVER;
        return false;
    }
    for (uint32_t i = sent_find(&flow->sent, tcp_max(flow->lost_low, flow->una)); i < flow->sent.count; i++)
        if (sent_get(&flow->sent, i)->flags & SENT_LOST) {
            flow->lost_low = sent_get(&flow->sent, i)->seq;
            *index = i;
            return true;
        }
    return false;
}

/* True if sending has to wait for the pace; sets when to go on. */
static bool paced(struct flow *flow, uint64_t now) {
    uint64_t rate = tcp_pace_rate(flow);
    flow->pace_at = TCP_NEVER;
    if (!rate)
        return false;
    uint64_t ahead = tcp_max(TCP_MS, (uint64_t)PACE_SEGMENTS * flow->mss * 1000000000u / rate);
    if (flow->pace_next <= now + ahead)
        return false;
    flow->pace_at = flow->pace_next - ahead / 2;
    return true;
}

static void send_data(struct flow *flow, uint64_t now) {
    uint32_t index;
    if (!flow->sent.count && now - flow->last_send > flow->rto)
        tcp_congestion_idle(flow, now);
    flow->cwnd_limited = false;
    for (unsigned burst = 0;; burst++) {
        uint64_t pipe = tcp_pipe(flow), room = flow->cwnd > pipe ? flow->cwnd - pipe : 0;
        bool lost = find_lost(flow, &index);
        if (!lost && flow->nxt - tcp_max(flow->una, flow->iss + 1) >= flow->tx.len &&
            !(flow->shut && !flow->fin_sent))
            break;
        if (paced(flow, now))
            break;
        if (burst == TCP_BURST || !flow->stack->budget) {
            flow->pace_at = now;
            break;
        }
        if (lost) {
            if (!flow->force_retransmit && room < sent_get(&flow->sent, index)->len)
                break;
            flow->force_retransmit = false;
            tcp_retransmit(flow, index, now);
        } else if (!tcp_send_new(flow, room, false, now)) {
            break;
        }
    }
    uint64_t pipe = tcp_pipe(flow);
    flow->cwnd_limited = pipe + flow->mss > flow->cwnd ||
                         (flow->cwnd < flow->ssthresh && 2 * pipe >= flow->cwnd);
}

void tcp_output(struct flow *flow, uint64_t now) {
    switch (flow->state) {
    case FLOW_SYN_SENT:
    case FLOW_SYN_RECEIVED:
        if (flow->need_syn)
            send_syn(flow, now);
        return;
    case FLOW_OPEN:
        break;
    default:
        return;
    }
    send_data(flow, now);
    if (!flow->ack_now && !tcp_update_due(flow)) {
        tcp_timer_arm(flow, now);
        return;
    }
    unsigned copies = !flow->sack_ok && flow->ack_copies > 1 ? flow->ack_copies : 1;
    do /* without SACK the sender counts duplicates */
        tcp_send_ack(flow, flow->nxt, now);
    while (--copies);
    tcp_timer_arm(flow, now);
}
