/* SPDX-License-Identifier: MIT */
/* Retransmission, tail loss probe (RFC 8985 §7), persist, keepalive. */

#include "tcp.h"

enum { SYN_TRIES = 6, DATA_TRIES = 12, KEEPALIVE_TRIES = 8 };
static const uint64_t KEEPALIVE_STEP = 15000 * TCP_MS, PERSIST_MOST = 10000 * TCP_MS;
static const uint64_t PROBE_ALONE = 50 * TCP_MS, BACKOFF_MOST = 60000 * TCP_MS;

static uint64_t backed_off(const struct flow *flow) {
    return tcp_min(flow->rto << tcp_min(flow->backoff, 16), BACKOFF_MOST);
}

static bool data_waits(const struct flow *flow) {
    return flow->tx.len > flow->nxt - tcp_max(flow->una, flow->iss + 1) || (flow->shut && !flow->fin_sent);
}

static void set_timer(struct flow *flow, enum timer_kind kind, uint64_t at) {
    flow->timer = kind;
    flow->timer_at = at;
}

void tcp_timer_arm(struct flow *flow, uint64_t now) {
    if (!flow->sent.count) {
        bool blocked = data_waits(flow) && flow->pace_at == TCP_NEVER;
        if (!blocked)
            set_timer(flow, TIMER_NONE, TCP_NEVER);
        else if (flow->timer != TIMER_PERSIST)
            set_timer(flow, TIMER_PERSIST, now + tcp_min(backed_off(flow), PERSIST_MOST));
        return;
    }
    if (flow->timer == TIMER_RTO)
        return;
    uint64_t rto = backed_off(flow), probe = 2 * flow->srtt + (flow->sent.count == 1 ? PROBE_ALONE : TCP_MS);
    if (!flow->sack_ok || flow->recovery != RECOVERY_NONE || flow->tlp_end || flow->backoff || !flow->srtt ||
        probe >= rto)
        set_timer(flow, TIMER_RTO, now + rto);
    else
        set_timer(flow, TIMER_PROBE,
                  flow->timer == TIMER_PROBE ? tcp_max(flow->timer_at, flow->last_send + probe)
                                             : now + probe);
}

static void on_timeout(struct flow *flow, uint64_t now) {
    bool opening = flow->state != FLOW_OPEN;
    set_timer(flow, TIMER_NONE, TCP_NEVER);
    if (++flow->backoff > (opening ? SYN_TRIES : DATA_TRIES)) {
        tcp_fail(flow, ETIMEDOUT);
        return;
    }
    if (opening) {
        flow->need_syn = true;
        return;
    }
    flow->stack->stats.timeouts++;
    flow->tlp_end = 0;
    tcp_mark_all_lost(flow);
    tcp_congestion_loss(flow, RECOVERY_TIMEOUT, now);
    flow->pace_next = 0;
    set_timer(flow, TIMER_RTO, now + backed_off(flow));
}

/* New data if there is any, else the last segment again: its acknowledgement shows what is missing. */
static void on_probe(struct flow *flow, uint64_t now) {
    flow->stack->stats.probes++;
    flow->tlp_again = false;
    if (!tcp_send_new(flow, flow->mss, true, now)) {
        uint32_t last = flow->sent.count;
        while (last && sent_get(&flow->sent, last - 1)->flags & SENT_SACKED)
            last--;
        if (last) {
            bool undo = flow->undo_possible;
            flow->undo_possible = false; /* the probe belongs to no recovery */
            tcp_retransmit(flow, last - 1, now);
            flow->undo_possible = undo;
            flow->tlp_again = true;
        }
    }
    flow->tlp_end = flow->nxt;
    set_timer(flow, TIMER_RTO, now + backed_off(flow));
}

static void on_persist(struct flow *flow, uint64_t now) {
    if (flow->keepalives >= DATA_TRIES) {
        tcp_fail(flow, ETIMEDOUT);
        return;
    }
    set_timer(flow, TIMER_NONE, TCP_NEVER);
    if (tcp_send_new(flow, flow->mss, true, now)) {
        flow->backoff = 0;
        return;
    }
    flow->keepalives++;
    if (flow->backoff < 16)
        flow->backoff++;
    flow->stack->stats.probes++;
    tcp_send_ack(flow, flow->una - 1, now);
}

static void on_keepalive(struct flow *flow, uint64_t now) {
    flow->keepalive_at = flow->last_heard + TCP_KEEPALIVE_IDLE;
    if (flow->keepalive_at > now)
        return;
    flow->keepalive_at = now + KEEPALIVE_STEP;
    if (flow->sent.count || flow->timer == TIMER_PERSIST)
        return; /* those have their own end */
    if (flow->keepalives++ >= KEEPALIVE_TRIES)
        tcp_fail(flow, ETIMEDOUT);
    else
        tcp_send_ack(flow, flow->una - 1, now);
}

static void on_shrink(struct flow *flow) {
    flow->shrink_at = TCP_NEVER;
    if (!flow->tx.len)
        ring_free(&flow->tx);
    if (!flow->rx.len && !flow->gaps.count)
        ring_free(&flow->rx);
    if (!flow->sent.count)
        sent_free(&flow->sent);
}

void tcp_timers(struct flow *flow, uint64_t now) {
    if (flow->timer_at <= now) {
        if (flow->timer == TIMER_RTO)
            on_timeout(flow, now);
        else if (flow->timer == TIMER_PROBE)
            on_probe(flow, now);
        else
            on_persist(flow, now);
    }
    if (flow->state == FLOW_DEAD)
        return;
    if (flow->rack_deadline <= now)
        tcp_detect_losses(flow, now);
    if (flow->delack_at <= now) {
        flow->delack_at = TCP_NEVER;
        flow->ack_now = true;
    }
    if (flow->pace_at <= now)
        flow->pace_at = TCP_NEVER;
    if (flow->shrink_at <= now)
        on_shrink(flow);
    if (flow->keepalive_at <= now)
        on_keepalive(flow, now);
}

uint64_t tcp_deadline(const struct flow *flow) {
    uint64_t at = tcp_min(tcp_min(flow->timer_at, flow->rack_deadline),
                          tcp_min(flow->delack_at, flow->pace_at));
    return tcp_min(at, tcp_min(flow->shrink_at, flow->keepalive_at));
}
