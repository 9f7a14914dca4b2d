/* SPDX-License-Identifier: MIT */
/* Joins carrier, WireGuard core and stack to one loop. */
#include "tunnel.h"

#include <sodium.h>
#include <time.h>

#include "tunnel_internal.h"

enum { ROUNDS = 4 }; /* bursts per pump before the loop may read acknowledgements */

uint64_t tunnel_now(struct tunnel *tunnel) {
    if (!tunnel->now)
        tunnel->now = loop_now();
    return tunnel->now;
}

static void fill_random(void *ctx, uint8_t *out, size_t len) {
    (void)ctx;
    randombytes_buf(out, len);
}

static void wall_clock(void *ctx, uint64_t *seconds, uint32_t *nanoseconds) {
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    *seconds = (uint64_t)now.tv_sec;
    *nanoseconds = (uint32_t)now.tv_nsec;
}

static void on_output(void *ctx, const uint8_t *packet, size_t len) {
    struct tunnel *tunnel = ctx;
    wg_send(tunnel->wg, packet, len, tunnel_now(tunnel));
}

static void on_transmit(void *ctx, const struct wg_address *to, const uint8_t *datagram, size_t len) {
    struct carrier *carrier = ((struct tunnel *)ctx)->carrier[to->stream];
    if (to->ip_len && carrier)
        carrier_send(carrier, to, datagram, len);
}

static void flush(struct tunnel *tunnel) {
    for (int i = 0; i < 2; i++)
        if (tunnel->carrier[i])
            carrier_flush(tunnel->carrier[i]);
}

static void on_deliver(void *ctx, const uint8_t *packet, size_t len) {
    struct tunnel *tunnel = ctx;
    stack_input(tunnel->stack, packet, len, tunnel_now(tunnel));
}

static bool on_receive(void *ctx, const struct wg_address *from, const uint8_t *datagram, size_t len) {
    struct tunnel *tunnel = ctx;
    return wg_receive(tunnel->wg, from, datagram, len, tunnel_now(tunnel));
}

/* Runs stack and core, puts on the wire what they sent, and sets the timer for what comes next. */
static void pump(void *ctx) {
    struct tunnel *tunnel = ctx;
    uint64_t stack_next = UINT64_MAX, wg_next;
    if (tunnel->pumping)
        return; /* called from a callback of the tick that is running: it goes on by itself */
    tunnel->pumping = true;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t now = tunnel_now(tunnel);
        stack_next = stack_tick(tunnel->stack, now);
        flush(tunnel);
        tunnel->now = 0;
        if (stack_next > now)
            break;
    }
    wg_next = wg_tick(tunnel->wg, tunnel_now(tunnel));
    flush(tunnel);
    if (tunnel->paused_until && tunnel->paused_until <= tunnel_now(tunnel))
        forward_resume(tunnel);
    if (tunnel->paused_until && tunnel->paused_until < wg_next)
        wg_next = tunnel->paused_until;
    uint64_t next = stack_next < wg_next ? stack_next : wg_next;
    loop_timer_set(tunnel->timer, next == UINT64_MAX ? 0 : next ? next : 1);
    tunnel->now = 0;
    tunnel->pumping = false;
}

void tunnel_kick(struct tunnel *tunnel) {
    pump(tunnel);
}

/* A batch of datagrams was read. After a new handshake, or when the peer has moved, the flows need not wait
 * for their timers. */
static void on_batch(void *ctx) {
    struct tunnel *tunnel = ctx;
    struct wg_status status;
    uint64_t now = tunnel_now(tunnel);
    wg_get_status(tunnel->wg, &status, now);
    if (status.last_handshake != tunnel->handshake || !wg_same_address(&status.endpoint, &tunnel->at)) {
        tunnel->handshake = status.last_handshake;
        tunnel->at = status.endpoint;
        stack_wake(tunnel->stack, now);
    }
    pump(tunnel);
}

/* A stream to the peer stands. It learns of it by the first datagram; one that did not know the session of
 * the last stream gets a new handshake. */
static void on_joined(void *ctx, bool silent) {
    struct tunnel *tunnel = ctx;
    uint64_t now = tunnel_now(tunnel);
    if (silent) {
        wg_lost(tunnel->wg);
        wg_initiate(tunnel->wg, now);
    } else {
        wg_show(tunnel->wg, now);
    }
    stack_wake(tunnel->stack, now);
    pump(tunnel);
}

