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

/* The request with every hole filled. */
struct filled {
    char *url, *body;
    struct config_list headers;
};

static void wipe_free(char *text) {
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
}

static void filled_free(struct filled *filled) {
    wipe_free(filled->url);
    wipe_free(filled->body);
    for (size_t i = 0; i < filled->headers.count; i++)
        wipe_free(filled->headers.item[i]);
}

static bool fill(const struct config_request *request, config_lookup_fn *lookup, void *ctx,
                 struct filled *out, struct answer *answer) {
    char missing[64];
    memset(out, 0, sizeof *out);
    out->url = config_expand(request->url, lookup, ctx, missing);
    bool good = out->url != NULL;
    for (size_t i = 0; good && i < request->headers.count; i++) {
        char *text = config_expand(request->headers.item[i], lookup, ctx, missing);
        good = text != NULL;
        if (good)
            out->headers.item[out->headers.count++] = text;
    }
    if (good && request->body)
        good = (out->body = config_expand(request->body, lookup, ctx, missing)) != NULL;
    if (!good) {
        snprintf(answer->why, sizeof answer->why, "there is no usable value for ${%s}", missing);
        filled_free(out);
    }
    return good;
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

static char *compose(const struct config_request *request, const struct wire_url *url,
                     const struct filled *filled, size_t *len) {
    const char *method = request->method ? request->method : "GET", *body = filled->body;
    size_t size = 512 + strlen(method) + 2 * strlen(filled->url) + (body ? strlen(body) : 0);
    for (size_t i = 0; i < filled->headers.count; i++)
        size += strlen(filled->headers.item[i]) + 2;
    char port[8] = "", *text = malloc(size), *at = text;
    if (!text)
        return NULL;
    if (url->port != (url->tls ? 443 : 80))
        snprintf(port, sizeof port, ":%u", url->port);
    at += sprintf(at, "%s %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: " CPLZ_USER_AGENT "\r\n", method,
                  url->path, url->host, port);
    at += sprintf(at, "Accept: */*\r\nConnection: close\r\n");
    for (size_t i = 0; i < filled->headers.count; i++)
        at += sprintf(at, "%s\r\n", filled->headers.item[i]);
    if (body)
        at += sprintf(at, "Content-Length: %zu\r\n", strlen(body));
    at += sprintf(at, "\r\n%s", body ? body : "");
    *len = (size_t)(at - text);
    return text;
}

static bool plain_write(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
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

static void exchange(const struct config_request *request, const struct filled *filled,
                     const struct wire_url *url, const struct tls_anchors *anchors, int64_t when,
                     struct answer *answer) {
    size_t len = 0;
    int fd = dial(url, answer);
    if (fd < 0)
        return;
    struct tls *tls = url->tls ? tls_open(fd, anchors, url->host, when, answer->why, sizeof answer->why)
                               : NULL;
    char *text = !url->tls || tls ? compose(request, url, filled, &len) : NULL;
    if (text) {
        if (tls ? tls_write(tls, text, len) : plain_write(fd, text, len))
            receive(fd, tls, answer);
        else
            snprintf(answer->why, sizeof answer->why, "the connection broke while the request was sent");
        sodium_memzero(text, len);
        free(text);
    }
    tls_close(tls);
    close(fd);
}

void request_send(const struct config_request *request, config_lookup_fn *lookup, void *ctx,
                  const struct tls_anchors *anchors, int64_t when, struct answer *answer) {
    struct filled filled;
    struct wire_url url;
    memset(answer, 0, sizeof *answer);
    if (!fill(request, lookup, ctx, &filled, answer))
        return;
    if (!wire_parse_url(filled.url, &url))
        snprintf(answer->why, sizeof answer->why, "the request's address is not http(s)://host[:port]/path");
    else if (url.tls && tls_anchors_count(anchors) == 0)
        snprintf(answer->why, sizeof answer->why, "no certificate authority was found");
    else
        exchange(request, &filled, &url, anchors, when, answer);
    filled_free(&filled);
}

void answer_free(struct answer *answer) {
    free(answer->data);
    memset(answer, 0, sizeof *answer);
}
