/* SPDX-License-Identifier: MIT */
/* How much may be on its way: HyStart++ (RFC 9406), CUBIC (RFC 9438), proportional rate reduction (RFC 6937),
 * pacing; and the round trip (RFC 6298). */
#include "tcp.h"

#include <math.h>

enum { INITIAL_SEGMENTS = 10, CSS_ROUNDS = 5, CSS_SAMPLES = 8 };
static const uint64_t RTO_LEAST = 200 * TCP_MS, RTO_MOST = 60000 * TCP_MS, MIN_RTT_LIFE = 60000 * TCP_MS;
static const double CUBIC_C = 0.4, CUBIC_BETA = 0.7, CUBIC_ALPHA = 3 * (1 - 0.7) / (1 + 0.7);

void tcp_congestion_init(struct flow *flow) {
    flow->cwnd = (uint64_t)INITIAL_SEGMENTS * flow->mss;
    flow->ssthresh = TCP_NEVER;
    flow->round_min = flow->round_before = TCP_NEVER;
    flow->reorder_mult = 1;
}

void tcp_rtt(struct flow *flow, uint64_t rtt, uint64_t now) {
    flow->round_min = tcp_min(flow->round_min, rtt);
    flow->round_samples++;
    if (!flow->srtt) {
        flow->srtt = rtt ? rtt : 1;
        flow->rttvar = rtt / 2;
    } else {
        uint64_t off = rtt > flow->srtt ? rtt - flow->srtt : flow->srtt - rtt;
        flow->rttvar = (3 * flow->rttvar + off) / 4;
        flow->srtt = (7 * flow->srtt + rtt) / 8;
    }
    flow->rto = tcp_min(tcp_max(flow->srtt + 4 * flow->rttvar, RTO_LEAST), RTO_MOST);
    if (!flow->min_rtt || rtt <= flow->min_rtt || now - flow->min_rtt_at > MIN_RTT_LIFE) {
        flow->min_rtt = rtt ? rtt : 1;
        flow->min_rtt_at = now;
    }
}

static void cubic_grow(struct flow *flow, uint64_t bytes, uint64_t now) {
    double mss = flow->mss, window = (double)flow->cwnd / mss, acked = (double)bytes / mss;
    if (!flow->cubic_epoch) {
        flow->cubic_epoch = now;
        flow->cubic_est = window;
        if (window >= flow->cubic_max)
            flow->cubic_max = window;
        flow->cubic_k = cbrt((flow->cubic_max - window) / CUBIC_C);
    }
    double t = (double)(now - flow->cubic_epoch + flow->srtt) / 1e9 - flow->cubic_k;
    double target = flow->cubic_max + CUBIC_C * t * t * t;
    if (target > 1.5 * window)
        target = 1.5 * window;
    flow->cubic_est += CUBIC_ALPHA * acked / window;
    double next = target > window ? window + (target - window) * acked / window : window;
    if (next < flow->cubic_est)
        next = flow->cubic_est;
    if (next > window + acked)
        next = window + acked;
    flow->cwnd = (uint64_t)(next * mss);
}

/* RFC 9406: a round trip that has grown means that a queue fills; then a quarter of the growth for five
 * rounds, then no more. */
static uint64_t slow_start(struct flow *flow, uint64_t bytes) {
    uint64_t grown = tcp_min(tcp_max(flow->round_before / 8, 4 * TCP_MS), 16 * TCP_MS);
    if (flow->una >= flow->round_end) {
        if (flow->css_rounds && ++flow->css_rounds > CSS_ROUNDS)
            flow->ssthresh = flow->cwnd;
        flow->round_before = flow->round_min;
        flow->round_min = TCP_NEVER;
        flow->round_samples = 0;
        flow->round_end = flow->nxt;
    } else if (flow->round_samples >= CSS_SAMPLES && flow->round_before != TCP_NEVER) {
        if (!flow->css_rounds && flow->round_min >= flow->round_before + grown) {
            flow->css_rounds = 1;
            flow->css_base = flow->round_min;
        } else if (flow->css_rounds && flow->round_min < flow->css_base) {
            flow->css_rounds = 0;
        }
    }
    return flow->css_rounds ? bytes / 4 : bytes;
}

