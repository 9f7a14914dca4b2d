/* SPDX-License-Identifier: MIT */
/* libcurl, loaded when the first request is made: linking it would cost every start of the program several
 * milliseconds. */
#pragma once

#include <curl/curl.h>

/* Calls go through the members of a table, not through the type-checking macros of curl/curl.h. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* The functions of libcurl that we use: X(name). */
#define HTTP_CURL_FUNCTIONS(X)  \
    X(curl_global_init)         \
    X(curl_version_info)        \
    X(curl_easy_init)           \
    X(curl_easy_setopt)         \
    X(curl_easy_getinfo)        \
    X(curl_easy_nextheader) \
    X(curl_easy_strerror)       \
    X(curl_easy_cleanup)        \
    X(curl_multi_init)          \
    X(curl_multi_setopt)        \
    X(curl_multi_assign)        \
    X(curl_multi_add_handle)    \
    X(curl_multi_remove_handle) \
    X(curl_multi_socket_action) \
    X(curl_multi_info_read)     \
    X(curl_multi_strerror)      \
    X(curl_multi_cleanup)       \
    X(curl_slist_append)        \
    X(curl_slist_free_all)      \
    X(curl_url)                 \
    X(curl_url_set)             \
    X(curl_url_get)             \
    X(curl_url_strerror)        \
    X(curl_url_cleanup)         \
    X(curl_free)

#define HTTP_CURL_POINTER(name) __typeof__(name) *name;
struct http_curl {
    HTTP_CURL_FUNCTIONS(HTTP_CURL_POINTER)
};
#undef HTTP_CURL_POINTER

/* The table, loading the library at the first call. NULL when no libcurl is usable, with *why a sentence that
 * stays valid. */
const struct http_curl *http_curl_load(const char **why);
