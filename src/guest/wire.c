/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <strings.h>

static const char *find(const char *data, size_t len, const char *what) {
    return len ? memmem(data, len, what, strlen(what)) : NULL;
}

int wire_hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The value of the header `name` (lower case) in the lines [at, end); *count says how many there are. */
static const char *header(const char *at, const char *end, const char *name, size_t *value_len,
                          unsigned *count) {
    const char *found = NULL;
    size_t named = strlen(name);
    *count = 0;
    while (at < end) {
        const char *stop = find(at, (size_t)(end - at), "\r\n");
        if (!stop)
            stop = end;
        if ((size_t)(stop - at) > named && at[named] == ':' && strncasecmp(at, name, named) == 0) {
            found = at + named + 1;
            const char *last = stop;
            while (found < last && (*found == ' ' || *found == '\t'))
                found++;
            while (last > found && (last[-1] == ' ' || last[-1] == '\t'))
                last--;
            *value_len = (size_t)(last - found);
            ++*count;
        }
        at = stop + 2;
    }
    return found;
}

static bool decimal(const char *text, size_t len, size_t max, size_t *out) {
    size_t value = 0;
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || value > max)
            return false;
        value = value * 10 + (size_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

/* "METHOD /path?query HTTP/1.1" */
static bool request_line(const char *line, size_t len, struct wire_request *out) {
    const char *space = memchr(line, ' ', len);
    size_t n = space ? (size_t)(space - line) : 0;
    if (n == 0 || n >= sizeof out->method)
        return false;
    memcpy(out->method, line, n);
    out->method[n] = '\0';
    const char *target = space + 1, *end = line + len;
    const char *stop = memchr(target, ' ', (size_t)(end - target));
    if (!stop || (size_t)(end - stop) != 9 || memcmp(stop, " HTTP/1.", 8) != 0 ||
        (stop[8] != '0' && stop[8] != '1'))
        return false;
    const char *query = memchr(target, '?', (size_t)(stop - target));
    size_t path = (size_t)((query ? query : stop) - target);
    if (path == 0 || target[0] != '/')
        return false;
    if (path >= sizeof out->path)
        path = 1; /* no such path anyway: answered like "/" */
    memcpy(out->path, target, path);
    out->path[path] = '\0';
    out->query = query ? query + 1 : stop;
    out->query_len = (size_t)(stop - out->query);
    return true;
}

int wire_parse_request(const char *data, size_t len, struct wire_request *out) {
    memset(out, 0, sizeof *out);
    const char *blank = find(data, len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX, "\r\n\r\n");
    if (!blank)
        return len >= WIRE_HEAD_MAX ? 431 : 0;
    const char *line = find(data, (size_t)(blank - data) + 2, "\r\n");
    for (const char *p = data; p < blank; p++)
        if ((unsigned char)*p < ' ' && *p != '\r' && *p != '\n' && *p != '\t')
            return 400;
    if (!request_line(data, (size_t)(line - data), out))
        return 400;
    size_t value_len = 0, wanted = 0;
    unsigned count;
    if (header(line + 2, blank, "transfer-encoding", &value_len, &count))
        return 501;
    const char *value = header(line + 2, blank, "content-length", &value_len, &count);
    if (value && (count != 1 || !decimal(value, value_len, 1000000, &wanted)))
        return 400;
    if (wanted > WIRE_BODY_MAX)
        return 413;
    out->body = blank + 4;
    out->body_len = wanted;
    return len - (size_t)(out->body - data) >= wanted ? 1 : 0;
}

bool wire_query(const struct wire_request *request, const char *name, char *out, size_t size) {
    size_t named = strlen(name);
    const char *at = request->query, *end = at + request->query_len;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop)
            stop = end;
        if ((size_t)(stop - at) > named && at[named] == '=' && memcmp(at, name, named) == 0) {
            size_t n = (size_t)(stop - at) - named - 1;
            if (n >= size)
                return false;
            memcpy(out, at + named + 1, n);
            out[n] = '\0';
            return true;
        }
        at = stop + 1;
    }
    return false;
}

