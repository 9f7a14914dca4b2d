/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sodium.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../loop.h"
#include "../version.h"
#include "wire.h"

#define MESSAGE_MAX (128 << 10)

/* The request as it is sent. */
struct message {
    char text[MESSAGE_MAX];
    size_t len;
};

static bool __attribute__((format(printf, 2, 3))) add(struct message *message, const char *fmt, ...) {
    size_t room = sizeof message->text - message->len;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(message->text + message->len, room, fmt, args);
    va_end(args);
    bool good = n >= 0 && (size_t)n < room;
    message->len += good ? (size_t)n : 0;
    return good;
}

static void wipe_free(char *text) {
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
}

/* The text with every hole filled; NULL with answer->why. */
static char *fill(const char *text, config_lookup_fn *lookup, void *ctx, struct answer *answer) {
    char missing[64];
    char *filled = config_expand(text, lookup, ctx, missing);
    if (!filled)
        snprintf(answer->why, sizeof answer->why, "there is no usable value for ${%s}", missing);
    return filled;
}

static bool loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == 127;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static int dial_one(const struct addrinfo *info) {
    struct timeval limit = {.tv_sec = REQUEST_SECONDS};
    int fd = socket(info->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    return sys_refused(fd);
}

static int dial(const struct wire_url *url, struct answer *answer) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    snprintf(port, sizeof port, "%u", url->port);
    int error = getaddrinfo(url->host, port, &hints, &list);
    if (error != 0) {
        snprintf(answer->why, sizeof answer->why, "the name %.80s does not resolve: %.60s", url->host,
                 gai_strerror(error));
        return -1;
    }
    int fd = -1;
    errno = 0;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        if (!url->tls && !loopback(at->ai_addr)) {
            snprintf(answer->why, sizeof answer->why, "plain http goes to loopback only, not to %.80s",
                     url->host);
            continue;
        }
        fd = dial_one(at);
        if (fd < 0)
            snprintf(answer->why, sizeof answer->why, "no connection to %.80s port %s: %.60s", url->host,
                     port, errno == EINPROGRESS ? "timed out" : strerror(errno));
    }
    freeaddrinfo(list);
    return fd;
}

static bool compose(struct message *out, const struct config_request *request, const struct wire_url *url,
                    config_lookup_fn *lookup, void *ctx, struct answer *answer) {
    char port[8] = "", *body = request->body ? fill(request->body, lookup, ctx, answer) : NULL;
    if (url->port != (url->tls ? 443 : 80))
        snprintf(port, sizeof port, ":%u", url->port);
    bool good = (body || !request->body) &&
                add(out, "%s %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: " CPLZ_USER_AGENT "\r\n",
                    request->method ? request->method : "GET", url->path, url->host, port) &&
                add(out, "Accept: */*\r\nConnection: close\r\n");
    for (size_t i = 0; good && i < request->headers.count; i++) {
        char *header = fill(request->headers.item[i], lookup, ctx, answer);
        good = header && add(out, "%s\r\n", header);
        wipe_free(header);
    }
    if (good && body)
        good = add(out, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else if (good)
        good = add(out, "\r\n");
    wipe_free(body);
    if (!good && !answer->why[0])
        snprintf(answer->why, sizeof answer->why, "the request is too long");
    return good;
}

/* An answer that comes in drops is given up too: another machine's must not keep this one's end. */
static void receive(int fd, struct tls *tls, struct answer *answer) {
    size_t len = 0;
    bool complete = false;
    char *body = NULL;
    uint64_t until = loop_now() + REQUEST_SECONDS * UINT64_C(1000000000);
    answer->data = malloc(REQUEST_ANSWER_MAX);
    while (answer->data && !complete && len < REQUEST_ANSWER_MAX && loop_now() < until) {
        size_t room = REQUEST_ANSWER_MAX - len;
        long n = tls ? tls_read(tls, answer->data + len, room) : read(fd, answer->data + len, room);
        if (n < 0 && !tls && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
        if (!wire_parse_answer(answer->data, len, false, &answer->status, &body, &answer->body_len,
                               &complete))
            complete = false;
    }
    if (!answer->data ||
        !wire_parse_answer(answer->data, len, true, &answer->status, &body, &answer->body_len, &complete)) {
        answer->status = 0;
        snprintf(answer->why, sizeof answer->why, "%s",
                 len ? "the answer is no HTTP" : "the server closed without an answer");
    }
    answer->cut = len == REQUEST_ANSWER_MAX && !complete;
    answer->body = body;
}

static void exchange(const struct message *message, const struct wire_url *url,
                     const struct tls_anchors *anchors, int64_t when, struct answer *answer) {
    int fd = dial(url, answer);
    if (fd < 0)
        return;
    struct tls *tls = url->tls ? tls_open(fd, anchors, url->host, when, answer->why, sizeof answer->why)
                               : NULL;
    if (url->tls && !tls) {
        close(fd);
        return;
    }
    if (tls ? tls_write(tls, message->text, message->len) : !sys_write(fd, message->text, message->len))
        receive(fd, tls, answer);
    else
        snprintf(answer->why, sizeof answer->why, "the connection broke while the request was sent");
    tls_close(tls);
    close(fd);
}

void request_send(const struct config_request *request, config_lookup_fn *lookup, void *ctx,
                  const struct tls_anchors *anchors, int64_t when, struct answer *answer) {
    static struct message message;
    struct wire_url url;
    memset(answer, 0, sizeof *answer);
    message.len = 0;
    char *address = fill(request->url, lookup, ctx, answer);
    if (!address)
        return;
    if (!wire_parse_url(address, &url))
        snprintf(answer->why, sizeof answer->why, "the request's address is not http(s)://host[:port]/path");
    else if (url.tls && tls_anchors_count(anchors) == 0)
        snprintf(answer->why, sizeof answer->why, "no certificate authority was found");
    else if (compose(&message, request, &url, lookup, ctx, answer))
        exchange(&message, &url, anchors, when, answer);
    sodium_memzero(message.text, sizeof message.text);
    wipe_free(address);
}

void answer_free(struct answer *answer) {
    free(answer->data);
    memset(answer, 0, sizeof *answer);
}
