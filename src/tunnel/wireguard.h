/* SPDX-License-Identifier: MIT */
/* WireGuard core, sans-IO: no socket, no clock, no allocation after wg_new. One local identity, one peer,
 * both roles. Facts: facts/wireguard.md §1. All times are nanoseconds of one monotonic clock given by the
 * caller. */
#pragma once

#include "../sys.h"

#define WG_KEY_LEN 32
#define WG_MTU 1420
#define WG_OVERHEAD 32

/* The outer address of a datagram, opaque to the core except for cookies: 4 or 16 bytes of address, then
 * port, and whether it is that of a stream of TCP. */
struct wg_address {
    uint8_t ip[16];
    uint8_t ip_len; /* 4, 16, or 0 for "none" */
    uint16_t port;
    bool stream;
};

bool wg_same_address(const struct wg_address *a, const struct wg_address *b);

struct wg_config {
    uint8_t private_key[WG_KEY_LEN];
    uint8_t peer_public[WG_KEY_LEN];
    uint8_t psk[WG_KEY_LEN];    /* zero: none */
    uint32_t peer_inner_ip;     /* host byte order; inner packets from the peer must carry it as source */
    uint16_t keepalive;         /* seconds, 0 off */
    struct wg_address endpoint; /* ip_len 0: wait for the peer to call */
    /* Unix seconds that every stamp (TAI64N) of ours is beyond, 0 none: a peer answers only what is later
     * than all that it saw of us, and the wall clock may have been set back since an earlier process spoke to
     * it. */
    uint64_t stamp_after;
    void *ctx;
    /* Sends one datagram to `to`. */
    void (*transmit)(void *ctx, const struct wg_address *to, const uint8_t *datagram, size_t len);
    /* Hands up one decrypted, filtered inner IPv4 packet. May call wg_send. */
    void (*deliver)(void *ctx, const uint8_t *packet, size_t len);
    /* Fills with random bytes. */
    void (*random)(void *ctx, uint8_t *out, size_t len);
    /* Wall clock for TAI64N: unix seconds and nanoseconds. */
    void (*wall)(void *ctx, uint64_t *seconds, uint32_t *nanoseconds);
};

struct wg_status {
    bool established;        /* a session younger than REJECT_AFTER_TIME exists */
    uint64_t last_handshake; /* ns of the caller's clock, 0 never */
    uint64_t rx_bytes, tx_bytes;
    uint64_t rx_dropped; /* datagrams refused for any reason */
    struct wg_address endpoint;
    unsigned attempts; /* unanswered initiations since the last one that was asked for */
    uint64_t stamp;    /* unix seconds that no stamp of ours is beyond; stamp_after while none was sent */
};

struct wg;

/* Copies the configuration. NULL when the keys are unusable (all-zero DH) or memory is out. */
struct wg *wg_new(const struct wg_config *config, uint64_t now);
/* Wipes every key. */
void wg_free(struct wg *wg);
/* One datagram came in from `from`. Anything malformed, replayed or unauthenticated is dropped silently.
 * False: our peer cannot have sent it, or it is worth nothing any more; a handshake message with a good MAC1
 * may be its. */
bool wg_receive(struct wg *wg, const struct wg_address *from, const uint8_t *datagram, size_t len,
                uint64_t now);
/* Encrypts one inner packet (≤ WG_MTU), or stages it (≤ 128) and starts a handshake. */
void wg_send(struct wg *wg, const uint8_t *packet, size_t len, uint64_t now);
/* Runs the timers that are due; returns the time of the next one, UINT64_MAX for none. Call again after
 * receive/send. */
uint64_t wg_tick(struct wg *wg, uint64_t now);
/* Changes the peer's endpoint (new machine address); the sessions stay. Without a live one the next wg_tick
 * tries a handshake there at once if one is wanted (keepalive, staged packets, or a handshake under way). */
void wg_set_endpoint(struct wg *wg, const struct wg_address *endpoint);
/* Shows the peer at once where we are: what is staged, or an empty packet; a handshake without a session. */
void wg_show(struct wg *wg, uint64_t now);
/* Asks for a new handshake now, without waiting for the timers (the peer is known to have restarted, or just
 * came up). At most one a second goes out, so that an answer on its way is not made worthless. Sending goes
 * on with the old session meanwhile. */
void wg_initiate(struct wg *wg, uint64_t now);
/* What was sent last is lost for certain: wg_initiate need not wait for an answer to it. */
void wg_lost(struct wg *wg);
void wg_get_status(const struct wg *wg, struct wg_status *out, uint64_t now);
