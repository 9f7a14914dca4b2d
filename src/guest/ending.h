/* SPDX-License-Identifier: MIT */
/* Ends the machine: sends the terminate request again and again, each attempt in a child process with a time
 * limit. */
#pragma once

#include "../loop.h"
#include "config.h"
#include "store.h"

#define KEY_MAX 512

struct ending;

struct ending_status {
    uint64_t attempts;
    bool rehearses;      /* there is something to rehearse */
    bool rehearsed;      /* and it was answered well */
    char rehearsal[240]; /* why not, "" while the first one is under way */
    char last[240];      /* what the last attempt heard, "" before it */
    bool key;            /* there is a key for ${KEY} */
    bool ready;          /* a request could be sent now */
    char missing[120];   /* why not */
};

/* Reads the authorities and a pushed key that an earlier process kept. NULL without memory. All arguments
 * must outlive it. */
struct ending *ending_new(struct loop *loop, const struct config *config, const struct store *store,
                          const struct guard *guard);
void ending_free(struct ending *ending);
/* Tries the harmless half of the end (find-url or rehearse-url) until it was answered well, or the end
 * begins. */
void ending_rehearse(struct ending *ending);
/* Begins, and never stops again. Later calls do nothing. */
void ending_begin(struct ending *ending);
/* Keeps the key for ${KEY} and rehearses with it. False: it is no key (1 to 512 visible characters). */
bool ending_key(struct ending *ending, const char *key, size_t len);
void ending_get_status(const struct ending *ending, struct ending_status *out);
