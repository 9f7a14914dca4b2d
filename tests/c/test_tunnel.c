/* SPDX-License-Identifier: MIT */
/* What a user of the tunnel sees at the local sockets: streams, ends, resets, backpressure, many at once. */
#include "tunnel_rig.h"

static bool whole(const struct actor *a, const struct actor *b) {
    return !a->error && !b->error && a->received == b->size && b->received == a->size &&
           a->hash == expected(b->seed, b->size) && b->hash == expected(a->seed, a->size);
}

static void exchange(struct rig *rig, const char *name, uint64_t up, uint64_t down, bool answer, int fd) {
    rig->pattern = (struct actor){.fd = -1, .seed = 11, .size = down, .answer = answer};
    rig->client[0] = (struct actor){.seed = 12, .size = up, .answer = !answer && up == 777};
    rig->accepted = 0;
    rig->served[0].watch = NULL;
    actor_start(&rig->client[0], fd);
    WAIT_FOR(rig->accepted);
    run_both(&rig->client[0], &rig->served[0]);
    report(rig->accepted == 1 && whole(&rig->client[0], &rig->served[0]), name,
           "accepted %d, errors %d %d, %llu and %llu bytes", rig->accepted, rig->client[0].error,
           rig->served[0].error, (unsigned long long)rig->client[0].received,
           (unsigned long long)rig->served[0].received);
}

static void streams(struct rig *rig) {
    struct tunnel_status status;
    exchange(rig, "bytes on a port that does not count", 1000, 1000, true, dial(rig->quiet_port));
    tunnel_get_status(rig->far, &status);
    report(status.last_data == 0, "a port that does not count leaves last_data alone", "it moved");
    exchange(rig, "question, its end, answer, its end", 3000000, 4000000, true, dial(rig->near_port));
    exchange(rig, "the server ends its half first", 777, 50000, false, dial(rig->near_port));
    exchange(rig, "no bytes at all", 0, 0, false, dial(rig->near_port));
    exchange(rig, "both ways at once", 5000000, 5000000, false, dial(rig->near_port));
    tunnel_get_status(rig->far, &status);
    report(status.last_data > 0 && status.last_data <= loop_now(), "a counting port moves last_data",
           "it is %llu", (unsigned long long)status.last_data);
    WAIT_FOR(!flows_of(rig->near) && !flows_of(rig->far));
    report(!flows_of(rig->near) && !flows_of(rig->far), "no flow is left", "%zu and %zu are",
           flows_of(rig->near), flows_of(rig->far));
}

static void unix_listener(struct rig *rig) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "/tmp/cplz-test-%d.sock", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(name.sun_path);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 8) || fcntl(fd, F_SETFL, O_NONBLOCK) ||
        !tunnel_forward(rig->near, fd, DATA_PORT) || connect(client, (struct sockaddr *)&name, sizeof name))
        abort();
    exchange(rig, "a unix listener", 100000, 200000, true, client);
    unlink(name.sun_path);
}

static void resets(struct rig *rig) {
    struct linger hard = {.l_onoff = 1};
    struct actor *c = &rig->client[0], *s = &rig->served[0];
    *c = (struct actor){.size = 10};
    actor_start(c, dial(rig->dead_port));
    run_both(c, c);
    report(c->error == ECONNRESET || c->error == EPIPE, "refused at the far end resets the local socket",
           "error %d", c->error);
    rig->pattern = (struct actor){.fd = -1, .answer = true};
    rig->accepted = 0;
    *c = (struct actor){.size = 1000000000, .seed = 1};
    actor_start(c, dial(rig->near_port));
    WAIT_FOR(rig->accepted && s->received);
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    actor_stop(s);
    run_both(c, c);
    report(c->error == ECONNRESET || c->error == EPIPE, "a reset by the server reaches the client",
           "error %d", c->error);
    rig->accepted = 0;
    *c = (struct actor){.size = 1000000000, .seed = 1};
    actor_start(c, dial(rig->near_port));
    WAIT_FOR(rig->accepted && s->received);
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    actor_stop(c);
    run_both(s, s);
    report(s->error == ECONNRESET, "a reset by the client reaches the server", "error %d", s->error);
    WAIT_FOR(!flows_of(rig->near) && !flows_of(rig->far));
    report(!flows_of(rig->near) && !flows_of(rig->far), "resets leave no flow", "some are left");
}

static void backpressure(struct rig *rig) {
    struct actor *c = &rig->client[0], *s = &rig->served[0];
    uint64_t before;
    rig->pattern = (struct actor){.fd = -1, .deaf = true, .answer = true, .size = 5};
    rig->accepted = 0;
    *c = (struct actor){.size = 60000000, .seed = 3};
    actor_start(c, dial(rig->near_port));
    WAIT_FOR(rig->accepted);
    do {
        before = c->sent;
        run_for(300);
    } while (c->sent != before);
    report(c->sent < 30000000 && !over(c), "a server that does not read stops the client",
           "%llu bytes were taken", (unsigned long long)c->sent);
    s->deaf = false;
    actor_interest(s);
    run_both(c, s);
    report(whole(c, s), "then all of it arrives", "%llu of %llu, error %d", (unsigned long long)s->received,
           (unsigned long long)c->size, c->error);
}

