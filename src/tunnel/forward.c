/* SPDX-License-Identifier: MIT */
/* Joins local sockets to flows, in both directions, without buffers of its own: what one side cannot take
 * stays on the other. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tunnel_internal.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE */
#endif

enum { ACCEPTS = 64, READ_LEAST = 4 << 10, READ_MOST = 64 << 10, READ_TURN = 256 << 10 };
static const uint64_t PAUSE = 200000000; /* ns without accepting when descriptors ran out */

struct forward {
    struct tunnel *tunnel;
    struct forward *next;
    struct loop_watch *watch;
    int fd;
    uint16_t remote_port;
};

struct expose {
    struct tunnel *tunnel;
    struct expose *next;
    uint16_t local_port;
    bool counts;
};

struct connection {
    struct tunnel *tunnel;
    struct connection *next, **link;
    struct loop_watch *watch;
    struct flow *flow;
    int fd;
    size_t chunk; /* bytes asked for per read, grows with use */
    bool counts, dialling, opened, local_end, local_shut, read_full, write_full;
};

static bool prepare(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a unix socket has none */
#ifdef SO_NOSIGPIPE
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return sys_private(fd) == 0;
}

/* Closes so that the other end sees a reset. */
static void close_hard(int fd) {
    struct linger now = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void connection_free(struct connection *c, bool hard) {
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    loop_unwatch(c->watch);
    if (hard)
        close_hard(c->fd);
    else
        close(c->fd);
    free(c);
}

static void on_socket(void *arg, unsigned ready);

static struct connection *connection_new(struct tunnel *tunnel, int fd) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->watch = loop_watch(tunnel->loop, fd, 0, on_socket, c);
    if (!c->watch) {
        free(c);
        return NULL;
    }
    c->tunnel = tunnel;
    c->fd = fd;
    c->chunk = READ_LEAST;
    c->link = &tunnel->connections;
    c->next = tunnel->connections;
    if (c->next)
        c->next->link = &c->next;
    tunnel->connections = c;
    return c;
}

static void set_interest(struct connection *c) {
    unsigned interest = 0;
    if (c->dialling || c->write_full)
        interest |= LOOP_WRITE;
    if (c->opened && !c->local_end && !c->read_full)
        interest |= LOOP_READ;
    loop_interest(c->watch, interest);
}

static void note_data(struct connection *c) {
    if (c->counts)
        c->tunnel->last_data = tunnel_now(c->tunnel);
}

/* From the socket into the flow. False if the connection is gone. */
static bool pull(struct connection *c) {
    uint64_t now = tunnel_now(c->tunnel);
    for (size_t turn = 0; turn < READ_TURN && !c->local_end;) {
        size_t len = c->chunk;
        uint8_t *space = flow_space(c->flow, &len);
        c->read_full = !space;
        if (!space)
            break;
        ssize_t got = read(c->fd, space, len);
        if (got > 0) {
            flow_commit(c->flow, (size_t)got, now);
            note_data(c);
            turn += (size_t)got;
            if ((size_t)got < len)
                break;
            if (len == c->chunk && c->chunk < READ_MOST)
                c->chunk *= 2;
        } else if (got == 0) {
            c->local_end = true;
            flow_shutdown(c->flow, now);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            flow_abort(c->flow, now); /* closed follows: it frees c */
            return false;
        }
    }
    set_interest(c);
    return true;
}

/* From the flow into the socket. False if the connection is gone. */
static bool push(struct connection *c) {
    const uint8_t *data;
    bool end;
    size_t len;
    uint64_t now = tunnel_now(c->tunnel);
    c->write_full = false;
    while ((len = flow_peek(c->flow, &data, &end)) > 0) {
        ssize_t put = send(c->fd, data, len, MSG_NOSIGNAL);
        if (put > 0) {
            flow_consume(c->flow, (size_t)put, now);
            note_data(c);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            c->write_full = true;
            break;
        } else if (errno != EINTR) {
            flow_abort(c->flow, now);
            return false;
        }
    }
    if (end && !c->local_shut) {
        c->local_shut = true;
        (void)shutdown(c->fd, SHUT_WR);
    }
    set_interest(c);
    return true;
}

static void on_connected(struct flow *flow, void *arg) {
    struct connection *c = arg;
    (void)flow;
    c->opened = true;
    set_interest(c);
}

static void on_readable(struct flow *flow, void *arg) {
    (void)flow;
    push(arg);
}

static void on_writable(struct flow *flow, void *arg) {
    struct connection *c = arg;
    (void)flow;
    c->read_full = false;
    set_interest(c);
}

