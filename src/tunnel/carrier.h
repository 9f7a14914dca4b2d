/* SPDX-License-Identifier: MIT */
/* How datagrams of the WireGuard core travel. UDP today; the TCP carrier fits the same five functions. */
#pragma once

#include "../loop.h"
#include "wireguard.h"

struct carrier;

typedef void carrier_receive_fn(void *ctx, const struct wg_address *from, const uint8_t *datagram,
                                size_t len);
typedef void carrier_batch_fn(void *ctx); /* after a batch of received datagrams: time to acknowledge */

/* Opens a UDP carrier bound to `bind_port` (0: any) on every address. NULL with errno set. Uses GSO/GRO where
 * the kernel has them. */
struct carrier *carrier_udp_open(struct loop *loop, uint16_t bind_port, carrier_receive_fn *receive,
                                 carrier_batch_fn *batch, void *ctx);
/* Queues one datagram (it is copied); carrier_flush puts the queue on the wire, grouped by destination and
 * size. A queue or socket that is full drops, as UDP does; what waits for room in the socket goes out by
 * itself. Flush after every batch, and after every single message outside one. */
void carrier_send(struct carrier *carrier, const struct wg_address *to, const uint8_t *datagram, size_t len);
void carrier_flush(struct carrier *carrier);
/* Why this computer did not send the last datagram (an errno), 0 when it did: no route, no network, a rule of
 * its own. */
int carrier_error(const struct carrier *carrier);
uint16_t carrier_port(const struct carrier *carrier);
/* Not from inside its own callbacks. */
void carrier_close(struct carrier *carrier);
