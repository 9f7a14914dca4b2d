/* SPDX-License-Identifier: MIT */
/* One tunnel end: loop + carrier + WireGuard core + stack + local forwarding. Used by the runtime (client)
 * and the guest. */
#pragma once

#include "../loop.h"
#include "stack.h"
#include "wireguard.h"

struct tunnel;

struct tunnel_config {
    uint8_t private_key[WG_KEY_LEN], peer_public[WG_KEY_LEN], psk[WG_KEY_LEN];
    uint32_t local_ip, peer_ip; /* host byte order */
    /* ip_len 0 on the guest. `stream`: the peer is reached over TCP, and no UDP is spoken. */
    struct wg_address endpoint;
    uint16_t listen_port; /* UDP; 0: any, or none with listen_tcp */
    uint16_t listen_tcp;  /* 0: none */
    uint16_t keepalive;         /* seconds */
    uint64_t stamp_after;       /* unix seconds, see wg_config */
};

struct tunnel_status {
    struct wg_status wg;
    size_t flows;
    uint64_t last_data; /* loop_now() of the last application byte on a counting port, 0 never */
    uint16_t port;      /* own UDP port, or that of TCP without one; 0: it only calls */
    int send_error;     /* errno of the last datagram, 0: it went out */
    struct stack_stats stack;
};

/* Copies the configuration. NULL with errno set: EINVAL for unusable keys, or why no socket could be
 * opened. */
struct tunnel *tunnel_open(struct loop *loop, const struct tunnel_config *config);
/* Resets every connection and closes every listener. Not to be called from a flow's callback. */
void tunnel_close(struct tunnel *tunnel);
void tunnel_get_status(const struct tunnel *tunnel, struct tunnel_status *out);
/* The peer has a new outer address; sessions and connections stay. */
void tunnel_set_endpoint(struct tunnel *tunnel, const struct wg_address *endpoint);

/* Client side: every connection to a local listener (TCP on 127.0.0.1, or a unix socket 0600) becomes a flow
 * to `remote_port`. `fd` is a listening, non-blocking socket; the tunnel owns it from here. Returns false
 * with errno set. */
bool tunnel_forward(struct tunnel *tunnel, int fd, uint16_t remote_port);
/* Guest side: flows to `port` are connected to 127.0.0.1:`local_port`. With `counts`, bytes on it move
 * `last_data`. */
bool tunnel_expose(struct tunnel *tunnel, uint16_t port, uint16_t local_port, bool counts);
/* Guest side: flows to `port` are answered inside the process: `fn(ctx, flow)` must call flow_accept with own
 * events. */
bool tunnel_serve(struct tunnel *tunnel, uint16_t port, stack_accept_fn *fn, void *ctx);
/* To be called by users of tunnel_serve after they wrote to or consumed from a flow outside a stack
 * callback. */
void tunnel_kick(struct tunnel *tunnel);