static bool open_carriers(struct tunnel *tunnel, const struct tunnel_config *config) {
    const struct carrier_user user = {tunnel, on_receive, on_batch, on_joined};
    struct carrier **udp = &tunnel->carrier[0], **tcp = &tunnel->carrier[1];
    if (config->endpoint.stream)
        return (*tcp = carrier_tcp_call(tunnel->loop, &user)) != NULL;
    if (config->listen_tcp)
        *tcp = carrier_tcp_listen(tunnel->loop, config->listen_tcp, &user);
    if (!config->listen_tcp || config->listen_port)
        *udp = carrier_udp_open(tunnel->loop, config->listen_port, &user);
    return *udp || *tcp; /* one that cannot be had never keeps the other away */
}

static bool start_parts(struct tunnel *tunnel, const struct tunnel_config *config) {
    struct wg_config wg = {.peer_inner_ip = config->peer_ip,
                           .keepalive = config->keepalive,
                           .endpoint = config->endpoint,
                           .stamp_after = config->stamp_after,
                           .ctx = tunnel,
                           .transmit = on_transmit,
                           .deliver = on_deliver,
                           .random = fill_random,
                           .wall = wall_clock};
    struct stack_config stack = {.local_ip = config->local_ip,
                                 .peer_ip = config->peer_ip,
                                 .mtu = WG_MTU,
                                 .ctx = tunnel,
                                 .output = on_output,
                                 .random = fill_random};
    memcpy(wg.private_key, config->private_key, WG_KEY_LEN);
    memcpy(wg.peer_public, config->peer_public, WG_KEY_LEN);
    memcpy(wg.psk, config->psk, WG_KEY_LEN);
    tunnel->wg = wg_new(&wg, loop_now());
    sodium_memzero(&wg, sizeof wg);
    errno = tunnel->wg ? ENOMEM : EINVAL;
    if (!tunnel->wg)
        return false;
    tunnel->stack = stack_new(&stack);
    tunnel->timer = loop_timer(tunnel->loop, pump, tunnel);
    if (!tunnel->stack || !tunnel->timer)
        return false;
    return open_carriers(tunnel, config);
}

struct tunnel *tunnel_open(struct loop *loop, const struct tunnel_config *config) {
    if (sodium_init() < 0) {
        errno = ENOSYS;
        return NULL;
    }
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    if (!tunnel)
        return NULL;
    tunnel->loop = loop;
    if (!start_parts(tunnel, config)) {
        int error = errno;
        tunnel_close(tunnel);
        errno = error;
        return NULL;
    }
    pump(tunnel);
    return tunnel;
}

void tunnel_close(struct tunnel *tunnel) {
    if (!tunnel)
        return;
    tunnel->pumping = true;    /* nothing is to be started any more */
    stack_free(tunnel->stack); /* the peer hears of the end of its flows */
    forward_free(tunnel);
    flush(tunnel);
    for (int i = 0; i < 2; i++)
        carrier_close(tunnel->carrier[i]);
    wg_free(tunnel->wg);
    loop_timer_free(tunnel->timer);
    free(tunnel);
}

void tunnel_get_status(const struct tunnel *tunnel, struct tunnel_status *out) {
    wg_get_status(tunnel->wg, &out->wg, loop_now());
    out->flows = stack_flows(tunnel->stack);
    out->last_data = tunnel->last_data;
    const struct carrier *carrier = tunnel->carrier[!tunnel->carrier[0]];
    out->port = carrier_port(carrier);
    out->send_error = carrier_error(carrier);
    stack_get_stats(tunnel->stack, &out->stack);
}

void tunnel_set_endpoint(struct tunnel *tunnel, const struct wg_address *endpoint) {
    wg_set_endpoint(tunnel->wg, endpoint);
    wg_initiate(tunnel->wg, tunnel_now(tunnel)); /* a machine that moved has most likely restarted */
    pump(tunnel);
}

bool tunnel_serve(struct tunnel *tunnel, uint16_t port, stack_accept_fn *fn, void *ctx) {
    return stack_listen(tunnel->stack, port, fn, ctx);
}
