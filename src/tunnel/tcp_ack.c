/* SPDX-License-Identifier: MIT */
/* What an acknowledgement says: which segments arrived, which are lost (RFC 2018, RFC 8985; RFC 6582 without
 * SACK). */
#include "tcp.h"

/* What one acknowledgement brought. */
struct news {
    uint64_t acked, delivered; /* bytes; delivered counts selective ones too */
    uint64_t rtt;              /* of the youngest segment delivered, 0: no sample */
    uint64_t fack_before;
    bool duplicate, dsack;
};

uint64_t tcp_pipe(const struct flow *flow) {
    uint64_t out = flow->nxt - flow->una, gone = flow->sacked + flow->lost + flow->reno_sacked;
    return out > gone ? out - gone : 0;
}

/* A segment has arrived at the peer, by a cumulative or a selective acknowledgement. */
static void delivered(struct flow *flow, const struct sent *item, uint64_t now, struct news *news) {
    uint64_t end = item->seq + item->len, rtt = now - item->at;
    if (item->flags & SENT_LOST)
        flow->lost -= item->len;
    news->delivered += item->len;
    if (!(item->flags & SENT_AGAIN)) {
        if (!news->rtt || rtt < news->rtt)
            news->rtt = rtt ? rtt : 1;
        if (flow->sack_ok && end <= news->fack_before)
            flow->reorder_seen = true;
    } else if (rtt < flow->min_rtt) {
        return; /* answers the first copy: says nothing about the second (RFC 8985 §6.2) */
    }
    if (item->at > flow->rack_at || (item->at == flow->rack_at && end > flow->rack_end)) {
        flow->rack_at = item->at;
        flow->rack_end = end;
        flow->rack_rtt = rtt;
    }
}

static void take_cumulative(struct flow *flow, uint64_t ack, uint64_t now, struct news *news) {
    news->acked = ack - flow->una;
    while (flow->sent.count) {
        struct sent *item = sent_get(&flow->sent, 0);
        uint64_t end = item->seq + item->len;
        if (item->seq >= ack)
            break;
        struct sent part = *item;
        if (end > ack)
            part.len = (uint32_t)(ack - item->seq);
        if (part.flags & SENT_SACKED)
            flow->sacked -= part.len;
        else
            delivered(flow, &part, now, news);
        if (end > ack) {
            item->seq = ack;
            item->len -= part.len;
            break;
        }
        if (item->flags & SENT_FIN)
            flow->fin_acked = true;
        sent_pop(&flow->sent);
    }
    ring_drop(&flow->tx, (size_t)tcp_min(news->acked, flow->tx.len));
    flow->una = ack;
    flow->fack = tcp_max(flow->fack, ack);
    flow->dupacks = 0;
    flow->reno_sacked -= tcp_min(flow->reno_sacked, news->acked);
    if (flow->was_full && flow->tx.len <= flow->send_limit - flow->send_limit / 8)
        flow->announce_writable = true;
    if (!flow->tx.len && flow->tx.size) {
        flow->tx.head = 0; /* the same pages again */
        flow->shrink_at = now + TCP_IDLE_MEMORY;
    }
    tcp_dirty(flow);
}

static void take_block(struct flow *flow, uint64_t start, uint64_t end, uint64_t now, struct news *news) {
    for (uint32_t i = sent_find(&flow->sent, start); i < flow->sent.count; i++) {
        struct sent *item = sent_get(&flow->sent, i);
        if (item->seq + item->len > end)
            break;
        if (item->seq < start || item->flags & SENT_SACKED)
            continue;
        delivered(flow, item, now, news);
        item->flags = (uint8_t)((item->flags & ~SENT_LOST) | SENT_SACKED);
        flow->sacked += item->len;
        flow->fack = tcp_max(flow->fack, item->seq + item->len);
    }
}

