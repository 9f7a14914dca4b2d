/* SPDX-License-Identifier: MIT */
#include "http_transfer.h"

enum { HEAD_MOST = 65536 }; /* bytes of all header lines of one answer */

static bool append(struct http_buffer *b, const char *data, size_t length) {
    if (length > b->room - b->length) {
        size_t room = b->room ? b->room : 4096;
        while (room - b->length < length) {
            if (room > SIZE_MAX / 2)
                return false;
            room *= 2;
        }
        char *grown = realloc(b->data, room);
        if (!grown)
            return false;
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->length, data, length);
    b->length += length;
    return true;
}

void http_stop(struct http_transfer *t, const char *code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->reason, sizeof t->reason, fmt, args);
    va_end(args);
    t->code = code;
}

/* False when `length` more bytes are too many. */
static bool counted(struct http_transfer *t, const char *part, size_t *total, size_t most, size_t length) {
    t->active = loop_now();
    if (length > most - *total)
        http_stop(t, "toolarge", "the answer's %s is larger than %zu bytes", part, most);
    else
        *total += length;
    return !t->code;
}

/* libcurl keeps the lines, see push_headers. */
static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct http_transfer *t = arg;
    (void)line;
    return counted(t, "header", &t->head_total, HEAD_MOST, size * count) ? size * count : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct http_transfer *t = arg;
    if (!counted(t, "body", &t->body_total, t->body_most, size * count))
        return 0;
    if (append(&t->body, data, size * count))
        return size * count;
    http_stop(t, "full", "no memory for the answer");
    return 0;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up) {
    struct http_transfer *t = arg;
    (void)down_total, (void)up_total;
    if (down + up != t->moved) {
        t->moved = down + up;
        t->active = loop_now();
    }
    return 0;
}

/* libcurl calls this when the connection, TLS included, stands and before it sends the request. */
static int on_connection(void *arg, char *ip, char *local_ip, int port, int local_port) {
    struct http_transfer *t = arg;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    t->ready = true;
    t->active = loop_now();
    return CURL_PREREQFUNC_OK;
}

bool http_answer_prepare(struct http_transfer *t) {
    return HTTP_SET(t, CURLOPT_HEADERFUNCTION, on_header) && HTTP_SET(t, CURLOPT_HEADERDATA, t) &&
           HTTP_SET(t, CURLOPT_WRITEFUNCTION, on_body) && HTTP_SET(t, CURLOPT_WRITEDATA, t) &&
           HTTP_SET(t, CURLOPT_PREREQFUNCTION, on_connection) && HTTP_SET(t, CURLOPT_PREREQDATA, t) &&
           HTTP_SET(t, CURLOPT_XFERINFOFUNCTION, on_progress) && HTTP_SET(t, CURLOPT_XFERINFODATA, t) &&
           HTTP_SET(t, CURLOPT_NOPROGRESS, 0L) && HTTP_SET(t, CURLOPT_ERRORBUFFER, t->error);
}

/* Pushes a table of lowercase names; repeated ones are joined. */
static void push_headers(lua_State *L, struct http_transfer *t) {
    struct curl_header *header = NULL;
    lua_newtable(L);
    while ((header = t->curl->curl_easy_nextheader(t->easy, CURLH_HEADER | CURLH_TRAILER, -1, header))) {
        size_t length = strlen(header->value);
        while (length && (unsigned char)header->value[length - 1] <= ' ') /* the end of an empty line */
            length--;
        luaL_Buffer name;
        luaL_buffinit(L, &name);
        for (const char *at = header->name; *at; at++)
            luaL_addchar(&name, (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at));
        luaL_pushresult(&name);
        lua_pushvalue(L, -1);
        bool again = lua_rawget(L, -3) == LUA_TSTRING;
        lua_pushfstring(L, again ? "%s, " : "", lua_tostring(L, -1));
        lua_pushlstring(L, header->value, length);
        luaL_gsub(L, lua_tostring(L, -1), "\t", " "); /* a line that went on */
        lua_replace(L, -2);
        lua_concat(L, 2);
        lua_replace(L, -2);
        lua_rawset(L, -3);
    }
}

static void set_status(lua_State *L, struct http_transfer *t) {
    long status = 0;
    t->curl->curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    host_set_integer(L, "status", status);
}

static void set_taken(lua_State *L, struct http_transfer *t, const char *field) {
    lua_pushlstring(L, t->body.length ? t->body.data : "", t->body.length);
    t->body.length = 0;
    lua_setfield(L, -2, field);
}

void http_answer_piece(lua_State *L, struct http_transfer *t) {
    set_status(L, t);
    set_taken(L, t, "data");
}

void http_answer_done(lua_State *L, struct http_transfer *t) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "done");
    set_status(L, t);
    push_headers(L, t);
    lua_setfield(L, -2, "headers");
    if (!t->stream)
        set_taken(L, t, "body");
}

static const struct {
    CURLcode rc;
    const char *code;
} codes[] = {{CURLE_OPERATION_TIMEDOUT, "timeout"},
             {CURLE_COULDNT_RESOLVE_HOST, "resolve"},
             {CURLE_COULDNT_RESOLVE_PROXY, "resolve"},
             {CURLE_COULDNT_CONNECT, "connect"},
             {CURLE_PROXY, "connect"},
             {CURLE_PEER_FAILED_VERIFICATION, "tls"},
             {CURLE_SSL_CONNECT_ERROR, "tls"},
             {CURLE_SSL_CACERT_BADFILE, "tls"},
             {CURLE_SSL_CERTPROBLEM, "tls"},
             {CURLE_SSL_CIPHER, "tls"},
             {CURLE_SSL_ISSUER_ERROR, "tls"},
             {CURLE_SSL_INVALIDCERTSTATUS, "tls"},
             {CURLE_SSL_ENGINE_INITFAILED, "tls"},
             {CURLE_SSL_SHUTDOWN_FAILED, "tls"},
             {CURLE_SEND_ERROR, "reset"},
             {CURLE_RECV_ERROR, "reset"},
             {CURLE_GOT_NOTHING, "closed"},
             {CURLE_PARTIAL_FILE, "closed"}};

static const char *code_of(CURLcode rc, bool ready) {
    if (!ready && (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR ||
                   rc == CURLE_GOT_NOTHING)) /* the proxy's refusal */
        return "connect";
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].rc == rc)
            return codes[i].code;
    return "io";
}

void http_answer_failed(lua_State *L, struct http_transfer *t, CURLcode rc) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "done");
    lua_pushfstring(L, "%s %s: ", t->method, t->shown);
    lua_pushstring(L, t->code ? t->reason : t->error[0] ? t->error : t->curl->curl_easy_strerror(rc));
    lua_concat(L, 2);
    lua_setfield(L, -2, "error");
    host_set_string(L, "code", t->code ? t->code : code_of(rc, t->ready));
    lua_pushboolean(L, t->ready);
    lua_setfield(L, -2, "sent");
}
