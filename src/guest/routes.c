/* SPDX-License-Identifier: MIT */
/* What the control answers: docs/guest.md. */
#include <sodium.h>

#include "guest.h"

#define STATUS_MAX 4096

static void reply_text(struct control_reply *reply, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void reply_text(struct control_reply *reply, int status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    reply->data = malloc(STATUS_MAX);
    int n = reply->data ? vsnprintf(reply->data, STATUS_MAX, fmt, args) : 0;
    va_end(args);
    reply->status = status;
    reply->len = n < 0 ? 0 : n < STATUS_MAX ? (size_t)n : STATUS_MAX - 1;
}

/* `text` as a JSON string, "null" when empty. Bytes beyond ASCII become "?". */
static const char *quoted(const char *text, char *out, size_t size) {
    size_t n = 0;
    if (!text[0])
        return "null";
    out[n++] = '"';
    for (; *text && n + 4 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

/* Milliseconds as JSON seconds. */
static const char *seconds(int64_t ms, char out[32]) {
    if (ms == GUARD_OFF)
        return "null";
    if (ms < 0)
        ms = 0;
    snprintf(out, 32, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
    return out;
}

static void refuse(struct control_reply *reply, int status, const char *why) {
    char text[256];
    reply_text(reply, status, "{\"error\":%s}\n", quoted(why, text, sizeof text));
}

static void show_status(struct guest *guest, const struct wire_request *request,
                        struct control_reply *reply) {
    (void)request;
    struct guard_now now = clock_now();
    struct guard *guard = &guest->guard;
    struct ending_status ending;
    struct engine_status engine;
    char reason[400], exited[120], answer[520], rehearsal[520], missing[260], n[8][32];
    ending_get_status(guest->ending, &ending);
    engine_get_status(guest->engine, &engine);
    reply_text(
        reply, 200,
        "{\"version\":\"" CPLZ_VERSION
        "\",\"token\":\"%s\",\"state\":\"%s\",\"reason\":%s,\"ending_age\":%s,\"key\":%s,"
        "\"silence\":%lld,\"idle\":%lld,\"life\":%lld,\"life_max\":%lld,"
        "\"silence_left\":%s,\"idle_left\":%s,\"life_left\":%s,"
        "\"age\":%s,\"contact_age\":%s,\"traffic_age\":%s,\"uptime\":%s,"
        "\"engine\":{\"running\":%s,\"pid\":%ld,\"restarts\":%llu,\"last_exit\":%s},"
        "\"guard\":{\"rehearsed\":%s,\"rehearsal\":%s,\"persisted\":%s,\"ready\":%s,\"missing\":%s,"
        "\"attempts\":%llu,\"last_answer\":%s}}\n",
        guest->config.token, guard->ending ? "ending" : "armed", quoted(guard->reason, reason, sizeof reason),
        seconds(guard->ending ? guard_age(&guard->ended, now) : GUARD_OFF, n[7]),
        ending.key ? "true" : "false", (long long)guard->limits.silence, (long long)guard->limits.idle,
        (long long)guard->limits.life, (long long)guard->life_max,
        seconds(guard_left(guard, GUARD_SILENCE, now), n[0]),
        seconds(guard_left(guard, GUARD_IDLE, now), n[1]), seconds(guard_left(guard, GUARD_LIFE, now), n[2]),
        seconds(guard_age(&guard->born, now), n[3]),
        seconds(guard->contacted ? guard_age(&guard->contact, now) : GUARD_OFF, n[4]),
        seconds(guard->trafficked ? guard_age(&guard->traffic, now) : GUARD_OFF, n[5]),
        seconds((int64_t)((loop_now() - guest->started) / 1000000), n[6]), engine.running ? "true" : "false",
        engine.pid, (unsigned long long)engine.restarts, quoted(engine.last_exit, exited, sizeof exited),
        !ending.rehearses  ? "null"
        : ending.rehearsed ? "true"
                           : "false",
        quoted(ending.rehearsal, rehearsal, sizeof rehearsal), guest->persisted ? "true" : "false",
        ending.ready ? "true" : "false", quoted(ending.missing, missing, sizeof missing),
        (unsigned long long)ending.attempts, quoted(ending.last, answer, sizeof answer));
}

/* Whether the request is about this machine: its body names the session's token. Otherwise it is refused. */
static bool addressed(const struct guest *guest, const struct wire_request *request,
                      struct control_reply *reply) {
    char token[CONFIG_TOKEN_MAX + 2], why[200]; /* a longer one is cut, and still too long to be ours */
    if (json_string(request->body, request->body_len, "token", token, sizeof token) != 1) {
        refuse(reply, 400, "the body must be a JSON object that names the session's token");
        return false;
    }
    if (strcmp(token, guest->config.token) == 0)
        return true;
    snprintf(why, sizeof why, "this machine belongs to another session: %s", guest->config.token);
    refuse(reply, 409, why);
    return false;
}

static void take_lease(struct guest *guest, const struct wire_request *request, struct control_reply *reply) {
    struct guard_lease lease = {-1, -1, -1, 0};
    const char *body = request->body;
    size_t len = request->body_len;
    if (json_number(body, len, "silence", &lease.silence) < 0 ||
        json_number(body, len, "idle", &lease.idle) < 0 ||
        json_number(body, len, "life", &lease.life) < 0 ||
        json_number(body, len, "life_max", &lease.life_max) < 0) {
        refuse(reply, 400, "the body is no JSON object with silence, idle, life or life_max in seconds");
        return;
    }
    struct guard before = guest->guard;
    const char *why = guard_lease(&guest->guard, &lease, clock_now());
    if (why) {
        refuse(reply, guest->guard.ending ? 409 : 400, why);
        return;
    }
    if (memcmp(&before.limits, &guest->guard.limits, sizeof before.limits) != 0 ||
        before.life_max != guest->guard.life_max)
        store_log(&guest->store, "lease: silence %lld, idle %lld, life %lld seconds, at most %lld",
                  (long long)guest->guard.limits.silence, (long long)guest->guard.limits.idle,
                  (long long)guest->guard.limits.life, (long long)guest->guard.life_max);
    guest_save(guest);
    show_status(guest, request, reply);
}

static void take_end(struct guest *guest, const struct wire_request *request, struct control_reply *reply) {
    char reason[120] = "", text[160];
    if (json_string(request->body, request->body_len, "reason", reason, sizeof reason) < 0) {
        refuse(reply, 400, "the body is no JSON object with a reason");
        return;
    }
    snprintf(text, sizeof text, "the client asked for it%s%s", reason[0] ? ": " : "", reason);
    guard_end(&guest->guard, text, clock_now());
    guest_save(guest);
    guest_check(guest);
    show_status(guest, request, reply);
}

static void take_key(struct guest *guest, const struct wire_request *request, struct control_reply *reply) {
    char key[KEY_MAX + 2]; /* a longer one is cut, and still too long */
    bool good = json_string(request->body, request->body_len, "key", key, sizeof key) == 1;
    if (!good || !ending_key(guest->ending, key, strlen(key))) {
        refuse(reply, 400, "a key has 1 to 512 visible characters");
    } else {
        store_log(&guest->store, "a key was pushed");
        show_status(guest, request, reply);
    }
    sodium_memzero(key, sizeof key);
}

static void show_log(struct guest *guest, const struct wire_request *request, struct control_reply *reply) {
    char name[16] = "", bytes[16] = "16384";
    if (!wire_query(request, "name", name, sizeof name) ||
        (strcmp(name, "engine") != 0 && strcmp(name, "guard") != 0)) {
        refuse(reply, 400, "name must be engine or guard");
        return;
    }
    wire_query(request, "bytes", bytes, sizeof bytes);
    char *end;
    unsigned long want = strtoul(bytes, &end, 10);
    if (*end || bytes[0] < '0' || bytes[0] > '9' || want == 0) {
        refuse(reply, 400, "bytes must be a number above 0");
        return;
    }
    if (want > CONTROL_LOG_MAX)
        want = CONTROL_LOG_MAX;
    reply->status = 200;
    reply->type = "text/plain; charset=utf-8";
    reply->data = malloc(want);
    if (reply->data)
        reply->len = store_tail(&guest->store, name[0] == 'e' ? "engine.log" : "guard.log", reply->data,
                                want);
}

/* What each path does; what begins with P changes something. */
static const struct {
    const char *method, *path;
    void (*answer)(struct guest *guest, const struct wire_request *request, struct control_reply *reply);
} routes[] = {{"GET", "/status", show_status}, {"POST", "/heartbeat", show_status},
              {"POST", "/lease", take_lease},  {"POST", "/end", take_end},
              {"PUT", "/key", take_key},       {"GET", "/log", show_log}};

void guest_answer(void *ctx, const struct wire_request *request, struct control_reply *reply) {
    struct guest *guest = ctx;
    size_t i = 0, count = sizeof routes / sizeof routes[0];
    while (i < count && strcmp(routes[i].path, request->path) != 0)
        i++;
    if (i == count || strcmp(routes[i].method, request->method) != 0) {
        refuse(reply, i == count ? 404 : 405,
               i == count ? "there is no such path" : "this path wants another method");
        return;
    }
    if (request->method[0] == 'P' && !addressed(guest, request, reply))
        return; /* about another machine: it is no contact either */
    guest_check(guest);
    guard_contact(&guest->guard, clock_now());
    guest->dirty = true;
    routes[i].answer(guest, request, reply);
}
