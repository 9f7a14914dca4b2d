/* SPDX-License-Identifier: MIT */
/* Keeps the model server running. */
#pragma once

#include "config.h"
#include "store.h"

struct engine;

struct engine_status {
    bool running;
    long pid; /* 0 when not running */
    uint64_t restarts;
    char last_exit[48]; /* "", "status 1", "signal 9", "cannot start: ..." */
};

/* Ends what an earlier guest left running, remembers how to start. NULL without memory. */
struct engine *engine_new(const struct config *config, const struct store *store);
/* Starts, restarts, notices exits, trims the log. To be called about once a second; `now` is loop_now(). */
void engine_tick(struct engine *engine, uint64_t now);
/* Ends it for good: TERM now, KILL by a later tick. */
void engine_stop(struct engine *engine, uint64_t now);
/* Writes the OOM score of a process, 0: its own, with the bounds of the kernel. Whether it was allowed. */
bool engine_score(long pid, const char *score);
void engine_get_status(const struct engine *engine, struct engine_status *out);
