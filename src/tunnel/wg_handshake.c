/* SPDX-License-Identifier: MIT */
#include <sodium.h>

#include "wg_internal.h"

#define TAI_BASE UINT64_C(0x400000000000000a)
enum { STAMP_STEP = 1 << 24 }; /* nanoseconds; coarser than the clock, so that it tells nothing about it */

/* TAI64N of now, but always later than the last one, also when the wall clock was set back. */
static void next_stamp(struct wg *wg, uint8_t out[WG_STAMP_LEN]) {
    uint64_t seconds = 0;
    uint32_t nanoseconds = 0;
    wg->config.wall(wg->config.ctx, &seconds, &nanoseconds);
    nanoseconds -= nanoseconds % STAMP_STEP;
    if (seconds < wg->stamp_seconds ||
        (seconds == wg->stamp_seconds && nanoseconds <= wg->stamp_nanoseconds)) {
        seconds = wg->stamp_seconds;
        nanoseconds = wg->stamp_nanoseconds + STAMP_STEP;
        if (nanoseconds >= WG_SECOND) {
            seconds++;
            nanoseconds = 0;
        }
    }
    wg->stamp_seconds = seconds;
    wg->stamp_nanoseconds = nanoseconds;
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)((TAI_BASE + seconds) >> 8 * (7 - i));
    for (unsigned i = 0; i < 4; i++)
        out[8 + i] = (uint8_t)(nanoseconds >> 8 * (3 - i));
}

static bool index_taken(const struct wg *wg, uint32_t index) {
    return (wg->waiting && wg->pending.local == index) || (wg->current && wg->current->local == index) ||
           (wg->previous && wg->previous->local == index) || (wg->next && wg->next->local == index);
}

static uint32_t fresh_index(struct wg *wg) {
    uint8_t raw[4];
    do
        wg->config.random(wg->config.ctx, raw, sizeof raw);
    while (index_taken(wg, wg_load32(raw)));
    return wg_load32(raw);
}

static void drop(struct wg_session **session) {
    if (*session)
        sodium_memzero(*session, sizeof **session);
    *session = NULL;
}

/* A wiped slot that no role holds; the caller has made room. */
static struct wg_session *free_slot(struct wg *wg) {
    for (size_t i = 0; i < 3; i++)
        if (&wg->slots[i] != wg->current && &wg->slots[i] != wg->previous && &wg->slots[i] != wg->next)
            return &wg->slots[i];
    return NULL;
}

/* Turns a finished handshake into a session (facts/wireguard.md §1.4). */
static void begin_session(struct wg *wg, struct noise_handshake *hs, bool initiator, uint64_t now) {
    drop(&wg->previous);
    if (!initiator) {
        drop(&wg->next);
    } else if (wg->next) {
        drop(&wg->current);
        wg->previous = wg->next;
        wg->next = NULL;
    } else {
        wg->previous = wg->current;
        wg->current = NULL;
    }
    struct wg_session *session = free_slot(wg);
    session->local = hs->local;
    session->remote = hs->remote;
    session->initiator = initiator;
    session->born = now;
    noise_derive(hs, initiator, &session->keys);
    if (initiator)
        wg->current = session;
    else
        wg->next = session;
    wg->timer[WG_ZERO] = now + WG_ZERO_AFTER;
}

bool wg_confirm(struct wg *wg, const struct wg_session *session, uint64_t now) {
    if (session != wg->next)
        return false;
    drop(&wg->previous);
    wg->previous = wg->current;
    wg->current = wg->next;
    wg->next = NULL;
    wg_handshake_complete(wg, now);
    return true;
}

void wg_handshake_complete(struct wg *wg, uint64_t now) {
    wg->timer[WG_RETRANSMIT] = WG_NEVER;
    wg->attempts = 0;
    wg->last_minute = false;
    wg->last_handshake = now;
}

void wg_wipe_sessions(struct wg *wg) {
    drop(&wg->previous);
    drop(&wg->current);
    drop(&wg->next);
    sodium_memzero(&wg->pending, sizeof wg->pending);
    wg->waiting = false;
}

