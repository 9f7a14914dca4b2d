/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sodium.h>

#include "attempt.h"
#include "request.h"
#include "wire.h"

#define BACKOFF_SECONDS 60
#define MOST_PAUSE 20
#define PATIENT_ATTEMPTS 10
#define BUNDLE_MAX (4 << 20)
#define SECOND 1000000000ULL
#define REHEARSED "rehearsed"

struct ending {
    struct loop *loop;
    const struct config *config;
    const struct store *store;
    const struct guard *guard;
    struct tls_anchors *anchors;
    struct attempt *end, *rehearse;
    struct loop_timer *next, *again; /* the next attempt, the next rehearsal */
    bool begun, rehearsed;
    int64_t pause, rehearsal_pause; /* seconds */
    uint64_t attempts, rehearsals;
    char last[ATTEMPT_TEXT];
    char rehearsal[ATTEMPT_TEXT]; /* why the last rehearsal failed */
    char key[KEY_MAX + 1];
    char id[JSON_ID]; /* found by find-url, in the child only */
    bool spare;       /* the pushed key before the environment's, in the child only */
};

static const char *lookup(void *ctx, const char *name) {
    struct ending *ending = ctx;
    const char *key_env = ending->config->key_env ? ending->config->key_env : "KEY";
    if (strcmp(name, "ID") == 0 && ending->config->find.url)
        return ending->id;
    if (strcmp(name, "KEY") != 0 && strcmp(name, key_env) != 0)
        return getenv(name);
    const char *value = getenv(key_env);
    return !value || !value[0] || (ending->spare && ending->key[0]) ? ending->key : value;
}

static void read_anchors(struct ending *ending) {
    const struct config_list *files = &ending->config->ca_files;
    static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
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

/* Answers 2xx of the terminate request, and refusals, alike: only the machine's disappearance ends the
 * attempts. */
static void describe(const char *what, const struct answer *answer, char *out, size_t size) {
    int edge = wire_edge_code(answer->status, answer->body, answer->body_len);
    if (edge)
        snprintf(out, size,
                 "%s was turned away by the protection in front of the cloud (HTTP %d, error code: %d), the "
                 "key was not looked at",
                 what, answer->status, edge);
    else if (answer->status)
        snprintf(out, size, "%s answered HTTP %d", what, answer->status);
    else
        snprintf(out, size, "%s failed: %s", what, answer->why);
}

/* This machine's own addresses, by which its own object in a list is known. */
static void own_addresses(struct json_own *own) {
    struct ifaddrs *list = NULL;
    own->count = 0;
    if (getifaddrs(&list) != 0)
        return;
    for (const struct ifaddrs *at = list; at && own->count < JSON_OWN; at = at->ifa_next) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)at->ifa_addr;
        if (four && four->sin_family == AF_INET)
            inet_ntop(AF_INET, &four->sin_addr, own->text[own->count++], sizeof own->text[0]);
    }
    freeifaddrs(list);
}

/* The machines that hold the token, this one last. */
static bool find_ids(struct ending *ending, int64_t when, struct json_ids *ids, char *out, size_t size) {
    struct answer answer;
    struct json_own own;
    int hits = 0;
    own_addresses(&own);
    request_send(&ending->config->find, lookup, ending, ending->anchors, when, &answer);
    describe("find", &answer, out, size);
    if (answer.status == 200) {
        hits = json_find_ids(answer.body, answer.body_len, ending->config->find_token, &own, ids);
        snprintf(out, size, "find answered HTTP 200, but %s",
                 answer.cut ? "more than a megabyte"
                 : hits < 0 ? "no JSON"
                            : "nothing in it holds the token");
    }
    answer_free(&answer);
    return hits > 0;
}

/* In the child: what this turn believes, so that one of them is right. The wall clock, which somebody may
 * have stepped; the one that ran since the birth; the client's. The environment's key, and the pushed one.
 * Six turns meet each with each. */
static int64_t believe(struct ending *ending, uint64_t turn) {
    struct guard_now now = clock_now();
    int64_t estimate = guard_estimate(ending->guard, now);
    ending->spare = turn % 2 == 0;
    if (turn % 3 == 2)
        return estimate / 1000;
    if (turn % 3 == 0 && ending->config->time > 0)
        return ending->config->time + (estimate - ending->guard->born.wall) / 1000;
    return now.wall / 1000;
}

