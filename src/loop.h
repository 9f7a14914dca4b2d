/* SPDX-License-Identifier: MIT */
/* The one place that waits: descriptors and timers over poll(2). Knows no Lua, so the guest shares it. */
#pragma once

#include "sys.h"

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_ERROR = 4 };

struct loop;
struct loop_watch;
struct loop_timer;

typedef void loop_fd_fn(void *arg, unsigned ready);
typedef void loop_timer_fn(void *arg);

/* A new loop, or NULL without memory. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Nanoseconds of CLOCK_BOOTTIME (CLOCK_MONOTONIC where there is none): counts the sleep of the machine. */
uint64_t loop_now(void);

/* Watches a descriptor (not owned) until loop_unwatch. `interest` is a set of LOOP_READ, LOOP_WRITE, or 0.
 * Safe to call, with loop_unwatch and the timer functions, from inside a callback. */
struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned interest, loop_fd_fn *fn, void *arg);
void loop_interest(struct loop_watch *watch, unsigned interest);
void loop_unwatch(struct loop_watch *watch);

/* A timer that is off until set; fires once per setting. `deadline` is a loop_now() value, 0 switches it
 * off. */
struct loop_timer *loop_timer(struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *timer, uint64_t deadline);
void loop_timer_free(struct loop_timer *timer);

/* Waits once, at most `timeout_ns` (negative: for ever), runs what is due. Returns the number of callbacks
 * run, -1 on error. */
int loop_once(struct loop *loop, int64_t timeout_ns);