bool wire_parse_url(const char *text, struct wire_url *out) {
    memset(out, 0, sizeof *out);
    if (strncmp(text, "https://", 8) == 0) {
        out->tls = true;
        text += 8;
    } else if (strncmp(text, "http://", 7) == 0) {
        text += 7;
    } else {
        return false;
    }
    out->port = out->tls ? 443 : 80;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127)
            return false;
    size_t host = strcspn(text, ":/?#");
    if (host == 0 || host >= sizeof out->host || memchr(text, '@', host) || memchr(text, '[', host))
        return false;
    memcpy(out->host, text, host);
    text += host;
    if (*text == ':') {
        size_t digits = strspn(++text, "0123456789"), port;
        if (!decimal(text, digits, 65535, &port) || port == 0 || port > 65535)
            return false;
        out->port = (uint16_t)port;
        text += digits;
    }
    if (*text != '\0' && *text != '/')
        return false;
    out->path = *text ? text : "/";
    return true;
}

/* Joins the chunks in place. *complete when the last one is there. */
static size_t unchunk(char *data, size_t len, bool *complete) {
    size_t at = 0, kept = 0;
    *complete = false;
    for (;;) {
        const char *stop = find(data + at, len - at, "\r\n");
        size_t size = 0, digits = 0;
        if (!stop)
            return kept;
        for (const char *p = data + at; p < stop; p++, digits++) {
            int v = wire_hex(*p);
            if (v < 0)
                break;
            size = size > len ? size
                              : size * 16 + (size_t)v; /* longer than all there is: as good as endless */
        }
        if (digits == 0)
            return kept;
        at = (size_t)(stop - data) + 2;
        if (size == 0) {
            *complete = true;
            return kept;
        }
        if (size > len - at)
            size = len - at;
        memmove(data + kept, data + at, size);
        kept += size;
        at += size;
        if (len - at < 2)
            return kept;
        at += 2;
    }
}

int wire_edge_code(int status, const char *body, size_t len) {
    static const char words[] = "rror code";
    while (len > 0 && (*body == ' ' || *body == '\t' || *body == '\r' || *body == '\n'))
        body++, len--;
    if (status != 403 || len == 0 || *body == '{' || *body == '[')
        return 0;
    const char *end = body + len, *at = find(body, len, words);
    if (!at)
        return 0;
    at += sizeof words - 1;
    while (at < end && (*at == ':' || *at == ' '))
        at++;
    int code = 0;
    for (int i = 0; i < 4; i++, at++) {
        if (at == end || *at < '0' || *at > '9')
            return 0;
        code = code * 10 + (*at - '0');
    }
    return code >= 1000 && code < 1100 && (at == end || *at < '0' || *at > '9') ? code : 0;
}

/* The status in an answer's first line, 0 when it is none. */
static int status_of(const char *data, size_t len) {
    int status = 0;
    if (len < 13 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ')
        return 0;
    for (int i = 9; i < 12; i++) {
        if (data[i] < '0' || data[i] > '9')
            return 0;
        status = status * 10 + (data[i] - '0');
    }
    return status;
}

bool wire_parse_answer(char *data, size_t len, bool final, int *status, char **body, size_t *body_len,
                       bool *complete) {
    const char *blank;
    *complete = false;
    for (;;) {
        *status = status_of(data, len);
        blank = find(data, len, "\r\n\r\n");
        if (!blank || *status == 0)
            return false;
        if (*status >= 200)
            break;
        size_t interim = (size_t)(blank - data) + 4;
        data += interim;
        len -= interim;
    }
    const char *line = find(data, (size_t)(blank - data) + 2, "\r\n") + 2;
    size_t value_len = 0, wanted = 0, head = (size_t)(blank - data) + 4;
    unsigned count;
    *body = data + head;
    *body_len = len - head;
    const char *coding = header(line, blank, "transfer-encoding", &value_len, &count);
    if (coding && value_len == 7 && strncasecmp(coding, "chunked", 7) == 0) {
        if (final)
            *body_len = unchunk(*body, *body_len, complete);
        return true;
    }
    const char *value = header(line, blank, "content-length", &value_len, &count);
    if (value && decimal(value, value_len, 100000000, &wanted) && wanted <= *body_len) {
        *body_len = wanted;
        *complete = true;
    }
    if (*status == 204 || *status == 304)
        *complete = true;
    return true;
}
