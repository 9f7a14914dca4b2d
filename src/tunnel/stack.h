/* SPDX-License-Identifier: MIT */
/* A minimal IPv4/TCP host, sans-IO: between a local socket and one peer behind the tunnel (facts/wireguard.md
 * §4.6). There is no TIME_WAIT: ports come back late, and a FIN that comes again is answered by RST, which
 * the other end takes for the acknowledgement. */
#pragma once

#include "../sys.h"

struct stack;
struct flow; /* one TCP connection */

struct stack_config {
    uint32_t local_ip, peer_ip; /* host byte order */
    uint16_t mtu;               /* 1420 */
    uint32_t window; /* greatest receive buffer per flow in bytes (0: 4 MiB), reached only as it is used */
    bool no_sack;    /* do not announce selective acknowledgement: NewReno */
    void *ctx;
    void (*output)(void *ctx, const uint8_t *packet, size_t len); /* one inner IPv4 packet for the peer */
    void (*random)(void *ctx, uint8_t *out, size_t len);
};

/* What happens to a flow. All callbacks may call any stack function except stack_free, also flow_abort on the
 * same flow. They come from stack_tick only, except that flow_abort and stack_free call `closed` at once.
 * After `closed` the flow is dead: its functions do nothing until the end of the next stack_tick, when its
 * memory goes. */
struct flow_events {
    void (*connected)(struct flow *flow, void *arg);
    void (*readable)(struct flow *flow, void *arg); /* flow_peek has bytes, or the peer closed its half */
    void (*writable)(struct flow *flow, void *arg); /* room in the send buffer again */
    void (*closed)(struct flow *flow, void *arg,
                   int error); /* last call; 0, ECONNREFUSED, ECONNRESET, ETIMEDOUT */
};

struct stack_stats {
    uint64_t segments_in, segments_out, retransmits, timeouts, probes, resets_out;
    uint64_t undone; /* window reductions taken back because nothing had been lost */
};

/* NULL without memory. Copies the configuration. */
struct stack *stack_new(const struct stack_config *config);
/* Resets every flow (RST to the peer, closed with ECONNRESET) and frees everything. */
void stack_free(struct stack *stack);
/* One inner packet from the peer. Answers ICMP echo at once; everything else waits for stack_tick. */
void stack_input(struct stack *stack, const uint8_t *packet, size_t len, uint64_t now);
/* Calls back, sends acknowledgements and data that are due, runs timers; returns the next deadline or
 * UINT64_MAX. To be called after a batch of stack_input, after flow_* calls outside of callbacks, and at the
 * deadline. A deadline that is not in the future means: more could be sent, but put this burst on the wire
 * first. */
uint64_t stack_tick(struct stack *stack, uint64_t now);

/* The way to the peer works again: what waits for a retransmission by an old timer is tried at the next
 * tick. */
void stack_wake(struct stack *stack, uint64_t now);

/* Active open to `port` of the peer. NULL without memory, or with 4096 flows. */
struct flow *stack_connect(struct stack *stack, uint16_t port, const struct flow_events *events, void *arg,
                           uint64_t now);
/* Passive open: for a SYN to an allowed port `accept` decides: it keeps the flow in "pending" (SYN
 * unanswered) until flow_accept or flow_abort (RST, no callback). Ports without a listener are answered by
 * RST. */
typedef void stack_accept_fn(void *ctx, struct flow *flow, uint16_t port);
bool stack_listen(struct stack *stack, uint16_t port, stack_accept_fn *accept, void *ctx);
void flow_accept(struct flow *flow, const struct flow_events *events, void *arg, uint64_t now);

/* Received bytes in order, without copying; then flow_consume frees them and opens the window. *eof: the peer
 * closed its half and all was read. */
size_t flow_peek(struct flow *flow, const uint8_t **data, bool *eof);
void flow_consume(struct flow *flow, size_t len, uint64_t now);
/* Takes up to len bytes into the send buffer; returns how many. After less than len `writable` follows. */
size_t flow_write(struct flow *flow, const uint8_t *data, size_t len, uint64_t now);
/* The same without a copy: a place for up to *len bytes (in: wanted, out: possible, 0 if full), then how many
 * were put there. */
uint8_t *flow_space(struct flow *flow, size_t *len);
void flow_commit(struct flow *flow, size_t len, uint64_t now);
void flow_shutdown(struct flow *flow, uint64_t now); /* FIN after what is buffered */
void flow_abort(struct flow *flow,
                uint64_t now); /* RST; closed is called with ECONNRESET unless already closing */
size_t stack_flows(const struct stack *stack); /* flows that are not closed */
void stack_get_stats(const struct stack *stack, struct stack_stats *out);
