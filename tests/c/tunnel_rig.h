/* SPDX-License-Identifier: MIT */
/* Two tunnel ends over UDP (or TCP) on the loopback interface, a server behind the far one, and sockets that
 * send and check streams; all in one loop. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tunnel/tunnel.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { DATA_PORT = 5000, QUIET_PORT = 5001, DEAD_PORT = 5002, SERVED_PORT = 5003, MANY = 100, ROW = 1000 };

static int failures;
static struct loop *loop;
static uint16_t rig_tcp; /* the far end's TCP port, 0: UDP */

__attribute__((format(printf, 3, 4))) static inline bool report(bool good, const char *name, const char *fmt,
                                                                ...) {
    va_list args;
    printf("%sok - %s%s", good ? "" : "not ", name, good ? "" : ": ");
    va_start(args, fmt);
    if (!good)
        vprintf(fmt, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    failures += !good;
    return good;
}

static inline uint64_t mix(uint64_t z) {
    z = (z + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static inline uint64_t hash_some(uint64_t hash, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ data[i]) * 0x100000001b3;
    return hash;
}

static inline void fill(uint8_t *out, size_t len, uint64_t seed, uint64_t at) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(mix(seed + (at + i) / 8) >> ((at + i) % 8 * 8));
}

static inline uint64_t expected(uint64_t seed, uint64_t size) {
    uint8_t byte;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < size; i++) {
        fill(&byte, 1, seed, i);
        hash = hash_some(hash, &byte, 1);
    }
    return hash;
}

/* One local socket that sends `size` bytes, ends its half, and reads until the other's end. */
struct actor {
    int fd;
    struct loop_watch *watch;
    uint64_t seed, size, sent, received, hash;
    bool answer; /* sends only after the other's end */
    bool deaf;   /* does not read */
    bool shut, eof;
    int error;
};

static inline void actor_stop(struct actor *a) {
    loop_unwatch(a->watch);
    a->watch = NULL;
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

static inline void actor_interest(struct actor *a) {
    unsigned interest = 0;
    if (!a->eof && !a->deaf)
        interest |= LOOP_READ;
    if (!a->shut && (!a->answer || a->eof))
        interest |= LOOP_WRITE;
    loop_interest(a->watch, interest);
    if (a->eof && a->shut)
        actor_stop(a);
}

static inline void actor_fail(struct actor *a) {
    a->error = errno;
    actor_stop(a);
}

static inline void actor_ready(void *arg, unsigned ready) {
    struct actor *a = arg;
    uint8_t buffer[16384];
    if (ready & LOOP_WRITE) {
        size_t len = a->size - a->sent < sizeof buffer ? (size_t)(a->size - a->sent) : sizeof buffer;
        fill(buffer, len, a->seed, a->sent);
        ssize_t put = len ? send(a->fd, buffer, len, MSG_NOSIGNAL) : 0;
        if (put < 0 && errno != EAGAIN) {
            actor_fail(a);
            return;
        }
        a->sent += put > 0 ? (uint64_t)put : 0;
        if (a->sent == a->size) {
            shutdown(a->fd, SHUT_WR);
            a->shut = true;
        }
    }
    if (ready & (LOOP_READ | LOOP_ERROR) && !a->eof) {
        ssize_t got = read(a->fd, buffer, sizeof buffer);
        if (got < 0 && errno != EAGAIN) {
            actor_fail(a);
            return;
        }
        if (got > 0) {
            a->hash = hash_some(a->hash, buffer, (size_t)got);
            a->received += (uint64_t)got;
        }
        a->eof = got == 0;
    }
    actor_interest(a);
}

static inline void actor_start(struct actor *a, int fd) {
    a->fd = fd;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    a->watch = loop_watch(loop, fd, 0, actor_ready, a);
    actor_interest(a);
}

/* -1: nobody listens there. */
static inline int try_dial(uint16_t port) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int dial(uint16_t port) {
    int fd = try_dial(port);
    if (fd < 0)
        abort();
    return fd;
}

static inline int listen_any(uint16_t *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 256) ||
        fcntl(fd, F_SETFL, O_NONBLOCK) || getsockname(fd, (struct sockaddr *)&name, &size))
        abort();
    *port = ntohs(name.sin_port);
    return fd;
}

