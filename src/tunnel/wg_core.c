/* SPDX-License-Identifier: MIT */
#include <sodium.h>

#include "wg_internal.h"

enum { IPV4_HEADER = 20, IPV4_LENGTH = 2, IPV4_SOURCE = 12, PADDING = 16 };

struct wg *wg_new(const struct wg_config *config, uint64_t now) {
    if (sodium_init() < 0)
        return NULL;
    struct wg *wg = calloc(1, sizeof *wg);
    if (!wg)
        return NULL;
    if (!noise_identity_init(&wg->identity, config->private_key, config->peer_public, config->psk)) {
        wg_free(wg);
        return NULL;
    }
    wg->config = *config;
    sodium_memzero(wg->config.private_key, WG_KEY_LEN);
    sodium_memzero(wg->config.psk, WG_KEY_LEN);
    wg_macs_init(&wg->macs, wg->identity.public_key, wg->identity.peer_public, config->random, config->ctx);
    wg->endpoint = config->endpoint;
    wg->stamp_seconds = config->stamp_after;
    for (int i = 0; i < WG_TIMERS; i++)
        wg->timer[i] = WG_NEVER;
    if (config->keepalive > 0)
        wg->timer[WG_PERSISTENT] = now;
    return wg;
}

void wg_free(struct wg *wg) {
    if (!wg)
        return;
    sodium_memzero(wg, sizeof *wg);
    free(wg);
}

void wg_transmit(struct wg *wg, const struct wg_address *to, const uint8_t *datagram, size_t len) {
    wg->tx_bytes += len;
    wg->config.transmit(wg->config.ctx, to, datagram, len);
}

bool wg_session_live(const struct wg_session *session, uint64_t now) {
    return now - session->born < WG_REJECT_AFTER && session->counter < WG_REJECT_AFTER_MESSAGES;
}

/* One packet through the current session, which is live. */
static void send_packet(struct wg *wg, const uint8_t *packet, size_t len, uint64_t now) {
    size_t pad = (PADDING - len % PADDING) % PADDING;
    if (len + pad > WG_MTU)
        pad = WG_MTU - len;
    size_t n = wg_session_seal(wg->current, wg->out, packet, len, pad);
    wg_timer_any_sent(wg, now);
    if (len > 0)
        wg_timer_data_sent(wg, now);
    wg_transmit(wg, &wg->endpoint, wg->out + WG_ROOM_OUT, n);
}

static void rekey_when_old(struct wg *wg, uint64_t now) {
    const struct wg_session *s = wg->current;
    if (s->counter > WG_REKEY_AFTER_MESSAGES || (s->initiator && now - s->born >= WG_REKEY_AFTER))
        wg_start_handshake(wg, false, now);
}

bool wg_flush_staged(struct wg *wg, uint64_t now) {
    bool sent = false;
    while (wg->staged_count > 0 && wg->current && wg_session_live(wg->current, now)) {
        struct wg_staged *s = &wg->staged[wg->staged_first];
        wg->staged_first = (wg->staged_first + 1) % WG_STAGED;
        wg->staged_count--;
        send_packet(wg, s->packet, s->len, now);
        sent = true;
    }
    return sent;
}

static void stage(struct wg *wg, const uint8_t *packet, size_t len) {
    if (wg->staged_count == WG_STAGED) {
        wg->staged_first = (wg->staged_first + 1) % WG_STAGED;
        wg->staged_count--;
    }
    struct wg_staged *s = &wg->staged[(wg->staged_first + wg->staged_count++) % WG_STAGED];
    s->len = (uint16_t)len;
    memcpy(s->packet, packet, len);
}

void wg_send(struct wg *wg, const uint8_t *packet, size_t len, uint64_t now) {
    if (len == 0 || len > WG_MTU)
        return;
    if (!wg->current || !wg_session_live(wg->current, now)) {
        stage(wg, packet, len);
        wg_start_handshake(wg, false, now);
        return;
    }
    wg_flush_staged(wg, now);
    send_packet(wg, packet, len, now);
    rekey_when_old(wg, now);
}

void wg_show(struct wg *wg, uint64_t now) {
    if (!wg->current || !wg_session_live(wg->current, now)) {
        wg_start_handshake(wg, false, now);
        return;
    }
    if (!wg_flush_staged(wg, now))
        send_packet(wg, NULL, 0, now);
    rekey_when_old(wg, now);
}

static struct wg_session *find_session(const struct wg *wg, uint32_t index) {
    struct wg_session *const all[] = {wg->current, wg->next, wg->previous};
    for (size_t i = 0; i < 3; i++)
        if (all[i] && all[i]->local == index)
            return all[i];
    return NULL;
}