/* RFC 2883, RFC 8985 §6.2: something was sent twice for nothing, so reordering is greater than believed. */
static void take_dsack(struct flow *flow, uint64_t start, uint64_t end, struct news *news) {
    unsigned count = flow->mss ? (unsigned)((end - start + flow->mss - 1) / flow->mss) : 1;
    news->dsack = true;
    flow->undo_left -= count < flow->undo_left ? count : flow->undo_left;
    if (flow->dsack_round <= flow->una) {
        flow->dsack_round = flow->nxt;
        if (flow->reorder_mult < 16)
            flow->reorder_mult++;
        flow->reorder_persist = 16;
        flow->reorder_seen = true;
    }
}

static void take_sacks(struct flow *flow, const struct segment *seg, uint64_t now, struct news *news) {
    for (unsigned i = 0; i < seg->sacks; i++) {
        uint64_t start = tcp_unwrap(flow->una, seg->sack[i].start),
                 end = tcp_unwrap(flow->una, seg->sack[i].end);
        if (start >= end || end > flow->nxt)
            continue;
        bool inside = false;
        if (i == 0 && seg->sacks > 1) {
            uint64_t s = tcp_unwrap(flow->una, seg->sack[1].start),
                     e = tcp_unwrap(flow->una, seg->sack[1].end);
            inside = s <= start && end <= e;
        }
        if (i == 0 && (start < flow->una || inside)) {
            if (end - start <= flow->max_window)
                take_dsack(flow, start, end, news);
        } else if (start >= flow->una) {
            take_block(flow, start, end, now, news);
        }
    }
}

static void mark_lost(struct flow *flow, struct sent *item) {
    item->flags |= SENT_LOST;
    flow->lost += item->len;
    flow->lost_low = tcp_min(flow->lost_low, item->seq);
}

static void lost_now(struct flow *flow, uint64_t now) {
    if (flow->recovery == RECOVERY_NONE)
        tcp_congestion_loss(flow, RECOVERY_FAST, now);
    tcp_dirty(flow);
}

/* RFC 8985 §6.2 step 5. Unlike there, some reordering is always allowed for. */
void tcp_detect_losses(struct flow *flow, uint64_t now) {
    uint64_t slack = flow->recovery == RECOVERY_TIMEOUT
                         ? 0
                         : tcp_min(flow->reorder_mult * flow->min_rtt / 4, flow->srtt);
    uint64_t wait = 0, last = tcp_max(flow->fack, flow->retransmit_high);
    bool found = false;
    flow->rack_deadline = TCP_NEVER;
    for (uint32_t i = 0; i < flow->sent.count; i++) {
        struct sent *item = sent_get(&flow->sent, i);
        if (item->seq >= last)
            break;
        if (item->flags & (SENT_SACKED | SENT_LOST))
            continue;
        if (item->at > flow->rack_at || (item->at == flow->rack_at && item->seq + item->len > flow->rack_end))
            continue;
        uint64_t due = item->at + flow->rack_rtt + slack;
        if (due <= now) {
            mark_lost(flow, item);
            found = true;
        } else {
            wait = tcp_max(wait, due);
        }
    }
    if (wait)
        flow->rack_deadline = wait;
    if (found)
        lost_now(flow, now);
}

void tcp_mark_all_lost(struct flow *flow) {
    bool reneged = flow->sent.count && sent_get(&flow->sent, 0)->flags & SENT_SACKED; /* RFC 2018 §8 */
    flow->reno_sacked = 0;
    for (uint32_t i = 0; i < flow->sent.count; i++) {
        struct sent *item = sent_get(&flow->sent, i);
        if (reneged && item->flags & SENT_SACKED) {
            item->flags &= (uint8_t)~SENT_SACKED;
            flow->sacked -= item->len;
        }
        if (!(item->flags & (SENT_SACKED | SENT_LOST)))
            mark_lost(flow, item);
    }
}

void tcp_assume_acked(struct flow *flow) {
    ring_free(&flow->tx);
    sent_free(&flow->sent);
    flow->una = flow->nxt;
    flow->sacked = flow->lost = flow->reno_sacked = 0;
    flow->rack_deadline = TCP_NEVER;
    flow->fin_acked = true;
    tcp_dirty(flow);
}

/* RFC 6582: three duplicates say that the first segment is lost, a partial acknowledgement that the next one
 * is. */