/* In the child: sends one request and adds what came of it to what was said. Returns the status. */
static int send_one(struct ending *ending, const char *what, const struct config_request *request,
                    int64_t when, char *said, size_t size) {
    struct answer answer;
    size_t n = strlen(said);
    request_send(request, lookup, ending, ending->anchors, when, &answer);
    n += (size_t)snprintf(said + n, size - n, "%s", n ? "; " : "");
    if (n < size)
        describe(what, &answer, said + n, size - n);
    int status = answer.status;
    answer_free(&answer);
    return status;
}

/* A key that may not terminate may still stop. What is stopped cannot try again, and its disk may bill on, so
 * what may pass is waited for at first. */
static bool falls_back(const struct ending *ending, int status) {
    bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
    return ending->config->otherwise.url && status / 100 != 2 &&
           (refused || ending->attempts > PATIENT_ATTEMPTS);
}

/* In the child: one request for each machine of the token, and where that is not taken the other one. */
static void ask_for_end(struct ending *ending, char *said, size_t size) {
    const struct config *config = ending->config;
    struct json_ids ids = {.count = 1};
    int64_t when = believe(ending, ending->attempts),
            pause = config->find_pause < MOST_PAUSE ? config->find_pause : MOST_PAUSE;
    if (config->find.url && !find_ids(ending, when, &ids, said, size))
        return;
    said[0] = '\0';
    for (size_t i = 0; i < ids.count; i++) {
        attempt_step();
        if (config->find.url)
            sleep((unsigned)pause);
        memcpy(ending->id, ids.id[i], sizeof ending->id);
        int status = send_one(ending, "terminate", &config->terminate, when, said, size);
        if (!falls_back(ending, status))
            continue;
        attempt_step();
        send_one(ending, "stop", &config->otherwise, when, said, size);
    }
}

/* In the child: asks, and where that has come to nothing for long switches the machine off, for a cloud that
 * bills only the disk of what is off. */
static void end_work(void *ctx, char *said, size_t size) {
    struct ending *ending = ctx;
    ask_for_end(ending, said, size);
    if (ending->config->power_off == 0 || ending->attempts <= (uint64_t)ending->config->power_off)
        return;
    attempt_step();
    int code = system("poweroff");
    size_t n = strlen(said);
    snprintf(said + n, size - n, "%spoweroff ended with %d", n ? "; " : "", code);
}

/* In the child: the harmless half of the end. */
static void rehearse_work(void *ctx, char *said, size_t size) {
    struct ending *ending = ctx;
    int64_t when = believe(ending, ending->rehearsals);
    struct json_ids ids;
    if (ending->config->find.url) {
        if (find_ids(ending, when, &ids, said, size))
            snprintf(said, size, "%s", REHEARSED);
        return;
    }
    struct answer answer;
    request_send(&ending->config->rehearse, lookup, ending, ending->anchors, when, &answer);
    describe("rehearse", &answer, said, size);
    if (answer.status == 200)
        snprintf(said, size, "%s",
                 json_object(answer.body, answer.body_len) ? REHEARSED
                                                           : "rehearse answered HTTP 200, but no JSON");
    answer_free(&answer);
}

static int64_t longer(const struct ending *ending, int64_t pause) {
    int64_t longest = ending->config->retry > BACKOFF_SECONDS ? ending->config->retry : BACKOFF_SECONDS;
    return pause * 2 < longest ? pause * 2 : longest;
}

static void keep(char out[ATTEMPT_TEXT], const char *said) {
    if (said[0])
        snprintf(out, ATTEMPT_TEXT, "%s", said);
    else
        snprintf(out, ATTEMPT_TEXT, "the attempt gave no answer within %d seconds or died", ATTEMPT_SECONDS);
}

/* Whatever the answer is: only the machine's disappearance ends the attempts. */
static void end_done(void *ctx, const char *said) {
    struct ending *ending = ctx;
    keep(ending->last, said);
    store_log(ending->store, "attempt %llu: %s; next in %lld s", (unsigned long long)ending->attempts,
              ending->last, (long long)ending->pause);
    loop_timer_set(ending->next, loop_now() + (uint64_t)ending->pause * SECOND);
    ending->pause = longer(ending, ending->pause);
}

static void start_attempt(void *arg) {
    struct ending *ending = arg;
    ending->attempts++;
    if (tls_anchors_count(ending->anchors) == 0)
        read_anchors(ending);
    if (attempt_start(ending->end))
        return;
    snprintf(ending->last, sizeof ending->last, "no process for the attempt: %s", strerror(errno));
    store_log(ending->store, "attempt %llu: %s", (unsigned long long)ending->attempts, ending->last);
    loop_timer_set(ending->next, loop_now() + SECOND);
}

