/* SPDX-License-Identifier: MIT */
/* One HTTP exchange of host.http: how it is set up (http_transfer.c) and what comes back (http_answer.c). */
#pragma once

#include <curl/curl.h>

#include "net.h"

/* libcurl is loaded when the first request is made: linking it would cost every start of the program several
 * milliseconds. */
/* Calls go through the members of a table, not through the type-checking macros of curl/curl.h. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* The functions of libcurl that we use: X(name). */
#define HTTP_CURL_FUNCTIONS(X) \
    X(curl_global_init) X(curl_version_info) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_getinfo) \
    X(curl_easy_nextheader) X(curl_easy_strerror) X(curl_easy_cleanup) X(curl_multi_init) \
    X(curl_multi_setopt) X(curl_multi_assign) X(curl_multi_add_handle) X(curl_multi_remove_handle) \
    X(curl_multi_socket_action) X(curl_multi_info_read) X(curl_multi_strerror) X(curl_multi_cleanup) \
    X(curl_slist_append) X(curl_slist_free_all) X(curl_url) X(curl_url_set) X(curl_url_get) \
    X(curl_url_strerror) X(curl_url_cleanup) X(curl_free)

#define HTTP_CURL_POINTER(name) __typeof__(name) *name;
struct http_curl {
    HTTP_CURL_FUNCTIONS(HTTP_CURL_POINTER)
};
#undef HTTP_CURL_POINTER

/* The table, loading the library at the first call. NULL when no libcurl is usable, with *why a sentence that
 * stays valid. */
const struct http_curl *http_curl_load(const char **why);

/* What http.start was asked for. The strings belong to the Lua table. Times in seconds, 0: no limit. */
struct http_options {
    const char *method, *url, *body, *unix_path, *ca_file, *ca_dir, *proxy, *no_proxy;
    const char *ca_pem, *client_pem, *client_key; /* certificates and a key as texts */
    size_t body_length;
    lua_Number timeout, connect_timeout, idle_timeout, max_bytes;
    bool stream, fresh, compressed;
    int headers; /* how many strings are in the table's field "headers" */
};

struct http_buffer {
    char *data;
    size_t length, room;
};

struct http_transfer {
    const struct http_curl *curl;
    struct http_transfer *next;
    lua_Integer id;
    CURL *easy;
    CURLU *url;
    struct curl_slist *headers;
    struct net_unix via;
    char method[16];
    char *shown; /* the URL without its query */
    struct http_buffer upload;
    struct http_buffer body; /* received; with `stream`, body holds what Lua has not seen */
    size_t head_total, body_total, body_most;
    struct loop_timer *idle_timer;
    uint64_t idle, active; /* ns: the limit; loop_now() of the last byte either way */
    curl_off_t moved;      /* bytes of the last progress report */
    const char *code;      /* why we stopped it ourselves, or NULL */
    bool stream;
    bool ready;      /* the connection stood, so that request bytes may have left */
    char reason[96]; /* with `code`: the sentence */
    char error[CURL_ERROR_SIZE];
};

/* Reads and checks the table at index 1; raises on misuse. */
void http_read_options(lua_State *L, struct http_options *out);
/* A transfer for the options, whose headers are read from the table at index 1; does not raise. NULL with
 * *code and `why` set. */
struct http_transfer *http_transfer_new(lua_State *L, const struct http_curl *curl,
                                        const struct http_options *o, const char **code, char why[512]);
/* Frees it and wipes what it sent; it must not be in a multi handle any more. */
void http_transfer_free(struct http_transfer *t);

/* Notes that we end the exchange ourselves, and why. */
void http_stop(struct http_transfer *t, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the callbacks that collect the answer. */
bool http_answer_prepare(struct http_transfer *t);
/* Sets the fields of an event on the table at the top of the stack. */
void http_answer_piece(lua_State *L, struct http_transfer *t);
void http_answer_done(lua_State *L, struct http_transfer *t);
/* For a failure of libcurl, or of ours after http_stop (`rc` is ignored then). */
void http_answer_failed(lua_State *L, struct http_transfer *t, CURLcode rc);

#define HTTP_SET(t, option, value) ((t)->curl->curl_easy_setopt((t)->easy, option, value) == CURLE_OK)
