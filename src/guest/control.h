/* SPDX-License-Identifier: MIT */
/* The guest's own HTTP control, reachable inside the tunnel only (docs/guest.md). */
#pragma once

#include "../tunnel/stack.h"
#include "wire.h"

#define CONTROL_LOG_MAX 65536

struct control_reply {
    int status;
    const char *type;
    char *data; /* malloc'ed */
    size_t len;
};

/* Answers one complete request. Must fill *reply; data may be NULL. */
typedef void control_fn(void *ctx, const struct wire_request *request, struct control_reply *reply);

struct control;

/* NULL without memory. `answer` is called from inside loop or stack callbacks. */
struct control *control_new(control_fn *answer, void *ctx);
/* A new connection: fits stack_accept_fn with ctx = the control. */
void control_accept(void *ctx, struct flow *flow, uint16_t port);
/* Aborts connections whose time is over. Returns whether any was: then the tunnel needs a tunnel_kick. */
bool control_expire(struct control *control, uint64_t now);