/* Both ends, a server behind the far one, and the actors of the case in hand. */
struct rig {
    struct tunnel *near, *far;
    uint8_t near_key[32], far_key[32];
    uint16_t near_port, quiet_port, dead_port, server_port;
    int server;
    struct loop_watch *server_watch;
    struct actor client[MANY], served[MANY];
    struct actor pattern; /* what an accepted connection does */
    int accepted;
};

static inline void on_server(void *arg, unsigned ready) {
    struct rig *rig = arg;
    int fd = accept(rig->server, NULL, NULL);
    (void)ready;
    if (fd < 0)
        return;
    struct actor *a = &rig->served[rig->accepted++ % MANY];
    actor_stop(a);
    *a = rig->pattern;
    actor_start(a, fd);
}

static inline struct tunnel *open_end(uint8_t key[32], uint8_t other[32], bool near, uint16_t endpoint_port) {
    struct tunnel_config config = {.local_ip = near ? 0x0a0d2502 : 0x0a0d2501,
                                   .peer_ip = near ? 0x0a0d2501 : 0x0a0d2502};
    memcpy(config.private_key, key, 32);
    crypto_scalarmult_base(config.peer_public, other);
    if (endpoint_port)
        config.endpoint = (struct wg_address){
            .ip = {127, 0, 0, 1}, .ip_len = 4, .port = endpoint_port, .stream = rig_tcp != 0};
    else
        config.listen_tcp = rig_tcp;
    struct tunnel *tunnel = tunnel_open(loop, &config);
    if (!tunnel)
        abort();
    return tunnel;
}

static inline uint16_t port_of(struct tunnel *tunnel) {
    struct tunnel_status status;
    tunnel_get_status(tunnel, &status);
    return status.port;
}

static inline uint16_t add_forward(struct rig *rig, uint16_t remote) {
    uint16_t port;
    if (!tunnel_forward(rig->near, listen_any(&port), remote))
        abort();
    return port;
}

/* `port`: where the near end calls, 0: the far end's own. */
static inline void rig_open_at(struct rig *rig, uint16_t port) {
    uint16_t dead;
    memset(rig, 0, sizeof *rig);
    for (int i = 0; i < MANY; i++)
        rig->client[i].fd = rig->served[i].fd = -1;
    randombytes_buf(rig->near_key, 32);
    randombytes_buf(rig->far_key, 32);
    rig->far = open_end(rig->far_key, rig->near_key, false, 0);
    rig->near = open_end(rig->near_key, rig->far_key, true, port ? port : port_of(rig->far));
    rig->server = listen_any(&rig->server_port);
    rig->server_watch = loop_watch(loop, rig->server, LOOP_READ, on_server, rig);
    close(listen_any(&dead)); /* nobody listens there now */
    if (!tunnel_expose(rig->far, DATA_PORT, rig->server_port, true) ||
        !tunnel_expose(rig->far, QUIET_PORT, rig->server_port, false) ||
        !tunnel_expose(rig->far, DEAD_PORT, dead, true))
        abort();
    rig->near_port = add_forward(rig, DATA_PORT);
    rig->quiet_port = add_forward(rig, QUIET_PORT);
    rig->dead_port = add_forward(rig, DEAD_PORT);
}

static inline void rig_open(struct rig *rig) {
    rig_open_at(rig, 0);
}

static inline void rig_close(struct rig *rig) {
    for (int i = 0; i < MANY; i++) {
        actor_stop(&rig->client[i]);
        actor_stop(&rig->served[i]);
    }
    loop_unwatch(rig->server_watch);
    close(rig->server);
    tunnel_close(rig->near);
    tunnel_close(rig->far);
}

static inline bool over(const struct actor *a) {
    return !a->watch;
}

/* Runs the loop until both actors are over; the 60 s only guard against a hang. */
static inline bool run_both(const struct actor *a, const struct actor *b) {
    uint64_t end = loop_now() + 60000000000u;
    while ((!over(a) || !over(b)) && loop_now() < end)
        loop_once(loop, 100000000);
    return over(a) && over(b);
}

static inline void run_for(uint64_t ms) {
    for (uint64_t end = loop_now() + ms * 1000000; loop_now() < end;)
        loop_once(loop, 1000000);
}

/* `value` is waited for, at most 20 s. */
#define WAIT_FOR(value)                                                             \
    for (uint64_t end_ = loop_now() + 120000000000u; !(value) && loop_now() < end_;) \
    loop_once(loop, 10000000)

static inline size_t flows_of(struct tunnel *tunnel) {
    struct tunnel_status status;
    tunnel_get_status(tunnel, &status);
    return status.flows;
}
