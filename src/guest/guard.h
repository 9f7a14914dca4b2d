/* SPDX-License-Identifier: MIT */
/* When must this machine end? Pure arithmetic over injected clocks: no file, no socket, no clock of its
 * own. */
#pragma once

#include "../sys.h"

#define GUARD_OFF INT64_MAX
#define GUARD_TEXT 1024
#define GUARD_MAX_SECONDS (10LL * 366 * 86400)

/* Both clocks in milliseconds: `mono` counts the machine's sleep and never goes back, `wall` is unix time and
 * may be stepped. */
struct guard_now {
    int64_t mono, wall;
};

/* Seconds, 0 off. */
struct guard_limits {
    int64_t silence, idle, life;
};

/* Something that happened: `age` ms before the monotonic reading `mono`, when the wall clock said `wall`. */
struct guard_event {
    int64_t age, mono, wall;
};

enum guard_timer { GUARD_SILENCE, GUARD_IDLE, GUARD_LIFE };

struct guard {
    struct guard_limits limits;
    int64_t life_max; /* seconds, 0: no bound on a lease of life */
    struct guard_event born, contact, traffic;
    struct guard_event ended; /* when the end began; means nothing before */
    bool contacted;           /* false: contact is the birth, "never had contact" runs like "lost contact" */
    bool serving;             /* the idle clock runs; before that the machine has one idle limit of grace */
    bool trafficked;          /* traffic really came; otherwise `traffic` is the start of serving */
    bool ending;
    char reason[160];
};

/* A wish for other limits: negative leaves the limit as it is. Seconds, 0 off; life counts from the birth.
 * life_max raises the bound on life first, and stays over restarts; 0 leaves it. */
struct guard_lease {
    int64_t silence, idle, life, life_max;
};

/* First boot. */
void guard_arm(struct guard *guard, const struct guard_limits *limits, int64_t life_max,
               struct guard_now now);
/* The client was heard. */
void guard_contact(struct guard *guard, struct guard_now now);
/* Real model traffic at the monotonic time `at` (ms), not in the future. Counts as contact too. */
void guard_traffic(struct guard *guard, int64_t at, struct guard_now now);
/* Starts the idle clock unless it runs. */
void guard_serve(struct guard *guard, struct guard_now now);
/* Changes limits and starts the idle clock. Returns NULL, or the sentence why not (then nothing changed). */
const char *guard_lease(struct guard *guard, const struct guard_lease *lease, struct guard_now now);
/* Milliseconds that a timer has left (≤ 0: over), GUARD_OFF when it is off. The smaller of both clocks'
 * opinions. */
int64_t guard_left(const struct guard *guard, enum guard_timer timer, struct guard_now now);
/* Milliseconds since an event, never negative: the larger of both clocks' opinions. */
int64_t guard_age(const struct guard_event *event, struct guard_now now);
/* Begins the end; the first reason and its time stay. */
void guard_end(struct guard *guard, const char *reason, struct guard_now now);
/* Ends when a timer is over. Returns whether the machine is ending. */
bool guard_check(struct guard *guard, struct guard_now now);
/* The wall clock (ms) as the birth and the monotonic clock say: sane when somebody has stepped the wall
 * clock. */
int64_t guard_estimate(const struct guard *guard, struct guard_now now);

/* Writes the record that a restarted process takes up. `boot` names this boot of the kernel, "" when unknown.
 * Returns its length, 0 when GUARD_TEXT would not do. */
size_t guard_save(const struct guard *guard, const char *boot, struct guard_now now, char *out, size_t size);
/* Takes up a record; `life_max` is the configuration's, which a lease may have raised. False when it is
 * damaged; the caller must then treat the machine as over. */
bool guard_load(struct guard *guard, const char *text, size_t len, const char *boot, int64_t life_max,
                struct guard_now now);

/* The real clocks (store.c): milliseconds of loop_now() and of unix time. */
struct guard_now clock_now(void);