static void on_closed(struct flow *flow, void *arg, int error) {
    struct connection *c = arg;
    (void)flow;
    c->flow = NULL;
    connection_free(c, error != 0);
}

static const struct flow_events events = {on_connected, on_readable, on_writable, on_closed};

/* The local connect of an exposed port has ended: the peer's SYN is answered accordingly. */
static void dialled(struct connection *c) {
    int error = 0;
    socklen_t size = sizeof error;
    uint64_t now = tunnel_now(c->tunnel);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    c->dialling = false;
    set_interest(c);
    if (!error) {
        flow_accept(c->flow, &events, c, now);
        return;
    }
    flow_abort(c->flow, now); /* not accepted: nothing is called back */
    connection_free(c, false);
}

static void on_socket(void *arg, unsigned ready) {
    struct connection *c = arg;
    struct tunnel *tunnel = c->tunnel;
    if (c->dialling)
        dialled(c);
    else if (!(ready & LOOP_WRITE) || push(c))
        if (ready & (LOOP_READ | LOOP_ERROR))
            pull(c);
    tunnel_kick(tunnel);
}

static void expose_flow(void *ctx, struct flow *flow, uint16_t port) {
    struct expose *expose = ctx;
    struct tunnel *tunnel = expose->tunnel;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(expose->local_port)};
    (void)port;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct connection *c = fd >= 0 && prepare(fd) ? connection_new(tunnel, fd) : NULL;
    if (!c) {
        if (fd >= 0)
            close(fd);
        flow_abort(flow, tunnel_now(tunnel));
        return;
    }
    c->flow = flow;
    c->counts = expose->counts;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
        flow_accept(flow, &events, c, tunnel_now(tunnel));
    } else if (errno == EINPROGRESS) {
        c->dialling = true;
        set_interest(c);
    } else {
        flow_abort(flow, tunnel_now(tunnel));
        connection_free(c, false);
    }
}

bool tunnel_expose(struct tunnel *tunnel, uint16_t port, uint16_t local_port, bool counts) {
    struct expose *expose = calloc(1, sizeof *expose);
    if (!expose || !stack_listen(tunnel->stack, port, expose_flow, expose)) {
        free(expose);
        errno = ENOMEM;
        return false;
    }
    *expose = (struct expose){tunnel, tunnel->exposes, local_port, counts};
    tunnel->exposes = expose;
    return true;
}

static void pause_accepting(struct tunnel *tunnel) {
    for (struct forward *f = tunnel->forwards; f; f = f->next)
        loop_interest(f->watch, 0);
    tunnel->paused_until = tunnel_now(tunnel) + PAUSE;
}

void forward_resume(struct tunnel *tunnel) {
    for (struct forward *f = tunnel->forwards; f; f = f->next)
        loop_interest(f->watch, LOOP_READ);
    tunnel->paused_until = 0;
}

static void on_listener(void *arg, unsigned ready) {
    struct forward *f = arg;
    struct tunnel *tunnel = f->tunnel;
    (void)ready;
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept(f->fd, NULL, NULL);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(tunnel);
            if (errno != ECONNABORTED && errno != EINTR)
                break;
            continue;
        }
        struct connection *c = prepare(fd) ? connection_new(tunnel, fd) : NULL;
        if (!c) {
            close_hard(fd);
            continue;
        }
        c->flow = stack_connect(tunnel->stack, f->remote_port, &events, c, tunnel_now(tunnel));
        if (!c->flow)
            connection_free(c, true);
    }
    tunnel_kick(tunnel);
}

bool tunnel_forward(struct tunnel *tunnel, int fd, uint16_t remote_port) {
    struct forward *f = calloc(1, sizeof *f);
    if (f)
        f->watch = loop_watch(tunnel->loop, fd, LOOP_READ, on_listener, f);
    if (!f || !f->watch) {
        free(f);
        errno = ENOMEM;
        return false;
    }
    f->tunnel = tunnel;
    f->fd = fd;
    f->remote_port = remote_port;
    f->next = tunnel->forwards;
    tunnel->forwards = f;
    return true;
}

void forward_free(struct tunnel *tunnel) {
    while (tunnel->connections) /* only those that were never accepted are left */
        connection_free(tunnel->connections, true);
    while (tunnel->forwards) {
        struct forward *f = tunnel->forwards;
        tunnel->forwards = f->next;
        loop_unwatch(f->watch);
        close(f->fd);
        free(f);
    }
    while (tunnel->exposes) {
        struct expose *expose = tunnel->exposes;
        tunnel->exposes = expose->next;
        free(expose);
    }
}
