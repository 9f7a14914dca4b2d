/* SPDX-License-Identifier: MIT */
/* Everything the guest is made of, for main.c and routes.c. */
#pragma once

#include "../tunnel/tunnel.h"
#include "../version.h"
#include "control.h"
#include "ending.h"
#include "engine.h"

struct guest {
    struct loop *loop;
    struct config config;
    struct store store;
    struct guard guard;
    char boot[64];
    struct ending *ending;
    struct engine *engine;
    struct control *control;
    struct tunnel *tunnel; /* NULL: could not be opened yet */
    struct loop_timer *timer;
    uint8_t private_key[WG_KEY_LEN];
    bool has_key;
    bool persisted;   /* the last record reached the disk */
    bool dirty;       /* the record on disk is behind */
    uint64_t saved;   /* loop_now() of the last record */
    uint64_t started; /* loop_now() */
    uint64_t seen;    /* last_data already told to the guard */
    uint64_t reopen;  /* when to try the tunnel again */
};

/* Writes the guard's record now. */
void guest_save(struct guest *guest);
/* Tells the guard of new traffic, ends the machine when it is time. To be called before anything reads the
 * guard. */
void guest_check(struct guest *guest);
/* A control_fn with ctx = the guest (routes.c). */
void guest_answer(void *ctx, const struct wire_request *request, struct control_reply *reply);