static void many(struct rig *rig) {
    int good = 0;
    rig->pattern = (struct actor){.fd = -1, .seed = 5, .size = 30000, .answer = true};
    rig->accepted = 0;
    for (int i = 0; i < MANY; i++) {
        rig->client[i] = (struct actor){.seed = 6, .size = 20000};
        actor_start(&rig->client[i], dial(rig->near_port));
    }
    for (int i = 0; i < MANY; i++)
        run_both(&rig->client[i], &rig->client[i]);
    for (int i = 0; i < MANY; i++)
        good += !rig->client[i].error && rig->client[i].hash == expected(5, 30000);
    report(good == MANY && rig->accepted == MANY, "100 connections at once", "%d were right, %d accepted",
           good, rig->accepted);
    good = 0;
    rig->pattern = (struct actor){.fd = -1, .seed = 7, .size = 100, .answer = true};
    for (int i = 0; i < ROW; i++) {
        rig->client[0] = (struct actor){.seed = 8, .size = 50};
        actor_start(&rig->client[0], dial(rig->near_port));
        run_both(&rig->client[0], &rig->client[0]);
        good += !rig->client[0].error && rig->client[0].received == 100;
    }
    report(good == ROW, "1000 connections in a row", "%d were right", good);
    WAIT_FOR(!flows_of(rig->near) && !flows_of(rig->far));
    report(!flows_of(rig->near) && !flows_of(rig->far), "none of them is left", "some are");
}

/* The inner port 5003 is answered by the far process itself, which ends every flow with its farewell. */
static void served_readable(struct flow *flow, void *arg) {
    const uint8_t *data;
    bool end;
    size_t len;
    (void)arg;
    while ((len = flow_peek(flow, &data, &end)) > 0)
        flow_consume(flow, len, loop_now());
    if (end) {
        flow_write(flow, (const uint8_t *)"farewell", 8, loop_now());
        flow_shutdown(flow, loop_now());
    }
}
static void served_nothing(struct flow *flow, void *arg) {
    (void)flow, (void)arg;
}
static void served_closed(struct flow *flow, void *arg, int error) {
    (void)flow;
    *(int *)arg = error ? error : -1;
}
static const struct flow_events served_events = {served_nothing, served_readable, served_nothing,
                                                 served_closed};

static void served_accept(void *ctx, struct flow *flow, uint16_t port) {
    (void)port;
    flow_accept(flow, &served_events, ctx, loop_now());
}

static void served(struct rig *rig) {
    static int ended;
    struct actor *c = &rig->client[0];
    ended = 0;
    if (!tunnel_serve(rig->far, SERVED_PORT, served_accept, &ended))
        abort();
    *c = (struct actor){.size = 5000, .seed = 9};
    actor_start(c, dial(add_forward(rig, SERVED_PORT)));
    run_both(c, c);
    WAIT_FOR(ended);
    report(c->received == 8 && c->hash == hash_some(0, (const uint8_t *)"farewell", 8) && ended == -1,
           "a port served inside the process", "%llu bytes, ended %d", (unsigned long long)c->received,
           ended);
}

static void moved(struct rig *rig) {
    uint16_t old = port_of(rig->far);
    struct wg_address to = {.ip = {127, 0, 0, 1}, .ip_len = 4};
    tunnel_close(rig->far); /* the machine comes back elsewhere, without memory */
    rig->far = open_end(rig->far_key, rig->near_key, false, 0);
    to.port = port_of(rig->far);
    if (!tunnel_expose(rig->far, DATA_PORT, rig->server_port, true))
        abort();
    tunnel_set_endpoint(rig->near, &to);
    exchange(rig, "the far end moved and forgot everything", 1000, 1000, true, dial(rig->near_port));
    report(to.port != old, "it really moved", "port %u again", old);
}

static void closing(struct rig *rig) {
    struct actor *c = &rig->client[0], *s = &rig->served[0];
    rig->pattern = (struct actor){.fd = -1, .answer = true};
    rig->accepted = 0;
    *c = (struct actor){.size = 1000000000, .seed = 1};
    actor_start(c, dial(rig->near_port));
    WAIT_FOR(rig->accepted && s->received);
    tunnel_close(rig->near);
    rig->near = NULL;
    run_both(c, s);
    report((c->error == ECONNRESET || c->error == EPIPE) && s->error == ECONNRESET,
           "closing the tunnel resets both sockets", "errors %d and %d", c->error, s->error);
}

static void wrong_key(void) {
    struct rig rig;
    struct tunnel_status near, far;
    rig_open(&rig);
    tunnel_close(rig.near);
    randombytes_buf(rig.near_key, 32);
    rig.near = open_end(rig.near_key, rig.far_key, true, port_of(rig.far));
    uint16_t port = add_forward(&rig, DATA_PORT);
    rig.client[0] = (struct actor){.size = 10};
    actor_start(&rig.client[0], dial(port));
    run_for(400);
    tunnel_get_status(rig.near, &near);
    tunnel_get_status(rig.far, &far);
    report(!near.wg.established && near.wg.rx_bytes == 0 && near.wg.tx_bytes > 0 && far.wg.tx_bytes == 0 &&
               far.wg.rx_dropped > 0 && !rig.accepted,
           "an unknown key gets no answer", "established %d, %llu bytes back", near.wg.established,
           (unsigned long long)near.wg.rx_bytes);
    rig_close(&rig);
}

int main(void) {
    static struct rig rig;
    loop = loop_new();
    if (!loop || sodium_init() < 0)
        return 1;
    rig_open(&rig);
    streams(&rig);
    unix_listener(&rig);
    resets(&rig);
    backpressure(&rig);
    served(&rig);
    many(&rig);
    moved(&rig);
    closing(&rig);
    rig_close(&rig);
    wrong_key();
    loop_free(loop);
    return failures > 0;
}
