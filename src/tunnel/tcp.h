/* SPDX-License-Identifier: MIT */
/* What the files of the minimal TCP share (facts/wireguard.md §4.6). Sequence numbers are 64 bits wide
 * inside, so they never wrap; tcp_unwrap widens what comes from the wire. Times are nanoseconds. */
#pragma once

#include "stack.h"

#define TCP_MS 1000000ull
#define TCP_NEVER UINT64_MAX
#define TCP_KEEPALIVE_IDLE (120000 * TCP_MS)
#define TCP_IDLE_MEMORY (1000 * TCP_MS) /* empty buffers are given back after this */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };
enum {
    TCP_SACK_MAX = 4,   /* blocks in one header without timestamps */
    TCP_GAPS_MAX = 256, /* out-of-order intervals kept per flow */
    TCP_FLOWS_MAX = 4096,
    TCP_BUCKETS = 1024,
    TCP_PORTS = 65536,
    TCP_BURST = 64,      /* segments of one flow per tick: a GSO batch */
    TCP_BURST_ALL = 128, /* of all flows together: a peer's socket buffer may be only 208 KiB */
};

enum flow_state { FLOW_SYN_SENT, FLOW_PENDING, FLOW_SYN_RECEIVED, FLOW_OPEN, FLOW_DEAD };

/* A byte queue that grows by doubling; bytes may be placed beyond its end (reassembly). ring.c */
struct ring {
    uint8_t *data; /* NULL until the first byte */
    size_t size;   /* power of two, or 0 */
    size_t head;   /* where the first byte lies */
    size_t len;    /* bytes in the queue; placed bytes beyond it are counted by the caller */
};

/* Makes offsets below `need` usable, keeping all bytes. False without memory (nothing changed). */
bool ring_reserve(struct ring *ring, size_t need);
/* Copies in at `offset` from the first byte; the space must be reserved. Does not change len. */
void ring_put(struct ring *ring, size_t offset, const uint8_t *bytes, size_t len);
/* Copies out from `offset`. */
void ring_get(const struct ring *ring, size_t offset, uint8_t *out, size_t len);
/* The address of `offset` and how many bytes of the reserved space follow it without a break. */
uint8_t *ring_at(const struct ring *ring, size_t offset, size_t *run);
/* Forgets the first `len` bytes. */
void ring_drop(struct ring *ring, size_t len);
/* Gives the memory back; what was in it is gone. */
void ring_free(struct ring *ring);

/* One segment as read from the wire. */
struct segment {
    uint16_t from, to; /* ports */
    uint32_t seq, ack;
    uint8_t flags;
    uint32_t window; /* not scaled */
    uint16_t mss;    /* 0: no option */
    int shift;       /* -1: no option */
    bool sack_ok;
    unsigned sacks;
    struct {
        uint32_t start, end;
    } sack[TCP_SACK_MAX];
    const uint8_t *data;
    size_t len;
};

/* One segment that was sent and is not yet acknowledged; neighbours in the queue are neighbours in
 * sequence. */
struct sent {
    uint64_t seq, at; /* `at`: when it was sent last */
    uint32_t len;     /* in sequence numbers: a FIN counts */
    uint8_t flags;
};
enum { SENT_SACKED = 1, SENT_LOST = 2, SENT_AGAIN = 4, SENT_FIN = 8 };

struct sent_queue {
    struct sent *slots;
    uint32_t size, head, count; /* size: power of two */
};

struct gap_list { /* received intervals beyond what is in order, ascending, disjoint */
    struct gap {
        uint64_t start, end;
    } * items;
    unsigned count, size;
    uint64_t recent[TCP_SACK_MAX]; /* where data came in last, newest first (RFC 2018) */
};

enum timer_kind { TIMER_NONE, TIMER_RTO, TIMER_PROBE, TIMER_PERSIST };
enum recovery { RECOVERY_NONE, RECOVERY_FAST, RECOVERY_TIMEOUT };

struct flow {
    struct stack *stack;
    struct flow *hash_next, *dirty_next, *dead_next;
    uint32_t slot; /* its place in stack->slots */
    const struct flow_events *events;
    void *arg;
    stack_accept_fn *accept;
    void *accept_ctx;
    enum flow_state state;
    int error;
    uint16_t local_port, peer_port;
    bool dirty, need_syn, saw_syn, announce_accept, announce_connected, announce_readable, announce_writable,
        announce_closed;