/* The length of the inner packet without padding, 0 when the peer may not send it (crypto-key routing). */
static size_t inner_length(const struct wg *wg, size_t len) {
    const uint8_t *p = wg->in + WG_ROOM_KEY;
    if (len < IPV4_HEADER || p[0] >> 4 != 4)
        return 0;
    size_t total = (size_t)p[IPV4_LENGTH] << 8 | p[IPV4_LENGTH + 1], header = (size_t)(p[0] & 15) * 4;
    uint32_t source = (uint32_t)p[IPV4_SOURCE] << 24 | (uint32_t)p[IPV4_SOURCE + 1] << 16 |
                      (uint32_t)p[IPV4_SOURCE + 2] << 8 | p[IPV4_SOURCE + 3];
    return header >= IPV4_HEADER && total >= header && total <= len && source == wg->config.peer_inner_ip
               ? total
               : 0;
}

static bool read_data(struct wg *wg, const struct wg_address *from, const uint8_t *datagram, size_t len,
                      uint64_t now) {
    struct wg_session *session = find_session(wg, wg_load32(datagram + 4));
    if (!session || now - session->born >= WG_REJECT_AFTER ||
        !wg_session_open(session, wg->in, datagram, len))
        return false;
    size_t plain = len - WG_DATA_HEADER - WG_TAG;
    wg->endpoint = *from;
    wg_timer_any_received(wg, now);
    if (wg_confirm(wg, session, now))
        wg_flush_staged(wg, now);
    if (!wg->last_minute && wg->current && wg->current->initiator &&
        now - wg->current->born >= WG_LAST_MINUTE) {
        wg->last_minute = true;
        wg_start_handshake(wg, false, now);
    }
    if (plain == 0)
        return true;
    wg_timer_data_received(wg, now);
    size_t inner = inner_length(wg, plain);
    if (inner > 0)
        wg->config.deliver(wg->config.ctx, wg->in + WG_ROOM_KEY, inner);
    return inner > 0;
}

static bool read_handshake(struct wg *wg, const struct wg_address *from, const uint8_t *msg, size_t len,
                           enum wg_verdict *verdict, uint64_t now) {
    uint8_t reply[WG_COOKIE_LEN];
    *verdict = wg_macs_check(&wg->macs, from, msg, len, now);
    switch (*verdict) {
    case WG_MAC_GOOD:
        return msg[0] == WG_INITIATION ? wg_read_initiation(wg, from, msg, now)
                                       : wg_read_response(wg, from, msg, now);
    case WG_MAC_NEEDS_COOKIE:
        wg_macs_reply(&wg->macs, from, msg, len, reply, now);
        wg_transmit(wg, from, reply, sizeof reply);
        return false;
    default:
        return false;
    }
}

bool wg_receive(struct wg *wg, const struct wg_address *from, const uint8_t *datagram, size_t len,
                uint64_t now) {
    uint32_t type = len >= 4 ? wg_load32(datagram) : 0; /* with the three reserved zeros */
    bool good = false;
    enum wg_verdict verdict = WG_MAC_BAD;
    wg->rx_bytes += len;
    if (type == WG_DATA && len >= WG_DATA_HEADER + WG_TAG && len - WG_DATA_HEADER - WG_TAG <= WG_INNER_MAX)
        good = read_data(wg, from, datagram, len, now);
    else if ((type == WG_INITIATION && len == WG_INITIATION_LEN) ||
             (type == WG_RESPONSE && len == WG_RESPONSE_LEN))
        good = read_handshake(wg, from, datagram, len, &verdict, now);
    else if (type == WG_COOKIE && len == WG_COOKIE_LEN)
        good = wg_read_cookie(wg, datagram, now);
    wg->rx_dropped += !good;
    return good || verdict != WG_MAC_BAD;
}

bool wg_same_address(const struct wg_address *a, const struct wg_address *b) {
    return a->ip_len == b->ip_len && a->port == b->port && a->stream == b->stream &&
           memcmp(a->ip, b->ip, a->ip_len) == 0;
}

void wg_set_endpoint(struct wg *wg, const struct wg_address *endpoint) {
    if (!wg_same_address(&wg->endpoint, endpoint))
        wg->asked_until = 0; /* what went to the old address says nothing about the new one */
    wg->endpoint = *endpoint;
    wg->ask = true;
}

void wg_get_status(const struct wg *wg, struct wg_status *out, uint64_t now) {
    memset(out, 0, sizeof *out);
    out->established = wg->current && wg_session_live(wg->current, now);
    out->last_handshake = wg->last_handshake;
    out->attempts = wg->attempts;
    out->rx_bytes = wg->rx_bytes;
    out->tx_bytes = wg->tx_bytes;
    out->rx_dropped = wg->rx_dropped;
    out->endpoint = wg->endpoint;
    out->stamp = wg->stamp_nanoseconds > 0 ? wg->stamp_seconds + 1 : wg->stamp_seconds;
}
