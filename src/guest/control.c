/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <sodium.h>

#include "../loop.h"

#define CONNECTIONS_MAX 16
#define TIME_FOR_REQUEST (10 * 1000000000ULL)
#define TIME_FOR_ANSWER (30 * 1000000000ULL)

struct conn {
    struct control *control;
    struct flow *flow;
    struct conn *next;
    uint64_t deadline;
    char in[WIRE_HEAD_MAX + WIRE_BODY_MAX];
    size_t in_len;
    char head[256];
    size_t head_len;
    struct control_reply reply;
    size_t sent; /* of head and reply together */
    bool answered;
};

struct control {
    control_fn *answer;
    void *ctx;
    struct conn *conns;
    size_t count;
};

static void push(struct conn *conn) {
    uint64_t now = loop_now();
    size_t total = conn->head_len + conn->reply.len;
    while (conn->sent < total) {
        bool head = conn->sent < conn->head_len;
        const char *data = head ? conn->head + conn->sent : conn->reply.data + (conn->sent - conn->head_len);
        size_t len = (head ? conn->head_len : total) - conn->sent;
        size_t n = flow_write(conn->flow, (const uint8_t *)data, len, now);
        if (n == 0)
            return;
        conn->sent += n;
    }
    flow_shutdown(conn->flow, now);
}

static void respond(struct conn *conn, int refused) {
    struct wire_request request;
    int got = refused ? refused : wire_parse_request(conn->in, conn->in_len, &request);
    if (got == 0)
        return;
    conn->answered = true;
    conn->deadline = loop_now() + TIME_FOR_ANSWER;
    conn->reply = (struct control_reply){.status = got, .type = "application/json"};
    if (got == 1)
        conn->control->answer(conn->control->ctx, &request, &conn->reply);
    sodium_memzero(conn->in, sizeof conn->in); /* it may have been a key */
    int n = snprintf(conn->head, sizeof conn->head,
                     "HTTP/1.1 %d \r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                     conn->reply.status, conn->reply.type, conn->reply.len);
    conn->head_len = (size_t)n;
    push(conn);
}

static void on_readable(struct flow *flow, void *arg) {
    struct conn *conn = arg;
    const uint8_t *data;
    bool eof = false;
    size_t len;
    while ((len = flow_peek(flow, &data, &eof)) > 0) {
        size_t room = sizeof conn->in - conn->in_len;
        size_t take = conn->answered ? 0 : len < room ? len : room;
        memcpy(conn->in + conn->in_len, data, take);
        conn->in_len += take;
        flow_consume(flow, len, loop_now());
        if (!conn->answered)
            respond(conn, 0);
    }
    if (eof && !conn->answered)
        respond(conn, 400);
}

static void on_writable(struct flow *flow, void *arg) {
    struct conn *conn = arg;
    (void)flow;
    if (conn->answered)
        push(conn);
}

static void on_connected(struct flow *flow, void *arg) {
    (void)flow;
    (void)arg;
}

static void on_closed(struct flow *flow, void *arg, int error) {
    struct conn *conn = arg, **at = &conn->control->conns;
    (void)flow;
    (void)error;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    conn->control->count--;
    free(conn->reply.data);
    sodium_memzero(conn, sizeof *conn);
    free(conn);
}

static const struct flow_events events = {
    .connected = on_connected, .readable = on_readable, .writable = on_writable, .closed = on_closed};

struct control *control_new(control_fn *answer, void *ctx) {
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return NULL;
    control->answer = answer;
    control->ctx = ctx;
    return control;
}

void control_accept(void *ctx, struct flow *flow, uint16_t port) {
    struct control *control = ctx;
    uint64_t now = loop_now();
    (void)port;
    struct conn *conn = control->count < CONNECTIONS_MAX ? calloc(1, sizeof *conn) : NULL;
    if (!conn) {
        flow_abort(flow, now);
        return;
    }
    conn->control = control;
    conn->flow = flow;
    conn->deadline = now + TIME_FOR_REQUEST;
    conn->next = control->conns;
    control->conns = conn;
    control->count++;
    flow_accept(flow, &events, conn, now);
}

bool control_expire(struct control *control, uint64_t now) {
    bool any = false;
    for (struct conn *conn = control->conns, *next; conn; conn = next) {
        next = conn->next;
        if (now < conn->deadline)
            continue;
        any = true;
        conn->deadline = UINT64_MAX;
        flow_abort(conn->flow, now);
    }
    return any;
}