void tcp_congestion_acked(struct flow *flow, uint64_t bytes, uint64_t now) {
    if (flow->cwnd < flow->ssthresh) {
        if (!flow->cwnd_limited && flow->recovery == RECOVERY_NONE)
            return;
        flow->cwnd += tcp_min(slow_start(flow, bytes), flow->ssthresh - flow->cwnd);
        return;
    }
    if (!flow->cwnd_limited) {
        flow->cubic_epoch = 0; /* the curve counts only the time in which it was the limit */
        return;
    }
    cubic_grow(flow, bytes, now);
}

void tcp_congestion_loss(struct flow *flow, enum recovery kind, uint64_t now) {
    (void)now;
    if (flow->recovery == RECOVERY_NONE) {
        double window = (double)flow->cwnd / flow->mss;
        flow->cwnd_undo = flow->cwnd;
        flow->ssthresh_undo = flow->ssthresh;
        flow->undo_possible = true;
        flow->undo_left = 0;
        flow->cubic_max = window < flow->cubic_max ? window * (1 + CUBIC_BETA) / 2 : window;
        uint64_t base = kind == RECOVERY_TIMEOUT
                            ? tcp_min(flow->cwnd, tcp_max(flow->nxt - flow->una, flow->mss))
                            : flow->cwnd;
        flow->ssthresh = tcp_max((uint64_t)((double)base * CUBIC_BETA), 2 * (uint64_t)flow->mss);
    }
    flow->cubic_epoch = 0;
    flow->css_rounds = 0;
    flow->recovery = kind;
    flow->recovery_point = flow->nxt;
    flow->recovery_flight = tcp_max(flow->nxt - flow->una, 1);
    flow->prr_delivered = flow->prr_out = 0;
    flow->force_retransmit = true;
    if (kind == RECOVERY_TIMEOUT)
        flow->cwnd = flow->mss;
}

void tcp_congestion_recovering(struct flow *flow, uint64_t delivered) {
    uint64_t pipe = tcp_pipe(flow), allowed, send;
    flow->prr_delivered += delivered;
    if (pipe > flow->ssthresh) {
        allowed = (flow->prr_delivered * flow->ssthresh + flow->recovery_flight - 1) / flow->recovery_flight;
        send = allowed > flow->prr_out ? allowed - flow->prr_out : 0;
    } else {
        allowed = flow->prr_delivered > flow->prr_out ? flow->prr_delivered - flow->prr_out : 0;
        send = tcp_min(flow->ssthresh - pipe, tcp_max(allowed, delivered) + flow->mss);
    }
    flow->cwnd = tcp_max(pipe + send, flow->mss);
}

void tcp_congestion_done(struct flow *flow) {
    if (flow->recovery == RECOVERY_FAST)
        flow->cwnd = tcp_max(flow->ssthresh, 2 * (uint64_t)flow->mss);
    flow->recovery = RECOVERY_NONE;
    flow->force_retransmit = false;
    if (flow->reorder_persist && !--flow->reorder_persist)
        flow->reorder_mult = 1;
}

void tcp_congestion_undo(struct flow *flow) {
    flow->undo_possible = false;
    if (flow->cwnd_undo > flow->cwnd)
        flow->cwnd = flow->cwnd_undo;
    flow->ssthresh = flow->ssthresh_undo;
    flow->recovery = RECOVERY_NONE;
    flow->force_retransmit = false;
    flow->cubic_epoch = 0;
    flow->stack->stats.undone++;
}

void tcp_congestion_idle(struct flow *flow, uint64_t now) {
    uint64_t least = (uint64_t)INITIAL_SEGMENTS * flow->mss;
    for (uint64_t idle = now - flow->last_send; idle > flow->rto && flow->cwnd > least; idle -= flow->rto)
        flow->cwnd = tcp_max(flow->cwnd / 2, least);
    flow->cubic_epoch = 0;
}

uint64_t tcp_pace_rate(const struct flow *flow) {
    if (flow->srtt < TCP_MS)
        return 0;
    uint64_t window = flow->cwnd < flow->ssthresh ? 2 * flow->cwnd : flow->cwnd + flow->cwnd / 4;
    return window * (1000000000ull / 1024) / (flow->srtt / 1024);
}
