/* SPDX-License-Identifier: MIT */
#include "http_transfer.h"

#include <dlfcn.h>

enum { OLDEST = 0x075500 }; /* 7.85.0 has CURLOPT_PROTOCOLS_STR */

static const char *const names[] = {
#ifdef __APPLE__
    "libcurl.4.dylib",
    "/usr/lib/libcurl.4.dylib",
    "/opt/homebrew/opt/curl/lib/libcurl.4.dylib",
    "/usr/local/opt/curl/lib/libcurl.4.dylib",
#else
    "libcurl.so.4",
    "libcurl-gnutls.so.4",
#endif
};

#define WAY_OUT \
    "install it: libcurl4 (Debian, Ubuntu: apt install libcurl4), curl (Homebrew: brew install curl)"

static char reason[512];

static bool find_all(struct http_curl *curl, void *library) {
    const struct {
        const char *name;
        void *place;
    } wanted[] = {
#define ROW(name) {#name, &curl->name},
        HTTP_CURL_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *(void **)wanted[i].place = dlsym(library, wanted[i].name);
        if (!*(void **)wanted[i].place) {
            snprintf(reason, sizeof reason, "libcurl has no %s: at least 7.85 is needed; " WAY_OUT,
                     wanted[i].name);
            return false;
        }
    }
    return true;
}

static bool usable(const struct http_curl *curl) {
    if (curl->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(reason, sizeof reason, "libcurl cannot be started");
        return false;
    }
    const curl_version_info_data *info = curl->curl_version_info(CURLVERSION_NOW);
    if (info->version_num < OLDEST) {
        snprintf(reason, sizeof reason, "libcurl %s is too old: at least 7.85 is needed; " WAY_OUT,
                 info->version);
        return false;
    }
    if (!(info->features & CURL_VERSION_SSL) || !(info->features & CURL_VERSION_ASYNCHDNS)) {
        snprintf(reason, sizeof reason, "libcurl %s has no TLS or no resolver that does not block; " WAY_OUT,
                 info->version);
        return false;
    }
    return true;
}

static bool load(struct http_curl *curl) {
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(reason, sizeof reason, "libcurl cannot be loaded; " WAY_OUT " (%s)", dlerror());
        return false;
    }
    return find_all(curl, library) &&
           usable(curl); /* never unloaded: its TLS library has exit handlers and threads */
}

const struct http_curl *http_curl_load(const char **why) {
    static struct http_curl curl;
    static enum { UNTRIED, LOADED, FAILED } state;
    if (state == UNTRIED)
        state = load(&curl) ? LOADED : FAILED;
    *why = reason;
    return state == LOADED ? &curl : NULL;
}
