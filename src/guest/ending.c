/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "request.h"
#include "wire.h"

#define ATTEMPT_SECONDS 60
#define BACKOFF_SECONDS 60
#define MOST_PAUSE 20
#define BUNDLE_MAX (4 << 20)
#define SECOND 1000000000ULL

struct ending {
    struct loop *loop;
    const struct config *config;
    const struct store *store;
    const struct guard *guard;
    struct tls_anchors *anchors;
    struct loop_timer *timer; /* the next attempt, or the limit of the running one */
    struct loop_watch *watch;
    pid_t child; /* 0: none runs */
    int pipe;
    bool begun;
    int64_t pause; /* seconds */
    uint64_t attempts;
    char last[240];
    char report[240];
    size_t report_len;
    char key[KEY_MAX + 1];
    char id[128]; /* found by find-url, in the child only */
};

static const char *lookup(void *ctx, const char *name) {
    struct ending *ending = ctx;
    const char *key_env = ending->config->key_env ? ending->config->key_env : "KEY";
    if (strcmp(name, "ID") == 0 && ending->config->find.url)
        return ending->id;
    if (strcmp(name, "KEY") != 0 && strcmp(name, key_env) != 0)
        return getenv(name);
    const char *value = getenv(key_env);
    return value && value[0] ? value : ending->key;
}

static void read_anchors(struct ending *ending) {
    const struct config_list *files = &ending->config->ca_files;
    static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/cert.pem"};
    size_t count = files->count ? files->count : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < count; i++) {
        size_t len;
        char *pem = store_slurp(files->count ? files->item[i] : usual[i], BUNDLE_MAX, &len);
        if (pem)
            tls_anchors_add(ending->anchors, pem, len);
        free(pem);
        if (!files->count && tls_anchors_count(ending->anchors) > 0)
            return;
    }
}

/* Answers 2xx of the terminate request, and refusals, alike: only the machine's disappearance ends the attempts. */
static void describe(const char *what, const struct answer *answer, char *out, size_t size) {
    if (answer->status)
        snprintf(out, size, "%s answered HTTP %d", what, answer->status);
    else
        snprintf(out, size, "%s failed: %s", what, answer->why);
}

static bool find_id(struct ending *ending, int64_t when, char *out, size_t size) {
    struct answer answer;
    request_send(&ending->config->find, lookup, ending, ending->anchors, when, &answer);
    describe("find", &answer, out, size);
    if (answer.status == 200) {
        int hits = json_find_id(answer.body, answer.body_len, ending->config->find_token, ending->id, sizeof ending->id);
        if (hits == 1) {
            answer_free(&answer);
            return true;
        }
        const char *wrong = hits == 0 ? "nothing in it holds the token" : hits == -2 ? "several objects do" : "no JSON";
        snprintf(out, size, "find answered HTTP 200, but %s", wrong);
    }
    answer_free(&answer);
    return false;
}

/* Runs in the child. Never returns. */
static _Noreturn void attempt(struct ending *ending, int out) {
    char report[sizeof ending->report];
    struct answer answer;
    struct guard_now now = clock_now();
    /* Somebody may have stepped the wall clock: every other attempt trusts the one that ran since the birth. */
    int64_t when = (ending->attempts % 2 == 0 ? guard_estimate(ending->guard, now) : now.wall) / 1000;
    alarm(ATTEMPT_SECONDS);
    store_close(ending->store);
    if (!ending->config->find.url || find_id(ending, when, report, sizeof report)) {
        if (ending->config->find.url)
            sleep((unsigned)(ending->config->find_pause < MOST_PAUSE ? ending->config->find_pause : MOST_PAUSE));
        request_send(&ending->config->terminate, lookup, ending, ending->anchors, when, &answer);
        describe("terminate", &answer, report, sizeof report);
        answer_free(&answer);
    }
    ssize_t n = write(out, report, strlen(report));
    _exit(n < 0);
}

static void finish(struct ending *ending) {
    int status = 0;
    loop_unwatch(ending->watch);
    ending->watch = NULL;
    close(ending->pipe);
    kill(ending->child, SIGKILL);
    while (waitpid(ending->child, &status, 0) < 0 && errno == EINTR) {
    }
    ending->child = 0;
    if (ending->report_len)
        memcpy(ending->last, ending->report, ending->report_len);
    else
        snprintf(ending->last, sizeof ending->last, "the attempt gave no answer within %d seconds or died", ATTEMPT_SECONDS);
    ending->last[ending->report_len ? ending->report_len : strlen(ending->last)] = '\0';
    store_log(ending->store, "attempt %llu: %s; next in %lld s", (unsigned long long)ending->attempts, ending->last,
              (long long)ending->pause);
    loop_timer_set(ending->timer, loop_now() + (uint64_t)ending->pause * SECOND);
    int64_t longest = ending->config->retry > BACKOFF_SECONDS ? ending->config->retry : BACKOFF_SECONDS;
    ending->pause = ending->pause * 2 < longest ? ending->pause * 2 : longest;
}

