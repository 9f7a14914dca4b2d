/* SPDX-License-Identifier: MIT */
/* What tunnel.c and forward.c share. */
#pragma once

#include "carrier.h"
#include "tunnel.h"

struct forward;    /* a local listener whose connections become flows */
struct expose;     /* a port whose flows become local connections */
struct connection; /* one local socket joined to one flow */

struct tunnel {
    struct loop *loop;
    struct carrier *carrier[2]; /* UDP and TCP; NULL: not spoken */
    struct wg *wg;
    struct stack *stack;
    struct loop_timer *timer;
    struct forward *forwards;
    struct expose *exposes;
    struct connection *connections;
    uint64_t now; /* time of the batch in hand, 0 between batches */
    uint64_t last_data;
    uint64_t paused_until; /* no accepting before: descriptors ran out */
    uint64_t handshake;    /* when the last one was that the stack knows of, */
    struct wg_address at;  /* and where the peer was then */
    bool pumping;
};

/* The clock, read once per batch. */
uint64_t tunnel_now(struct tunnel *tunnel);
/* Closes every listener and resets what is left of the connections (after stack_free). */
void forward_free(struct tunnel *tunnel);
/* Accepts again after a pause. */
void forward_resume(struct tunnel *tunnel);