static void send_initiation(struct wg *wg, uint64_t now) {
    uint8_t msg[WG_INITIATION_LEN], ephemeral[32], stamp[WG_STAMP_LEN];
    wg->config.random(wg->config.ctx, ephemeral, sizeof ephemeral);
    next_stamp(wg, stamp);
    wg->pending.local = fresh_index(wg);
    wg->waiting = noise_initiate(&wg->identity, &wg->pending, ephemeral, stamp, msg);
    sodium_memzero(ephemeral, sizeof ephemeral);
    wg->quiet_until = now + WG_REKEY_TIMEOUT;
    wg->asked_until = now + WG_ASKED_SPACING;
    wg->timer[WG_RETRANSMIT] = wg->quiet_until + wg_jitter(wg);
    if (!wg->waiting)
        return;
    wg_macs_sign(&wg->macs, msg, sizeof msg, now);
    wg_timer_any_sent(wg, now);
    wg_transmit(wg, &wg->endpoint, msg, sizeof msg);
}

void wg_start_handshake(struct wg *wg, bool retry, uint64_t now) {
    if (!retry)
        wg->attempts = 0;
    if (wg->endpoint.ip_len != 0 && now >= wg->quiet_until)
        send_initiation(wg, now);
}

void wg_initiate(struct wg *wg, uint64_t now) {
    wg->attempts = 0;
    if (wg->endpoint.ip_len != 0 && now >= wg->asked_until)
        send_initiation(wg, now);
}

void wg_lost(struct wg *wg) {
    wg->asked_until = 0;
}

static void send_response(struct wg *wg, struct noise_handshake *hs, uint64_t now) {
    uint8_t msg[WG_RESPONSE_LEN], ephemeral[32];
    wg->config.random(wg->config.ctx, ephemeral, sizeof ephemeral);
    hs->local = fresh_index(wg);
    bool ok = noise_respond(&wg->identity, hs, ephemeral, msg);
    sodium_memzero(ephemeral, sizeof ephemeral);
    if (!ok)
        return;
    wg->quiet_until = now + WG_REKEY_TIMEOUT;
    wg_macs_sign(&wg->macs, msg, sizeof msg, now);
    begin_session(wg, hs, false, now);
    wg_timer_any_sent(wg, now);
    wg_transmit(wg, &wg->endpoint, msg, sizeof msg);
}

bool wg_read_initiation(struct wg *wg, const struct wg_address *from, const uint8_t *msg, uint64_t now) {
    struct noise_handshake hs;
    uint8_t stamp[WG_STAMP_LEN];
    if (!noise_read_initiation(&wg->identity, &hs, stamp, msg))
        return false;
    if (now < wg->flood_until || memcmp(stamp, wg->peer_stamp, sizeof stamp) <= 0) {
        sodium_memzero(&hs, sizeof hs);
        return false;
    }
    memcpy(wg->peer_stamp, stamp, sizeof stamp);
    wg->flood_until = now + WG_FLOOD_SPACING;
    wg->endpoint = *from;
    send_response(wg, &hs, now);
    sodium_memzero(&hs, sizeof hs);
    wg_timer_any_received(wg, now);
    return true;
}

bool wg_read_response(struct wg *wg, const struct wg_address *from, const uint8_t *msg, uint64_t now) {
    if (!wg->waiting || wg_load32(msg + 8) != wg->pending.local ||
        !noise_read_response(&wg->identity, &wg->pending, msg))
        return false;
    wg->waiting = false;
    wg->endpoint = *from;
    begin_session(wg, &wg->pending, true, now);
    wg_handshake_complete(wg, now);
    wg_timer_any_received(wg, now);
    wg_show(wg, now); /* the peer may not use the session before it has heard something in it */
    return true;
}

bool wg_read_cookie(struct wg *wg, const uint8_t *msg, uint64_t now) {
    return index_taken(wg, wg_load32(msg + 4)) && wg_macs_consume(&wg->macs, msg, now);
}
