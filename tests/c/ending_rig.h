/* SPDX-License-Identifier: MIT */
/* What stands in for clock, child processes, network and disk around src/guest/ending.c. */
#pragma once

#include "../../src/guest/ending.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../src/guest/attempt.h"
#include "../../src/guest/request.h"

#define SECOND 1000000000ULL
#define WALL 1786000000
#define STEPPED 86400000 /* what somebody added to the wall clock */
#define CLIENT 1785999000

struct loop_timer {
    loop_timer_fn *fn;
    void *arg;
    uint64_t deadline;
};

struct attempt {
    attempt_work_fn *work;
    attempt_done_fn *done;
    void *ctx;
    bool runs;
};

static uint64_t now;
static struct loop_timer timers[4];
static struct attempt attempts[4]; /* the end, the rehearsal, and those of another process */
static size_t timer_count, attempt_count, steps;
static unsigned slept;
static bool no_process;
static char logged[1200], kept[600];

/* What was sent, and what the cloud answers: `script` of statuses in turn for what is no GET, `listing` for
 * the others. */
static struct {
    char method[8], url[100], auth[100], body[100];
    int64_t when;
} sent[200];
static size_t sent_count;
static int script[8], list_status;
static size_t script_count;
static const char *listing, *refusal;
static bool cut;

uint64_t loop_now(void) {
    return now;
}

struct guard_now clock_now(void) {
    return (struct guard_now){.mono = (int64_t)(now / 1000000),
                              .wall = (WALL + STEPPED - 1000) * 1000LL + (int64_t)(now / 1000000)};
}

struct loop_timer *loop_timer(struct loop *loop, loop_timer_fn *fn, void *arg) {
    (void)loop;
    timers[timer_count] = (struct loop_timer){.fn = fn, .arg = arg};
    return &timers[timer_count++];
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline) {
    timer->deadline = deadline;
}

void loop_timer_free(struct loop_timer *timer) {
    (void)timer;
}

struct attempt *attempt_new(struct loop *loop, attempt_work_fn *work, attempt_done_fn *done, void *ctx) {
    (void)loop;
    attempts[attempt_count] = (struct attempt){.work = work, .done = done, .ctx = ctx};
    return &attempts[attempt_count++];
}

void attempt_free(struct attempt *attempt) {
    (void)attempt;
}

bool attempt_start(struct attempt *attempt) {
    if (no_process) {
        errno = EAGAIN;
        return false;
    }
    return attempt->runs = true;
}

void attempt_stop(struct attempt *attempt) {
    attempt->runs = false;
}

void attempt_step(void) {
    steps++;
}

unsigned sleep(unsigned seconds) {
    slept += seconds;
    return 0;
}

int getifaddrs(struct ifaddrs **list) {
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct ifaddrs only = {.ifa_addr = (struct sockaddr *)(void *)&address};
    inet_pton(AF_INET, "10.19.60.24", &address.sin_addr);
    *list = &only;
    return 0;
}

void freeifaddrs(struct ifaddrs *list) {
    (void)list;
}

void store_log(const struct store *store, const char *fmt, ...) {
    va_list args;
    (void)store;
    va_start(args, fmt);
    vsnprintf(logged, sizeof logged, fmt, args);
    va_end(args);
}

long store_read(const struct store *store, const char *name, char *out, size_t size) {
    (void)store, (void)name, (void)size;
    memcpy(out, kept, strlen(kept));
    return kept[0] ? (long)strlen(kept) : -1;
}

bool store_write(const struct store *store, const char *name, const void *data, size_t len) {
    (void)store, (void)name;
    memcpy(kept, data, len);
    kept[len] = '\0';
    return true;
}

char *store_slurp(const char *path, size_t max, size_t *len) {
    (void)path, (void)max, (void)len;
    return NULL;
}

static void filled(const char *text, config_lookup_fn *lookup, void *ctx, char *out, size_t size) {
    char missing[64];
    char *full = text ? config_expand(text, lookup, ctx, missing) : NULL;
    snprintf(out, size, "%s", full ? full : "");
    free(full);
}

void request_send(const struct config_request *request, config_lookup_fn *lookup, void *ctx,
                  const struct tls_anchors *anchors, int64_t when, struct answer *answer) {
    (void)anchors;
    size_t i = sent_count++ % (sizeof sent / sizeof sent[0]);
    bool get = !request->method;
    snprintf(sent[i].method, sizeof sent[i].method, "%s", get ? "GET" : request->method);
    filled(request->url, lookup, ctx, sent[i].url, sizeof sent[i].url);
    filled(request->headers.item[0], lookup, ctx, sent[i].auth, sizeof sent[i].auth);
    filled(request->body, lookup, ctx, sent[i].body, sizeof sent[i].body);
    sent[i].when = when;
    memset(answer, 0, sizeof *answer);
    answer->status = get ? list_status : script_count ? script[i % script_count] : 200;
    answer->body = get ? listing : answer->status == 403 ? refusal : "{}";
    answer->body_len = answer->body ? strlen(answer->body) : 0;
    answer->cut = get && cut;
    if (!answer->status)
        snprintf(answer->why, sizeof answer->why, "the name cloud.example does not resolve");
}

void answer_free(struct answer *answer) {
    (void)answer;
}