    /* sending */
    uint64_t iss, una, nxt, edge; /* edge: right end of the peer's window */
    uint64_t wl1;
    uint32_t max_window, mss;
    uint8_t send_shift, recv_shift;
    bool sack_ok, shut, fin_sent, fin_acked, was_full, cwnd_limited;
    uint64_t send_limit; /* of tx, grows with cwnd and never shrinks */
    struct ring tx;      /* its first byte has number max(una, iss + 1) */
    struct sent_queue sent;
    uint64_t sacked, lost, reno_sacked; /* bytes of the outstanding ones */
    uint64_t lost_low;                  /* no lost segment lies below */
    uint64_t retransmit_high;
    unsigned dupacks;

    /* loss detection (RFC 8985) */
    uint64_t fack, rack_at, rack_end, rack_rtt, rack_deadline, dsack_round;
    unsigned reorder_mult, reorder_persist;
    bool reorder_seen, dsack_now;
    uint64_t tlp_end;
    bool tlp_again;

    /* congestion (RFC 9438, 6937) */
    uint64_t cwnd, ssthresh, cwnd_undo, ssthresh_undo, recovery_point, recovery_flight, prr_delivered,
        prr_out;
    enum recovery recovery;
    bool force_retransmit, undo_possible;
    unsigned undo_left;
    uint64_t round_end, round_min, round_before, css_base; /* HyStart++ */
    unsigned round_samples, css_rounds;
    double cubic_max, cubic_k, cubic_est;
    uint64_t cubic_epoch;
    uint64_t pace_next, pace_at;
    uint64_t last_send;

    /* timing (RFC 6298) */
    uint64_t srtt, rttvar, rto, min_rtt, min_rtt_at;
    enum timer_kind timer;
    uint64_t timer_at;
    unsigned backoff;

    /* receiving */
    uint64_t irs, rcv, adv; /* rcv: next expected; adv: right end of the advertised window */
    uint64_t fin_at;        /* number of the peer's FIN, TCP_NEVER until seen */
    bool fin_received, eof_seen, ack_now;
    struct ring rx;
    struct gap_list gaps;
    uint64_t dsack_start, dsack_end;
    unsigned unacked_segments, ack_copies, quick_acks;
    uint64_t unacked_bytes;
    uint32_t window; /* receive buffer at present, grows to the configured one */
    uint64_t consumed;
    uint64_t delack_at, last_heard, keepalive_at, shrink_at;
    unsigned keepalives;
};

struct listener {
    stack_accept_fn *accept;
    void *ctx;
    uint16_t port;
};

struct stack {
    struct stack_config config;
    uint64_t now;
    struct flow *buckets[TCP_BUCKETS];
    struct slot {
        uint64_t deadline; /* never later than the true one */
        struct flow *flow;
    } * slots;
    uint32_t slots_size, flows;
    struct flow *dirty_first, **dirty_last, *dead;
    struct listener *listeners;
    unsigned listener_count;
    uint16_t next_port;
    unsigned budget; /* data segments that this tick may still send */
    struct stack_stats stats;
    uint8_t packet[]; /* mtu bytes, the segment under construction */
};

static inline uint64_t tcp_unwrap(uint64_t near, uint32_t wire) {
    return near + (uint64_t)(int64_t)(int32_t)(wire - (uint32_t)near);
}
static inline uint64_t tcp_min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}
static inline uint64_t tcp_max(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}
/* Callers may have read the clock at different moments: time never goes back inside. */
static inline uint64_t tcp_clock(struct stack *stack, uint64_t now) {
    return stack->now = tcp_max(stack->now, now);
}
static inline struct sent *sent_get(const struct sent_queue *queue, uint32_t index) {
    return &queue->slots[(queue->head + index) & (queue->size - 1)];
}