static void detect_without_sack(struct flow *flow, uint64_t now, const struct news *news) {
    if (!flow->sent.count)
        return;
    struct sent *first = sent_get(&flow->sent, 0);
    if (news->duplicate) {
        flow->dupacks++;
        flow->reno_sacked = tcp_min(flow->reno_sacked + flow->mss, flow->nxt - flow->una - first->len);
    }
    bool third = flow->dupacks == 3 && flow->recovery == RECOVERY_NONE;
    bool partial = flow->recovery == RECOVERY_FAST && news->acked && !(first->flags & SENT_AGAIN);
    if ((third || partial) && !(first->flags & SENT_LOST)) {
        mark_lost(flow, first);
        lost_now(flow, now);
    }
}

static bool take_window(struct flow *flow, const struct segment *seg, uint64_t seq, uint64_t ack) {
    uint32_t window = seg->window << flow->send_shift;
    uint64_t edge = ack + window;
    if (ack < flow->una || (ack == flow->una && seq < flow->wl1))
        return false;
    if (ack == flow->una && seq == flow->wl1 && edge < flow->edge)
        return false;
    flow->wl1 = seq;
    if (window > flow->max_window)
        flow->max_window = window;
    if (edge == flow->edge)
        return false;
    flow->edge = edge;
    if (flow->timer == TIMER_PERSIST)
        flow->backoff = 0;
    tcp_dirty(flow);
    return true;
}

/* RFC 8985 §7.4.2: the end of a tail loss probe's episode. */
static void finish_probe(struct flow *flow, uint64_t now, const struct news *news) {
    if (!flow->tlp_end || flow->una < flow->tlp_end)
        return;
    bool harmless = !flow->tlp_again || news->dsack || (flow->una == flow->tlp_end && news->duplicate);
    if (flow->una == flow->tlp_end && !harmless)
        return;
    flow->tlp_end = 0;
    if (!harmless && flow->recovery == RECOVERY_NONE) {
        tcp_congestion_loss(flow, RECOVERY_FAST, now); /* the probe repaired a loss that nobody else saw */
        tcp_congestion_done(flow);
    }
}

static void react(struct flow *flow, uint64_t now, struct news *news) {
    if (news->rtt)
        tcp_rtt(flow, news->rtt, now);
    if (news->dsack && flow->undo_possible && !flow->undo_left)
        tcp_congestion_undo(flow);
    finish_probe(flow, now, news);
    if (flow->recovery != RECOVERY_NONE && flow->una >= flow->recovery_point)
        tcp_congestion_done(flow);
    if (!flow->sack_ok)
        detect_without_sack(flow, now, news);
    else if (flow->sacked || flow->recovery != RECOVERY_NONE)
        tcp_detect_losses(flow, now);
    else
        flow->rack_deadline = TCP_NEVER;
    if (flow->recovery == RECOVERY_FAST)
        tcp_congestion_recovering(flow, flow->sack_ok ? news->delivered
                                                      : news->acked + (news->duplicate ? flow->mss : 0));
    else if (news->acked)
        tcp_congestion_acked(flow, news->acked, now);
}

bool tcp_ack(struct flow *flow, const struct segment *seg, uint64_t now) {
    uint64_t ack = tcp_unwrap(flow->una, seg->ack), seq = tcp_unwrap(flow->rcv, seg->seq);
    if (ack > flow->nxt) {
        flow->ack_now = true;
        tcp_dirty(flow);
        return false;
    }
    struct news news = {.fack_before = flow->fack};
    bool moved = take_window(flow, seg, seq, ack);
    news.duplicate = ack == flow->una && !moved && !seg->len && !(seg->flags & TCP_FIN) && flow->sent.count;
    if (ack > flow->una) {
        take_cumulative(flow, ack, now, &news);
        flow->backoff = 0;
        flow->timer = TIMER_NONE;
        flow->timer_at = TCP_NEVER;
    }
    if (flow->sack_ok && seg->sacks)
        take_sacks(flow, seg, now, &news);
    if (news.acked || news.delivered || news.duplicate || news.dsack || flow->recovery != RECOVERY_NONE) {
        react(flow, now, &news);
        tcp_dirty(flow);
    }
    return true;
}
