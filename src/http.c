/* SPDX-License-Identifier: MIT */
/* host.http: the multi interface of libcurl driven by the loop. All happens inside host.loop.wait; there is
 * no thread of ours. */

#include "http_transfer.h"
#include "loop_lua.h"

static struct {
    const struct http_curl *curl;
    CURLM *multi;
    struct loop_timer *timer;
    struct http_transfer *transfers;
} http;

static void unlink_transfer(struct http_transfer *t) {
    struct http_transfer **link = &http.transfers;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    http_transfer_free(t);
}

/* Ends a transfer with its last event. */
static void finish(struct http_transfer *t, CURLcode rc) {
    http.curl->curl_multi_remove_handle(http.multi, t->easy);
    if (t->idle_timer)
        loop_timer_set(t->idle_timer, 0);
    lua_State *L = host_event_begin(t->id, "http");
    if (rc == CURLE_OK && !t->code)
        http_answer_done(L, t);
    else
        http_answer_failed(L, t, rc);
    host_event_end(L);
    unlink_transfer(t);
}

static void report_pieces(void) {
    for (struct http_transfer *t = http.transfers; t; t = t->next) {
        if (!t->stream || !t->body.length)
            continue;
        lua_State *L = host_event_begin(t->id, "http");
        http_answer_piece(L, t);
        host_event_end(L);
    }
}

static void report_finished(void) {
    CURLMsg *message;
    int left;
    while ((message = http.curl->curl_multi_info_read(http.multi, &left))) {
        struct http_transfer *t = NULL;
        CURLcode rc = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        http.curl->curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        finish(t, rc);
    }
}

/* Lets libcurl work and reports what came of it. */
static void act(curl_socket_t fd, int ready) {
    int running;
    CURLMcode rc = http.curl->curl_multi_socket_action(http.multi, fd, ready, &running);
    report_pieces();
    report_finished();
    while (rc != CURLM_OK && http.transfers) { /* out of memory: libcurl would never come back to them */
        http_stop(http.transfers, "io", "%s", http.curl->curl_multi_strerror(rc));
        finish(http.transfers, CURLE_FAILED_INIT);
    }
}

static void on_ready(void *arg, unsigned ready) {
    int bits = 0;
    if (ready & (LOOP_READ | LOOP_ERROR)) /* libcurl finds out about an error by reading or writing */
        bits |= CURL_CSELECT_IN;
    if (ready & (LOOP_WRITE | LOOP_ERROR))
        bits |= CURL_CSELECT_OUT;
    act((curl_socket_t)(intptr_t)arg, bits);
}

static void on_time(void *arg) {
    (void)arg;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static void on_idle(void *arg) {
    struct http_transfer *t = arg;
    if (loop_now() - t->active < t->idle) {
        loop_timer_set(t->idle_timer, t->active + t->idle);
        return;
    }
    http_stop(t, "timeout", "no byte came or went for %g seconds", (double)t->idle / 1e9);
    finish(t, CURLE_OPERATION_TIMEDOUT);
}

/* What libcurl keeps for each of its sockets is our watch. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch) {
    unsigned interest = (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);
    (void)easy, (void)arg;
    if (what == CURL_POLL_REMOVE) {
        loop_unwatch(watch);
    } else if (watch) {
        loop_interest(watch, interest);
    } else {
        watch = loop_watch(host_loop(), fd, interest, on_ready, (void *)(intptr_t)fd);
        if (!watch)
            return -1;
        http.curl->curl_multi_assign(http.multi, fd, watch);
    }
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *arg) {
    (void)multi, (void)arg;
    loop_timer_set(http.timer, milliseconds < 0 ? 0 : loop_now() + (uint64_t)milliseconds * 1000000);
    return 0;
}

static void close_all(void) {
    while (http.transfers) {
        http.curl->curl_multi_remove_handle(http.multi, http.transfers->easy);
        unlink_transfer(http.transfers);
    }
    if (http.multi)
        http.curl->curl_multi_cleanup(http.multi); /* still reports sockets that it closes */
    http.multi = NULL;
    if (http.timer)
        loop_timer_free(http.timer);
    http.timer = NULL;
}

static bool open_all(const char **why) {
    if (http.multi)
        return true;
    http.curl = http_curl_load(why);
    if (!http.curl)
        return false;
    *why = "no memory for HTTP";
    http.timer = loop_timer(host_loop(), on_time, NULL);
    http.multi = http.timer ? http.curl->curl_multi_init() : NULL;
    if (http.multi &&
        http.curl->curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
        http.curl->curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK)
        return true;
    close_all();
    return false;
}

/* Hands the transfer to libcurl, which begins at the next wait. */
static bool launch(struct http_transfer *t) {
    if (t->idle) {
        t->idle_timer = loop_timer(host_loop(), on_idle, t);
        if (!t->idle_timer)
            return false;
        loop_timer_set(t->idle_timer, t->active + t->idle);
    }
    if (http.curl->curl_multi_add_handle(http.multi, t->easy) != CURLM_OK)
        return false;
    t->id = host_next_id();
    t->next = http.transfers;
    http.transfers = t;
    return true;
}

static int http_start(lua_State *L) {
    struct http_options options;
    const char *code, *reason;
    char why[512];
    http_read_options(L, &options);
    if (!open_all(&reason))
        return host_fail(L, "missing", "%s", reason);
    struct http_transfer *t = http_transfer_new(L, http.curl, &options, &code, why);
    if (!t)
        return host_fail(L, code, "%s", why);
    host_wipes = true;
    if (!launch(t)) {
        http_transfer_free(t);
        return host_fail(L, "io", "%s: libcurl cannot take the request", options.method);
    }
    lua_pushinteger(L, t->id);
    return 1;
}

static int http_cancel(lua_State *L) {
    lua_Integer id = luaL_checkinteger(L, 1);
    for (struct http_transfer *t = http.transfers; t; t = t->next) {
        if (t->id != id)
            continue;
        http.curl->curl_multi_remove_handle(http.multi, t->easy);
        unlink_transfer(t);
        break;
    }
    return 0;
}

static int http_gc(lua_State *L) {
    (void)L;
    close_all();
    return 0;
}

static const luaL_Reg functions[] = {
    {"start", http_start},
    {"cancel", http_cancel},
    {NULL, NULL},
};

int luaopen_host_http(lua_State *L) {
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, http_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return 1;
}
