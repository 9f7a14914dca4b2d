/* SPDX-License-Identifier: MIT */
#include "http_transfer.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <sodium.h>
#include <strings.h>

#define CONNECT_TIMEOUT 30 /* seconds, when the caller says nothing */
#define LONGEST 1e6        /* seconds that any limit may have */

static bool is_token(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] == 127 || strchr("()<>@,;:\\\"/[]?={}", text[i]))
            return false;
    return length > 0;
}

static lua_Number read_seconds(lua_State *L, const char *field, lua_Number fallback) {
    lua_Number seconds = host_opt_number(L, 1, field, fallback);
    if (seconds < 0 || seconds > LONGEST)
        luaL_error(L, "field '%s': seconds from 0 to 1000000 expected", field);
    return seconds;
}

/* Raises unless every header is "Name: value" on one line; values may be secret, so only the number is
 * told. */
static int read_headers(lua_State *L) {
    int type = lua_getfield(L, 1, "headers"), count = 0;
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "field 'headers': table expected");
    if (type == LUA_TTABLE)
        count = (int)lua_rawlen(L, -1);
    for (int i = 1; i <= count; i++) {
        size_t length;
        const char *line = lua_rawgeti(L, -1, i) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
        const char *colon = line ? strchr(line, ':') : NULL;
        if (!colon || !is_token(line, (size_t)(colon - line)) || strlen(line) != length ||
            strpbrk(line, "\r\n"))
            luaL_error(L, "field 'headers': number %d is not \"Name: value\"", i);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

void http_read_options(lua_State *L, struct http_options *o) {
    luaL_checktype(L, 1, LUA_TTABLE);
    memset(o, 0, sizeof *o);
    o->method = host_opt_string(L, 1, "method", "GET");
    o->url = host_opt_string(L, 1, "url", NULL);
    o->unix_path = host_opt_string(L, 1, "unix", NULL);
    o->ca_file = host_opt_string(L, 1, "ca_file", NULL);
    o->ca_dir = host_opt_string(L, 1, "ca_dir", NULL);
    o->ca_pem = host_opt_string(L, 1, "ca_pem", NULL);
    o->client_pem = host_opt_string(L, 1, "client_pem", NULL);
    o->client_key = host_opt_string(L, 1, "client_key", NULL);
    o->proxy = host_opt_string(L, 1, "proxy", NULL);
    o->no_proxy = host_opt_string(L, 1, "no_proxy", NULL);
    o->timeout = read_seconds(L, "timeout", -1);
    o->connect_timeout = read_seconds(L, "connect_timeout", CONNECT_TIMEOUT);
    o->idle_timeout = read_seconds(L, "idle_timeout", 0);
    o->max_bytes = host_opt_number(L, 1, "max_bytes", -1);
    o->stream = host_opt_bool(L, 1, "stream", false);
    o->fresh = host_opt_bool(L, 1, "fresh", false);
    o->compressed = host_opt_bool(L, 1, "compressed", false);
    o->headers = read_headers(L);
    if (lua_getfield(L, 1, "body") != LUA_TNIL)
        o->body = host_need_string(L, 1, "body", &o->body_length);
    lua_pop(L, 1);
    if (!o->url)
        luaL_error(L, "field 'url' is missing");
    if (!o->client_pem != !o->client_key)
        luaL_error(L, "fields 'client_pem' and 'client_key' go together");
    if (!is_token(o->method, strlen(o->method)) ||
        strlen(o->method) >= sizeof((struct http_transfer *)0)->method)
        luaL_error(L, "field 'method': not a method");
    if (o->body && strcmp(o->method, "HEAD") == 0)
        luaL_error(L, "a HEAD request has no body");
    if (o->timeout == 0 && o->idle_timeout == 0)
        luaL_error(L, "field 'timeout': 0 needs an idle_timeout");
    if (o->max_bytes < 0 || o->max_bytes > 9e15 || o->max_bytes != floor(o->max_bytes))
        luaL_error(L, "field 'max_bytes': a number of bytes is required");
}

/* Loopback and the inside of the tunnel: what plain http may reach, and no proxy must. `host` is what libcurl
 * will connect to. */
static bool is_local(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    char inner[64];
    size_t length = strlen(host);
    if (strcmp(host, "localhost") == 0) /* libcurl itself resolves it to loopback */
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127 || ntohl(v4.s_addr) >> 8 == (10u << 16 | 13u << 8 | 37u);
    if (length < 3 || length >= sizeof inner || host[0] != '[' || host[length - 1] != ']')
        return false;
    memcpy(inner, host + 1, length - 2);
    inner[length - 2] = '\0';
    return inet_pton(AF_INET6, inner, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static char *url_part(struct http_transfer *t, CURLUPart part) {
    char *text = NULL;
    return t->curl->curl_url_get(t->url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/* Neither a query, nor what may be a password, nor a control character gets into the sentence. */
static void complain_url(const struct http_transfer *t, const char *url, const char *reason, char *why) {
    char shown[200];
    size_t length = strcspn(url, "?#");
    length = length < sizeof shown ? length : sizeof shown - 1;
    for (size_t i = 0; i < length; i++)
        shown[i] = (char)((unsigned char)url[i] < ' ' || url[i] == 127 ? '?' : url[i]);
    shown[length] = '\0';
    snprintf(why, 512, "%s \"%s\": not a usable URL: %s", t->method, strchr(url, '@') ? "..." : shown,
             reason);
}

/* Parses the URL with libcurl's parser, which the transfer then uses as well. */
static bool parse_url(struct http_transfer *t, const struct http_options *o, const char **code, char *why) {
    t->url = t->curl->curl_url();
    CURLUcode rc = t->url ? t->curl->curl_url_set(t->url, CURLUPART_URL, o->url, CURLU_DISALLOW_USER)
                          : CURLUE_OUT_OF_MEMORY;
    char *text = rc == CURLUE_OK ? url_part(t, CURLUPART_URL) : NULL;
    if (text) {
        text[strcspn(text, "?#")] = '\0';
        t->shown = strdup(text);
        t->curl->curl_free(text);
    }
    if (t->shown)
        return true;
    *code = "url";
    complain_url(t, o->url, t->curl->curl_url_strerror(rc), why);
    return false;
}

/* Decides whether the URL may be fetched at all, and whether through a proxy. */
static bool admit(struct http_transfer *t, const struct http_options *o, const char **code, char *why) {
    char *scheme = url_part(t, CURLUPART_SCHEME), *host = url_part(t, CURLUPART_HOST);
    bool local = o->unix_path || (host && is_local(host));
    bool https = scheme && strcmp(scheme, "https") == 0;
    bool good = https || (local && scheme && strcmp(scheme, "http") == 0);
    t->curl->curl_free(scheme);
    t->curl->curl_free(host);
    if (!good) {
        *code = "insecure";
        snprintf(why, 512, "%s %.300s: only https is allowed beyond this machine and its tunnel", t->method,
                 t->shown);
        return false;
    }
    if (local)
        return HTTP_SET(t, CURLOPT_PROXY, "") && HTTP_SET(t, CURLOPT_NOPROXY, "*");
    return (!o->proxy || HTTP_SET(t, CURLOPT_PROXY, o->proxy)) &&
           (!o->no_proxy || HTTP_SET(t, CURLOPT_NOPROXY, o->no_proxy));
}

static long milliseconds(lua_Number seconds) {
    return (long)ceil(seconds * 1000);
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose) {
    (void)arg, (void)purpose;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

static bool set_limits(struct http_transfer *t, const struct http_options *o) {
    t->body_most = (size_t)o->max_bytes;
    t->idle = (uint64_t)(o->idle_timeout * 1e9);
    return HTTP_SET(t, CURLOPT_TIMEOUT_MS, milliseconds(o->timeout)) &&
           HTTP_SET(t, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(o->connect_timeout));
}

/* A text that libcurl copies. */
static bool set_text(struct http_transfer *t, CURLoption option, const char *text) {
    struct curl_blob blob = {(void *)text, strlen(text), CURL_BLOB_COPY};
    return HTTP_SET(t, option, &blob);
}

static bool set_security(struct http_transfer *t, const struct http_options *o) {
    bool ok = HTTP_SET(t, CURLOPT_PROTOCOLS_STR, "http,https") && HTTP_SET(t, CURLOPT_FOLLOWLOCATION, 0L) &&
              HTTP_SET(t, CURLOPT_SSL_VERIFYPEER, 1L) && HTTP_SET(t, CURLOPT_SSL_VERIFYHOST, 2L) &&
              HTTP_SET(t, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ok && o->ca_file) /* only this one, not the system's directory beside it */
        ok = HTTP_SET(t, CURLOPT_CAINFO, o->ca_file) && HTTP_SET(t, CURLOPT_CAPATH, NULL);
    if (ok && o->ca_dir)
        ok = HTTP_SET(t, CURLOPT_CAPATH, o->ca_dir);
    if (ok && o->ca_pem)
        ok = set_text(t, CURLOPT_CAINFO_BLOB, o->ca_pem) && HTTP_SET(t, CURLOPT_CAPATH, NULL);
    if (ok && o->client_pem)
        ok = set_text(t, CURLOPT_SSLCERT_BLOB, o->client_pem) &&
             set_text(t, CURLOPT_SSLKEY_BLOB, o->client_key);
    return ok;
}

static bool set_manners(struct http_transfer *t, const struct http_options *o) {
    bool fresh = o->fresh ||
                 t->via.directory >= 0; /* a path through a descriptor may mean something else later */
    return HTTP_SET(t, CURLOPT_NOSIGNAL, 1L) && HTTP_SET(t, CURLOPT_TCP_KEEPALIVE, 1L) &&
           HTTP_SET(t, CURLOPT_SOCKOPTFUNCTION, on_socket)
           /* HTTP/2 would share connections and resend refused streams on its own */
           && HTTP_SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           HTTP_SET(t, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           HTTP_SET(t, CURLOPT_FRESH_CONNECT, (long)fresh) &&
           HTTP_SET(t, CURLOPT_FORBID_REUSE, (long)fresh) &&
           (!o->compressed || HTTP_SET(t, CURLOPT_ACCEPT_ENCODING, ""))
#if LIBCURL_VERSION_NUM >= 0x075700
           /* ending a request must not wait for a resolver thread; an older library does not know the
            * option */
           && (HTTP_SET(t, CURLOPT_QUICK_EXIT, 1L) || true)
#endif
           && (!o->unix_path || HTTP_SET(t, CURLOPT_UNIX_SOCKET_PATH, t->via.address.sun_path));
}

static bool set_request(struct http_transfer *t, const struct http_options *o) {
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    bool body = o->body != NULL;
    if (strcmp(o->method, "HEAD") == 0)
        return HTTP_SET(t, CURLOPT_NOBODY, 1L);
    for (size_t i = 0; i < sizeof with_body / sizeof *with_body; i++)
        body = body || strcmp(o->method, with_body[i]) == 0;
    if (body) {
        t->upload.data = malloc(o->body_length + 1);
        if (!t->upload.data)
            return false;
        t->upload.length = o->body_length;
        if (o->body_length)
            memcpy(t->upload.data, o->body, o->body_length);
        t->upload.data[o->body_length] = '\0';
        if (!HTTP_SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body_length) ||
            !HTTP_SET(t, CURLOPT_POSTFIELDS, t->upload.data))
            return false;
    }
    return HTTP_SET(t, CURLOPT_CUSTOMREQUEST, t->method);
}

static bool add_header(struct http_transfer *t, const char *line) {
    struct curl_slist *list = t->curl->curl_slist_append(t->headers, line);
    if (list)
        t->headers = list;
    return list != NULL;
}

static bool set_headers(lua_State *L, struct http_transfer *t, const struct http_options *o) {
    /* a name without a value takes back what libcurl would add; the caller's own lines come later */
    bool ok = add_header(t, "Expect:"), typed = false;
    lua_getfield(L, 1, "headers");
    for (int i = 1; ok && i <= o->headers; i++) {
        lua_rawgeti(L, -1, i);
        const char *line = lua_tostring(L, -1), *colon = strchr(line, ':');
        typed = typed || strncasecmp(line, "content-type:", 13) == 0;
        if (colon[1 + strspn(colon + 1, " \t")]) {
            ok = add_header(t, line);
        } else { /* libcurl's way to say an empty value */
            char *empty = strndup(line, (size_t)(colon - line) + 1);
            if (empty)
                empty[colon - line] = ';';
            ok = empty && add_header(t, empty);
            free(empty);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    ok = ok && (typed || add_header(t, "Content-Type:"));
    return ok && HTTP_SET(t, CURLOPT_HTTPHEADER, t->headers);
}

static bool set_unix(struct http_transfer *t, const struct http_options *o, const char **code, char *why) {
    int err = o->unix_path ? net_unix_address(&t->via, o->unix_path) : 0;
    if (err) {
        *code = "connect";
        snprintf(why, 512, "connect to %.300s: %s", o->unix_path, strerror(err));
    }
    return !err;
}

struct http_transfer *http_transfer_new(lua_State *L, const struct http_curl *curl,
                                        const struct http_options *o, const char **code, char why[512]) {
    struct http_transfer *t = calloc(1, sizeof *t);

    *code = "io";
    snprintf(why, 512, "%s: libcurl cannot set up the request", o->method);
    if (!t)
        return NULL;
    t->curl = curl;
    t->via.directory = -1;
    t->stream = o->stream;
    t->active = loop_now();
    memcpy(t->method, o->method, strlen(o->method) + 1);
    t->easy = curl->curl_easy_init();
    if (t->easy && parse_url(t, o, code, why) && set_unix(t, o, code, why) && admit(t, o, code, why) &&
        set_limits(t, o) && set_security(t, o) && set_manners(t, o) && set_request(t, o) &&
        set_headers(L, t, o) && http_answer_prepare(t) && HTTP_SET(t, CURLOPT_CURLU, t->url) &&
        HTTP_SET(t, CURLOPT_PRIVATE, t))
        return t;
    http_transfer_free(t);
    return NULL;
}

void http_transfer_free(struct http_transfer *t) {
    if (t->easy)
        t->curl->curl_easy_cleanup(t->easy);
    for (struct curl_slist *line = t->headers; line; line = line->next)
        sodium_memzero(line->data, strlen(line->data));
    t->curl->curl_slist_free_all(t->headers);
    if (t->upload.data)
        sodium_memzero(t->upload.data, t->upload.length);
    free(t->upload.data);
    t->curl->curl_url_cleanup(t->url);
    net_unix_release(&t->via);
    loop_timer_free(t->idle_timer);
    free(t->body.data);
    free(t->shown);
    free(t);
}