/* stack.c */
struct flow *tcp_flow_new(struct stack *stack, uint16_t local_port, uint16_t peer_port, uint64_t now);
struct flow *tcp_flow_find(struct stack *stack, uint16_t local_port, uint16_t peer_port);
void tcp_dirty(struct flow *flow);
/* Takes the flow out of the tables; its memory lives until the end of the next tick. */
void tcp_flow_end(struct flow *flow);
/* stack_ip.c */
struct header {
    uint16_t from, to;
    uint64_t seq, ack;
    uint8_t flags;
    uint16_t window;
};
uint32_t ip_sum(const uint8_t *bytes, size_t len, uint32_t sum);
uint16_t ip_fold(uint32_t sum);
/* A packet is built in stack->packet: header, then options or payload, then tcp_emit_packet completes and
 * sends it. */
void tcp_put_header(struct stack *stack, const struct header *header);
uint8_t *tcp_payload(struct stack *stack);
size_t tcp_put_syn_options(struct stack *stack, int shift,
                           bool sack_ok); /* → bytes of options; shift -1: none */
size_t tcp_put_sack_option(struct stack *stack, const struct gap *blocks, unsigned count);
void tcp_emit_packet(struct stack *stack, size_t tcp_header, size_t payload);
/* Answers a segment by RST. */
void tcp_refuse(struct stack *stack, const struct segment *seg);

/* tcp_input.c */
void tcp_input(struct flow *flow, const struct segment *seg, uint64_t now);
void tcp_input_syn(struct stack *stack, const struct segment *seg, struct listener *listener, uint64_t now);

/* tcp_lists.c */
bool gaps_add(struct gap_list *gaps, uint64_t start, uint64_t end);
/* True if the bytes were there already. */
bool gaps_cover(const struct gap_list *gaps, uint64_t start, uint64_t end);
/* Moves `rcv` over intervals that it reached and drops them. */
uint64_t gaps_advance(struct gap_list *gaps, uint64_t rcv);
unsigned gaps_blocks(const struct gap_list *gaps, struct gap out[TCP_SACK_MAX], unsigned max);
void gaps_free(struct gap_list *gaps);

/* tcp_ack.c */
/* Handles acknowledgement, window and SACK. False if the segment is to be dropped. */
bool tcp_ack(struct flow *flow, const struct segment *seg, uint64_t now);
void tcp_detect_losses(struct flow *flow, uint64_t now);
void tcp_mark_all_lost(struct flow *flow);
/* Nothing that was sent, with the FIN, will ever be acknowledged: as if it was. */
void tcp_assume_acked(struct flow *flow);
uint64_t tcp_pipe(const struct flow *flow);

bool sent_push(struct sent_queue *queue, struct sent item);
void sent_pop(struct sent_queue *queue);
/* Index of the first segment that ends after `seq` (count if none). */
uint32_t sent_find(const struct sent_queue *queue, uint64_t seq);
void sent_free(struct sent_queue *queue);

/* tcp_congestion.c */
void tcp_congestion_init(struct flow *flow);
void tcp_congestion_acked(struct flow *flow, uint64_t bytes, uint64_t now);
void tcp_congestion_loss(struct flow *flow, enum recovery kind, uint64_t now);
void tcp_congestion_recovering(struct flow *flow, uint64_t delivered);
void tcp_congestion_done(struct flow *flow);
void tcp_congestion_undo(struct flow *flow);
void tcp_congestion_idle(struct flow *flow, uint64_t now);
void tcp_rtt(struct flow *flow, uint64_t rtt, uint64_t now);
uint64_t tcp_pace_rate(const struct flow *flow);

/* tcp_output.c */
void tcp_output(struct flow *flow, uint64_t now);
void tcp_send_reset(struct flow *flow);
void tcp_send_ack(struct flow *flow, uint64_t seq, uint64_t now);
void tcp_retransmit(struct flow *flow, uint32_t index, uint64_t now);
/* Sends one segment of new data of at most `limit` bytes; false if there is none. */
bool tcp_send_new(struct flow *flow, uint64_t limit, bool force, uint64_t now);
/* The right end of the window as it would be advertised now. */
uint64_t tcp_window_edge(const struct flow *flow);
bool tcp_update_due(const struct flow *flow);

/* tcp_timer.c */
void tcp_timers(struct flow *flow, uint64_t now);
void tcp_timer_arm(struct flow *flow, uint64_t now);
uint64_t tcp_deadline(const struct flow *flow);

/* tcp_flow.c */
void tcp_fail(struct flow *flow, int error);
void tcp_announce(struct flow *flow, uint64_t now);
