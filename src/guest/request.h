/* SPDX-License-Identifier: MIT */
/* One HTTP request over https (verified) or, to loopback only, plain http. Blocks: made for a child
 * process. */
#pragma once

#include "config.h"
#include "tls.h"

#define REQUEST_ANSWER_MAX (1 << 20)
#define REQUEST_SECONDS 15

struct answer {
    int status; /* 0: no answer, `why` says the reason */
    bool cut;   /* it is longer than REQUEST_ANSWER_MAX, the rest was not read */
    char *data; /* the answer as it came; body points into it */
    const char *body;
    size_t body_len;
    char why[200];
};

/* Fills the holes of `request` and sends it. `when`: unix seconds that certificates must be valid at. Call
 * answer_free after. Takes as long as names and connections take, and REQUEST_SECONDS for the rest. */
void request_send(const struct config_request *request, config_lookup_fn *lookup, void *ctx,
                  const struct tls_anchors *anchors, int64_t when, struct answer *answer);
void answer_free(struct answer *answer);