static void rehearse_done(void *ctx, const char *said) {
    struct ending *ending = ctx;
    ending->rehearsed = strcmp(said, REHEARSED) == 0;
    if (ending->rehearsed) {
        ending->rehearsal[0] = '\0';
        store_log(ending->store, "rehearsed: the machine could be ended from here");
        return;
    }
    keep(ending->rehearsal, said);
    store_log(ending->store, "rehearsal %llu: %s; next in %lld s", (unsigned long long)ending->rehearsals,
              ending->rehearsal, (long long)ending->rehearsal_pause);
    loop_timer_set(ending->again, loop_now() + (uint64_t)ending->rehearsal_pause * SECOND);
    ending->rehearsal_pause = longer(ending, ending->rehearsal_pause);
}

static bool rehearses(const struct ending *ending) {
    return ending->config->find.url || ending->config->rehearse.url;
}

/* A key that is missing is waited for: it may still be pushed. */
static void start_rehearsal(void *arg) {
    struct ending *ending = arg;
    struct ending_status status;
    if (ending->begun || !rehearses(ending))
        return;
    ending_get_status(ending, &status);
    if (!status.key && !status.ready)
        return;
    ending->rehearsals++;
    if (!attempt_start(ending->rehearse))
        loop_timer_set(ending->again, loop_now() + SECOND);
}

void ending_rehearse(struct ending *ending) {
    attempt_stop(ending->rehearse);
    ending->rehearsed = false;
    ending->rehearsal[0] = '\0';
    ending->rehearsal_pause = ending->config->retry;
    start_rehearsal(ending);
}

static bool key_good(const char *key, size_t len) {
    if (len == 0 || len > KEY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return true;
}

struct ending *ending_new(struct loop *loop, const struct config *config, const struct store *store,
                          const struct guard *guard) {
    struct ending *ending = calloc(1, sizeof *ending);
    if (!ending)
        return NULL;
    ending->loop = loop;
    ending->config = config;
    ending->store = store;
    ending->guard = guard;
    ending->pause = config->retry;
    ending->anchors = tls_anchors_new();
    ending->next = loop_timer(loop, start_attempt, ending);
    ending->again = loop_timer(loop, start_rehearsal, ending);
    ending->end = attempt_new(loop, end_work, end_done, ending);
    ending->rehearse = attempt_new(loop, rehearse_work, rehearse_done, ending);
    if (!ending->anchors || !ending->next || !ending->again || !ending->end || !ending->rehearse) {
        ending_free(ending);
        return NULL;
    }
    read_anchors(ending);
    long n = store_read(store, "key", ending->key, KEY_MAX);
    ending->key[n > 0 && key_good(ending->key, (size_t)n) ? n : 0] = '\0';
    return ending;
}

void ending_free(struct ending *ending) {
    attempt_free(ending->end);
    attempt_free(ending->rehearse);
    loop_timer_free(ending->next);
    loop_timer_free(ending->again);
    tls_anchors_free(ending->anchors);
    sodium_memzero(ending, sizeof *ending);
    free(ending);
}

void ending_begin(struct ending *ending) {
    if (ending->begun)
        return;
    ending->begun = true;
    attempt_stop(ending->rehearse);
    loop_timer_set(ending->again, 0);
    store_log(ending->store, "ending the machine: %s; request: %s %s", ending->guard->reason,
              ending->config->terminate.method, ending->config->terminate.url);
    start_attempt(ending);
}

bool ending_key(struct ending *ending, const char *key, size_t len) {
    if (!key_good(key, len))
        return false;
    memcpy(ending->key, key, len);
    ending->key[len] = '\0';
    if (!store_write(ending->store, "key", key, len))
        store_log(ending->store, "the pushed key could not be kept on disk: %s", strerror(errno));
    ending_rehearse(ending);
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
    out->rehearses = rehearses(ending);
    out->rehearsed = ending->rehearsed;
    memcpy(out->rehearsal, ending->rehearsal, sizeof out->rehearsal);
    out->ready = request_usable(ending, &config->terminate, missing);
    if (out->ready && config->find.url)
        out->ready = request_usable(ending, &config->find, missing);
    if (out->ready && config->rehearse.url)
        out->ready = request_usable(ending, &config->rehearse, missing);
    if (!out->ready)
        snprintf(out->missing, sizeof out->missing, "there is no usable value for ${%s}", missing);
    else if (strncmp(config->terminate.url, "https:", 6) == 0 && tls_anchors_count(ending->anchors) == 0) {
        out->ready = false;
        snprintf(out->missing, sizeof out->missing, "no certificate authority was found");
    }
}
