/* SPDX-License-Identifier: MIT */
/* What the files of the WireGuard core share: handshake, session, cookies, and the state that joins them. */
#pragma once

#include "wireguard.h"

/* wg_noise.c: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it: pure functions over messages,
 * without MACs, clock or random (facts/wireguard.md §1.3). */
enum { WG_INITIATION = 1, WG_RESPONSE = 2, WG_COOKIE = 3, WG_DATA = 4 };
enum {
    WG_INITIATION_LEN = 148,
    WG_RESPONSE_LEN = 92,
    WG_COOKIE_LEN = 64,
    WG_DATA_HEADER = 16,
    WG_TAG = 16,
    WG_STAMP_LEN = 12
};

/* What stays the same for one pair of identities. */
struct noise_identity {
    uint8_t private_key[32], public_key[32], peer_public[32], psk[32];
    uint8_t shared[32];                         /* DH(own static, peer's static) */
    uint8_t chain0[32], hash0[32];              /* before any key is mixed in */
    uint8_t hash_to_self[32], hash_to_peer[32]; /* hash0 with the responder's static key mixed in */
};

/* A handshake under way. */
struct noise_handshake {
    uint8_t chain[32], hash[32];
    uint8_t ephemeral_private[32]; /* the initiator's, while it waits */
    uint8_t ephemeral_peer[32];    /* the initiator's, as the responder saw it */
    uint32_t local, remote;        /* session indices */
};

struct noise_keys {
    uint8_t send[32], receive[32];
};

/* False when a key makes an all-zero DH result. */
bool noise_identity_init(struct noise_identity *id, const uint8_t private_key[32],
                         const uint8_t peer_public[32], const uint8_t psk[32]);

/* Initiator: fills hs and msg up to its MACs, for a fresh ephemeral private key and the index hs->local.
 * False on a zero DH result. */
bool noise_initiate(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                    const uint8_t stamp[WG_STAMP_LEN], uint8_t msg[WG_INITIATION_LEN]);
/* Responder: opens a message 1 of exactly our peer into hs and stamp. False (and nothing to be kept) for
 * everything else. */
bool noise_read_initiation(const struct noise_identity *id, struct noise_handshake *hs,
                           uint8_t stamp[WG_STAMP_LEN], const uint8_t msg[WG_INITIATION_LEN]);
/* Responder: continues the hs of noise_read_initiation with a fresh ephemeral and the index hs->local. The
 * caller then derives keys. */
bool noise_respond(const struct noise_identity *id, struct noise_handshake *hs, const uint8_t ephemeral[32],
                   uint8_t msg[WG_RESPONSE_LEN]);
/* Initiator: opens message 2 for hs, which changes only on success. */
bool noise_read_response(const struct noise_identity *id, struct noise_handshake *hs,
                         const uint8_t msg[WG_RESPONSE_LEN]);
/* Transport keys of a finished handshake, which is wiped. */
void noise_derive(struct noise_handshake *hs, bool initiator, struct noise_keys *keys);

uint32_t wg_load32(const uint8_t *p);
uint64_t wg_load64(const uint8_t *p);
void wg_store32(uint8_t *p, uint32_t value);
void wg_store64(uint8_t *p, uint64_t value);

/* wg_session.c: one transport session: its two keys, its sending counter and its window against replays
 * (facts/wireguard.md §1.5, §1.6). */
enum {
    WG_WINDOW_BITS = 8192,
    WG_WINDOW = WG_WINDOW_BITS - 64
}; /* counters this far behind the newest are still accepted */
#define WG_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - WG_WINDOW - 1)
enum { WG_INNER_MAX = 65535 - WG_DATA_HEADER - WG_TAG };

struct wg_replay {
    uint64_t top; /* one more than the highest counter seen; 0: none yet */
    uint64_t bits[WG_WINDOW_BITS / 64];
};

struct wg_session {
    struct noise_keys keys;
    uint32_t local, remote;
    bool initiator;
    uint64_t born;    /* ns of the caller's clock */
    uint64_t counter; /* of the next packet sent */
    struct wg_replay replay;
};

/* Takes note of an authenticated counter. False: seen already, too old, or beyond the limit. */
bool wg_replay_accept(struct wg_replay *replay, uint64_t counter);

