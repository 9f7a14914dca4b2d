/* SPDX-License-Identifier: MIT */
/* Work that may hang or crash (names, TLS, foreign answers), in a child process with a time limit; what it
 * says comes back. */
#pragma once

#include "../loop.h"

#define ATTEMPT_SECONDS 60 /* for one step */
#define ATTEMPT_STEPS 9
#define ATTEMPT_TEXT 240

struct attempt;

/* Runs in the child, which ends after it: puts one sentence into `said`. */
typedef void attempt_work_fn(void *ctx, char *said, size_t size);
/* The child is gone; what it said, "" when it died or took more than ATTEMPT_SECONDS for a step. */
typedef void attempt_done_fn(void *ctx, const char *said);

/* All arguments must outlive it. NULL without memory. */
struct attempt *attempt_new(struct loop *loop, attempt_work_fn *work, attempt_done_fn *done, void *ctx);
void attempt_free(struct attempt *attempt);
/* Starts the work; one at a time. False with errno set: no process could be had. */
bool attempt_start(struct attempt *attempt);
/* In the work: begins its next step, at most ATTEMPT_STEPS in all. */
void attempt_step(void);
/* Ends what runs without a word to `done`. */
void attempt_stop(struct attempt *attempt);
