/* SPDX-License-Identifier: MIT */
#include "wg_internal.h"

uint64_t wg_jitter(struct wg *wg) {
    uint8_t raw[2];
    wg->config.random(wg->config.ctx, raw, sizeof raw);
    return (uint64_t)(raw[0] | raw[1] << 8) * WG_JITTER_MS / 65536 * (WG_SECOND / 1000);
}

static void persistent(struct wg *wg, uint64_t now) {
    if (wg->config.keepalive > 0)
        wg->timer[WG_PERSISTENT] = now + wg->config.keepalive * WG_SECOND;
}

void wg_timer_data_sent(struct wg *wg, uint64_t now) {
    if (wg->timer[WG_NEW_HANDSHAKE] == WG_NEVER)
        wg->timer[WG_NEW_HANDSHAKE] = now + WG_KEEPALIVE_TIMEOUT + WG_REKEY_TIMEOUT + wg_jitter(wg);
}

void wg_timer_data_received(struct wg *wg, uint64_t now) {
    if (wg->timer[WG_KEEPALIVE] == WG_NEVER)
        wg->timer[WG_KEEPALIVE] = now + WG_KEEPALIVE_TIMEOUT;
    else
        wg->another_keepalive = true;
}

void wg_timer_any_sent(struct wg *wg, uint64_t now) {
    wg->timer[WG_KEEPALIVE] = WG_NEVER;
    persistent(wg, now);
}

void wg_timer_any_received(struct wg *wg, uint64_t now) {
    wg->timer[WG_NEW_HANDSHAKE] = WG_NEVER;
    persistent(wg, now);
}

static void retransmit(struct wg *wg, uint64_t now) {
    if (wg->attempts > WG_MAX_RETRIES) {
        wg->timer[WG_KEEPALIVE] = WG_NEVER;
        wg->staged_count = 0;
        if (wg->timer[WG_ZERO] == WG_NEVER)
            wg->timer[WG_ZERO] = now + WG_ZERO_AFTER;
        return;
    }
    if (now < wg->quiet_until) { /* a response of ours went out meanwhile: wait for what comes of it */
        wg->timer[WG_RETRANSMIT] = wg->quiet_until + wg_jitter(wg);
        return;
    }
    wg->attempts++;
    wg_start_handshake(wg, true, now);
}

static void expired(struct wg *wg, enum wg_timer which, uint64_t now) {
    wg->timer[which] = WG_NEVER;
    switch (which) {
    case WG_RETRANSMIT:
        retransmit(wg, now);
        break;
    case WG_KEEPALIVE:
        wg_show(wg, now);
        if (wg->another_keepalive) {
            wg->another_keepalive = false;
            wg->timer[WG_KEEPALIVE] = now + WG_KEEPALIVE_TIMEOUT;
        }
        break;
    case WG_NEW_HANDSHAKE:
        wg_start_handshake(wg, false, now);
        break;
    case WG_ZERO:
        wg_wipe_sessions(wg);
        break;
    default:
        wg_show(wg, now);
        if (wg->timer[WG_PERSISTENT] == WG_NEVER) /* nothing could be sent */
            persistent(wg, now);
        break;
    }
}

uint64_t wg_tick(struct wg *wg, uint64_t now) {
    if (wg->ask) {
        bool wanted = wg->staged_count > 0 || wg->config.keepalive > 0 ||
                      wg->timer[WG_RETRANSMIT] != WG_NEVER;
        wg->ask = false;
        if (wanted && !(wg->current && wg_session_live(wg->current, now)))
            wg_initiate(wg, now);
    }
    uint64_t soonest = WG_NEVER;
    for (int i = 0; i < WG_TIMERS; i++)
        if (wg->timer[i] <= now)
            expired(wg, (enum wg_timer)i, now);
    for (int i = 0; i < WG_TIMERS; i++)
        if (wg->timer[i] < soonest)
            soonest = wg->timer[i];
    return soonest;
}