/* Scratch room for sealing or opening `n` inner bytes: the keystream is made in one run of whole cipher
 * blocks, from the one before the first inner byte (it keys the tag) to beyond the last. libsodium is a third
 * faster so than with its AEAD on packets of this size. */
enum { WG_ROOM_STEP = 256, WG_ROOM_KEY = 64, WG_ROOM_OUT = WG_ROOM_KEY - WG_DATA_HEADER };
#define WG_ROOM(n) ((WG_ROOM_KEY + (n) + WG_TAG + WG_TAG + WG_ROOM_STEP - 1) / WG_ROOM_STEP * WG_ROOM_STEP)

/* Makes the datagram of `in` and `pad` zero bytes at room + WG_ROOM_OUT and moves the counter. Returns its
 * length. room has WG_ROOM(len + pad) bytes, which `in` does not overlap. */
size_t wg_session_seal(struct wg_session *session, uint8_t *room, const uint8_t *in, size_t len, size_t pad);
/* Opens a datagram of at least 32 bytes; its len - 32 inner bytes are then at room + WG_ROOM_KEY. False when
 * it is forged, replayed or beyond the counter limit. room has WG_ROOM(len - 32) bytes, which the datagram
 * does not overlap. */
bool wg_session_open(struct wg_session *session, uint8_t *room, const uint8_t *datagram, size_t len);

/* wg_cookie.c: MAC1, MAC2 and cookies, both as the one who asks and as the one under load (facts/wireguard.md
 * §1.7). */
enum { WG_MAC = 16, WG_BUCKETS = 256 };

typedef void wg_random_fn(void *ctx, uint8_t *out, size_t len);

struct wg_bucket {
    uint64_t at;     /* time of `credit` */
    uint64_t credit; /* ns worth of handshakes */
};

struct wg_macs {
    uint8_t mac1_self[32], mac1_peer[32], cookie_self[32], cookie_peer[32];
    wg_random_fn *random;
    void *ctx;
    /* what the peer gave us */
    uint8_t cookie[WG_MAC], last_mac1[WG_MAC];
    uint64_t cookie_at;
    bool has_cookie, awaiting;
    /* what we give */
    uint8_t secret[32], bucket_key[32];
    uint64_t secret_at;
    bool has_secret;
    uint64_t second_at; /* begin of the second that is being counted */
    unsigned second_count;
    uint64_t loaded_until;
    struct wg_bucket buckets[WG_BUCKETS];
};

enum wg_verdict { WG_MAC_BAD, WG_MAC_GOOD, WG_MAC_NEEDS_COOKIE };

void wg_macs_init(struct wg_macs *macs, const uint8_t self_public[32], const uint8_t peer_public[32],
                  wg_random_fn *random, void *ctx);
/* Writes the two MACs at the end of a handshake message of `len` bytes for the peer. */
void wg_macs_sign(struct wg_macs *macs, uint8_t *msg, size_t len, uint64_t now);
/* Judges a received handshake message. Counts it for the load when its MAC1 is good; under load only a good
 * MAC2 within the rate limit passes. */
enum wg_verdict wg_macs_check(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg,
                              size_t len, uint64_t now);
/* The cookie reply to that message. */
void wg_macs_reply(struct wg_macs *macs, const struct wg_address *from, const uint8_t *msg, size_t len,
                   uint8_t out[WG_COOKIE_LEN], uint64_t now);
/* Keeps the cookie of a reply that answers the message signed last. False when it does not. */
bool wg_macs_consume(struct wg_macs *macs, const uint8_t msg[WG_COOKIE_LEN], uint64_t now);

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

    uint64_t last_handshake, rx_bytes, tx_bytes, rx_dropped;
    unsigned staged_first, staged_count;
    struct wg_staged staged[WG_STAGED];
    uint8_t out[WG_ROOM(WG_MTU)];
    uint8_t in[WG_ROOM(WG_INNER_MAX)];
};

/* wg_core.c */
void wg_transmit(struct wg *wg, const struct wg_address *to, const uint8_t *datagram, size_t len);
bool wg_session_live(const struct wg_session *session, uint64_t now);
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
