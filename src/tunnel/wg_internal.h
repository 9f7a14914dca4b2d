/* SPDX-License-Identifier: MIT */
/* The state of the WireGuard core, shared by wg_core.c, wg_handshake.c and wg_timers.c only. */
#pragma once

#include "wg_cookie.h"
#include "wg_session.h"

#define WG_SECOND UINT64_C(1000000000)
#define WG_NEVER UINT64_MAX
/* facts/wireguard.md §1.1 */
#define WG_REKEY_AFTER (120 * WG_SECOND)
#define WG_REJECT_AFTER (180 * WG_SECOND)
#define WG_REKEY_TIMEOUT (5 * WG_SECOND)
#define WG_KEEPALIVE_TIMEOUT (10 * WG_SECOND)
#define WG_LAST_MINUTE (WG_REJECT_AFTER - WG_KEEPALIVE_TIMEOUT - WG_REKEY_TIMEOUT)
#define WG_ZERO_AFTER (3 * WG_REJECT_AFTER)
#define WG_ASKED_SPACING WG_SECOND
#define WG_FLOOD_SPACING (WG_SECOND / 50)
enum { WG_MAX_RETRIES = 18, WG_STAGED = 128, WG_JITTER_MS = 333 };

enum wg_timer { WG_RETRANSMIT, WG_KEEPALIVE, WG_NEW_HANDSHAKE, WG_ZERO, WG_PERSISTENT, WG_TIMERS };

struct wg_staged {
    uint16_t len;
    uint8_t packet[WG_MTU];
};

struct wg {
    struct wg_config config; /* its keys are wiped: the identity holds them */
    struct noise_identity identity;
    struct wg_macs macs;
    struct wg_address endpoint;

    struct noise_handshake pending; /* our own initiation */
    bool waiting;                   /* for the answer to it */
    bool ask;                       /* wg_set_endpoint wants a handshake at the next tick */
    unsigned attempts;
    uint64_t quiet_until; /* no initiation before, except asked ones */
    uint64_t asked_until; /* no asked initiation before */
    uint64_t stamp_seconds;
    uint32_t stamp_nanoseconds;       /* last TAI64N sent */
    uint8_t peer_stamp[WG_STAMP_LEN]; /* greatest one seen */
    uint64_t flood_until;             /* no initiation is accepted before */

    struct wg_session slots[3];
    struct wg_session *current, *previous, *next; /* into slots, or NULL */
    bool last_minute;                             /* the rekey before the end of this session was asked for */

    uint64_t timer[WG_TIMERS]; /* deadlines, WG_NEVER: off */
    bool another_keepalive;

    uint64_t last_handshake, last_received, rx_bytes, tx_bytes, rx_dropped;
    unsigned staged_first, staged_count;
    struct wg_staged staged[WG_STAGED];
    uint8_t out[WG_ROOM(WG_MTU)];
    uint8_t in[WG_ROOM(WG_INNER_MAX)];
};

/* wg_core.c */
void wg_transmit(struct wg *wg, const struct wg_address *to, const uint8_t *datagram, size_t len);
bool wg_session_live(const struct wg_session *session, uint64_t now);
/* Sends what is staged, or an empty packet when nothing is; without a session it starts a handshake. */
void wg_send_keepalive(struct wg *wg, uint64_t now);
/* Sends what is staged while there is a session. True when something was sent. */
bool wg_flush_staged(struct wg *wg, uint64_t now);

/* wg_handshake.c */
/* Sends an initiation unless one (or a response) went out less than five seconds ago. `retry`: by the
 * retransmission timer. */
void wg_start_handshake(struct wg *wg, bool retry, uint64_t now);
/* Each returns whether the message was accepted. */
bool wg_read_initiation(struct wg *wg, const struct wg_address *from, const uint8_t *msg, uint64_t now);
bool wg_read_response(struct wg *wg, const struct wg_address *from, const uint8_t *msg, uint64_t now);
bool wg_read_cookie(struct wg *wg, const uint8_t *msg, uint64_t now);
/* Makes `next` the current session when the peer has used it. True when it did. */
bool wg_confirm(struct wg *wg, const struct wg_session *session, uint64_t now);
void wg_handshake_complete(struct wg *wg, uint64_t now);
/* Forgets every session and the handshake under way. */
void wg_wipe_sessions(struct wg *wg);

/* wg_timers.c: what happened, for the five timers of facts/wireguard.md §1.8 */
void wg_timer_data_sent(struct wg *wg, uint64_t now);
void wg_timer_data_received(struct wg *wg, uint64_t now);
void wg_timer_any_sent(struct wg *wg, uint64_t now);
void wg_timer_any_received(struct wg *wg, uint64_t now);
uint64_t wg_jitter(struct wg *wg);
