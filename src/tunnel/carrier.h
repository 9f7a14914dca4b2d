/* SPDX-License-Identifier: MIT */
/* How datagrams of the WireGuard core travel: by UDP, or with their length before them over TCP. */
#pragma once

#include <sys/socket.h>

#include "../loop.h"
#include "wireguard.h"

struct carrier;

/* Who uses a carrier. */
struct carrier_user {
    void *ctx;
    /* False: our peer cannot have sent it. A stream that begins so is closed. */
    bool (*receive)(void *ctx, const struct wg_address *from, const uint8_t *datagram, size_t len);
    void (*batch)(void *ctx); /* after a batch of received datagrams: time to acknowledge */
    /* A stream of the calling end stands (UDP: never called). What was on its way in the one before is lost;
     * `silent`: nothing came out of that one. */
    void (*joined)(void *ctx, bool silent);
};

struct carrier_kind {
    void (*send)(struct carrier *carrier, const struct wg_address *to, const uint8_t *datagram, size_t len);
    void (*flush)(struct carrier *carrier);
    int (*error)(const struct carrier *carrier);
    uint16_t (*port)(const struct carrier *carrier);
    void (*close)(struct carrier *carrier);
};

struct carrier {
    const struct carrier_kind *kind;
};

/* Opens a UDP carrier bound to `bind_port` (0: any) on every address. NULL with errno set. Uses GSO/GRO where
 * the kernel has them. */
struct carrier *carrier_udp_open(struct loop *loop, uint16_t bind_port, const struct carrier_user *user);
/* The same datagrams, each behind its length (frame.h), over TCP. The listening end takes streams at `port`
 * (0: any) on every address, and sends only where one is; the calling end connects to where it is told to
 * send, and does so again when a stream ends or stalls. NULL with errno set. */
struct carrier *carrier_tcp_listen(struct loop *loop, uint16_t port, const struct carrier_user *user);
struct carrier *carrier_tcp_call(struct loop *loop, const struct carrier_user *user);

/* Queues one datagram (it is copied); carrier_flush puts the queue on the wire. A queue or socket that is
 * full drops, as UDP does; what waits for room in the socket goes out by itself. Flush after every batch, and
 * after every single message outside one. */
static inline void carrier_send(struct carrier *carrier, const struct wg_address *to, const uint8_t *datagram,
                                size_t len) {
    carrier->kind->send(carrier, to, datagram, len);
}
static inline void carrier_flush(struct carrier *carrier) {
    carrier->kind->flush(carrier);
}
/* Why this computer did not send the last datagram (an errno), 0 when it did: no route, no network, a rule of
 * its own. */
static inline int carrier_error(const struct carrier *carrier) {
    return carrier->kind->error(carrier);
}
/* The port that it listens at, 0 at the calling end of TCP. */
static inline uint16_t carrier_port(const struct carrier *carrier) {
    return carrier->kind->port(carrier);
}
/* Not from inside its own callbacks. */
static inline void carrier_close(struct carrier *carrier) {
    if (carrier)
        carrier->kind->close(carrier);
}

/* For the carriers. */
/* The socket address of `to` in a socket's family; 0 when it cannot be reached from it. */
socklen_t carrier_to_socket(int family, const struct wg_address *to, struct sockaddr_storage *out);
struct wg_address carrier_from_socket(const struct sockaddr_storage *in);
/* A non-blocking, close-on-exec socket, or -1 with errno set. */
int carrier_socket(int family, int type);
/* The same, bound to `port` in IPv6 and IPv4, or in IPv4 alone where there is no other; tells which. */
int carrier_bind(int type, uint16_t port, int *family);
/* The port that it is bound to. */
uint16_t carrier_bound(int fd);