static void on_report(void *arg, unsigned ready) {
    struct ending *ending = arg;
    (void)ready;
    ssize_t n = read(ending->pipe, ending->report + ending->report_len, sizeof ending->report - 1 - ending->report_len);
    if (n > 0)
        ending->report_len += (size_t)n;
    else if (n == 0 || errno != EINTR)
        finish(ending);
}

static void start_attempt(struct ending *ending) {
    int ends[2];
    ending->attempts++;
    ending->report_len = 0;
    if (tls_anchors_count(ending->anchors) == 0)
        read_anchors(ending);
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        child = fork();
        if (child == 0)
            attempt(ending, ends[1]);
        close(ends[1]);
        if (child < 0)
            close(ends[0]);
    }
    if (child < 0) {
        snprintf(ending->last, sizeof ending->last, "no process for the attempt: %s", strerror(errno));
        store_log(ending->store, "attempt %llu: %s", (unsigned long long)ending->attempts, ending->last);
        loop_timer_set(ending->timer, loop_now() + SECOND);
        return;
    }
    ending->child = child;
    ending->pipe = ends[0];
    ending->watch = loop_watch(ending->loop, ends[0], LOOP_READ, on_report, ending);
    loop_timer_set(ending->timer, loop_now() + (ATTEMPT_SECONDS + 5) * SECOND);
}

static void on_timer(void *arg) {
    struct ending *ending = arg;
    if (ending->child)
        finish(ending);
    else
        start_attempt(ending);
}

static bool key_good(const char *key, size_t len) {
    if (len == 0 || len > KEY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return true;
}

struct ending *ending_new(struct loop *loop, const struct config *config, const struct store *store, const struct guard *guard) {
    struct ending *ending = calloc(1, sizeof *ending);
    if (!ending)
        return NULL;
    ending->loop = loop;
    ending->config = config;
    ending->store = store;
    ending->guard = guard;
    ending->pause = config->retry;
    ending->anchors = tls_anchors_new();
    ending->timer = loop_timer(loop, on_timer, ending);
    if (!ending->anchors || !ending->timer) {
        ending_free(ending);
        return NULL;
    }
    read_anchors(ending);
    long n = store_read(store, "key", ending->key, KEY_MAX);
    ending->key[n > 0 && key_good(ending->key, (size_t)n) ? n : 0] = '\0';
    return ending;
}

void ending_free(struct ending *ending) {
    if (ending->timer)
        loop_timer_free(ending->timer);
    tls_anchors_free(ending->anchors);
    sodium_memzero(ending, sizeof *ending);
    free(ending);
}

void ending_begin(struct ending *ending) {
    if (ending->begun)
        return;
    ending->begun = true;
    store_log(ending->store, "ending the machine: %s; request: %s %s", ending->guard->reason, ending->config->terminate.method,
              ending->config->terminate.url);
    start_attempt(ending);
}

bool ending_key(struct ending *ending, const char *key, size_t len) {
    if (!key_good(key, len))
        return false;
    memcpy(ending->key, key, len);
    ending->key[len] = '\0';
    if (!store_write(ending->store, "key", key, len))
        store_log(ending->store, "the pushed key could not be kept on disk: %s", strerror(errno));
    return true;
}

static bool usable(const struct ending *ending, const char *text, char *missing) {
    struct ending view = *ending;
    strcpy(view.id, "id");
    char *filled = text ? config_expand(text, lookup, &view, missing) : NULL;
    bool good = !text || filled;
    if (filled)
        sodium_memzero(filled, strlen(filled));
    free(filled);
    sodium_memzero(&view, sizeof view);
    return good;
}

static bool request_usable(const struct ending *ending, const struct config_request *request, char *missing) {
    bool good = usable(ending, request->url, missing) && usable(ending, request->body, missing);
    for (size_t i = 0; good && i < request->headers.count; i++)
        good = usable(ending, request->headers.item[i], missing);
    return good;
}

void ending_get_status(const struct ending *ending, struct ending_status *out) {
    char missing[64] = "";
    memset(out, 0, sizeof *out);
    out->attempts = ending->attempts;
    out->key = lookup((void *)ending, "KEY")[0] != '\0';
    memcpy(out->last, ending->last, sizeof out->last);
    const struct config *config = ending->config;
    out->ready = request_usable(ending, &config->terminate, missing);
    if (out->ready && config->find.url)
        out->ready = request_usable(ending, &config->find, missing);
    if (!out->ready)
        snprintf(out->missing, sizeof out->missing, "there is no usable value for ${%s}", missing);
    else if (strncmp(config->terminate.url, "https:", 6) == 0 && tls_anchors_count(ending->anchors) == 0) {
        out->ready = false;
        snprintf(out->missing, sizeof out->missing, "no certificate authority was found");
    }
}
