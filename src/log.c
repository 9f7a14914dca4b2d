/* SPDX-License-Identifier: MIT */
/* The log file, one line per record, and the secrets that no text may show. */
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "host.h"

#define LOG_NAME "continueplz.log"

enum { SHORTEST_SECRET = 6, DATE_LEN = 10 };

struct secret {
    size_t len;
    struct secret *next; /* longest first: a secret may hold another */
    char text[];
};

static struct {
    struct secret *secrets;
    char path[PATH_MAX - 32];
    int fd;
} journal = {.fd = -1};

void log_hide(const char *secret, size_t len) {
    if (len < SHORTEST_SECRET)
        return;
    struct secret **link = &journal.secrets;
    for (; *link && (*link)->len >= len; link = &(*link)->next)
        if ((*link)->len == len && memcmp((*link)->text, secret, len) == 0)
            return;
    struct secret *added = malloc(sizeof *added + len);
    if (!added)
        abort(); /* going on would show it */
    added->len = len;
    added->next = *link;
    memcpy(added->text, secret, len);
    *link = added;
}

/* The longest secret that `text` begins with. */
static const struct secret *secret_at(const char *text, size_t len) {
    for (const struct secret *secret = journal.secrets; secret; secret = secret->next)
        if (secret->len <= len && secret->text[0] == text[0] && memcmp(secret->text, text, secret->len) == 0)
            return secret;
    return NULL;
}

void log_push_redacted(lua_State *L, const char *text, size_t len) {
    luaL_Buffer out;
    size_t from = 0;
    luaL_buffinit(L, &out);
    for (size_t i = 0; i < len;) {
        const struct secret *secret = secret_at(text + i, len - i);
        if (!secret) {
            i++;
            continue;
        }
        luaL_addlstring(&out, text + from, i - from);
        luaL_addstring(&out, "[hidden]");
        from = i += secret->len;
    }
    luaL_addlstring(&out, text + from, len - from);
    luaL_pushresult(&out);
}

/* Returns 0 or errno. */
static int open_file(void) {
    if (journal.fd >= 0)
        close(journal.fd);
    journal.fd = open(journal.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return journal.fd < 0 ? errno : 0;
}

/* The file at journal.path is the open one. */
static bool still_there(void) {
    struct stat open_info, named;
    return fstat(journal.fd, &open_info) == 0 && stat(journal.path, &named) == 0 &&
           open_info.st_ino == named.st_ino && open_info.st_dev == named.st_dev;
}

/* Follows a rotation by another process, and rotates when the last record is of an earlier day than `today`.
 * Returns 0 or errno. */
static int follow_day(const char *today, bool *rotated) {
    int err = still_there() ? 0 : open_file();
    struct stat info;
    struct tm utc;
    char day[DATE_LEN + 1], path[PATH_MAX];
    if (err || fstat(journal.fd, &info) != 0 || info.st_size == 0)
        return err;
    gmtime_r(&info.st_mtime, &utc);
    strftime(day, sizeof day, "%Y-%m-%d", &utc);
    if (strncmp(day, today, DATE_LEN) >= 0)
        return 0;
    flock(journal.fd, LOCK_EX); /* held by others only for this moment */
    snprintf(path, sizeof path, "%s.%s", journal.path, day);
    if (still_there() && rename(journal.path, path) != 0)
        err = errno;
    flock(journal.fd, LOCK_UN);
    *rotated = !err;
    return err ? err : open_file();
}

/* write(line) → true, or "rotated" when a new file was begun for the day that the line begins with. */
static int log_write(lua_State *L) {
    size_t len;
    const char *line = luaL_checklstring(L, 1, &len);
    bool rotated = false;
    luaL_argcheck(L, len > DATE_LEN, 1, "a line that begins with its day expected");
    int err = journal.fd >= 0 ? follow_day(line, &rotated) : 0;
    ssize_t took = (ssize_t)len;
    if (!err && journal.fd >= 0)
        do
            took = write(journal.fd, line, len); /* one call: lines of several processes do not mix */
        while (took < 0 && errno == EINTR);
    if (!err && took < (ssize_t)len)
        err = took < 0 ? errno : ENOSPC;
    if (err || !rotated)
        return host_done(L, err, journal.path);
    lua_pushstring(L, "rotated");
    return 1;
}

static int log_open(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    if (strlen(path) >= sizeof journal.path)
        return host_fail_errno(L, ENAMETOOLONG, path);
    strcpy(journal.path, path);
    return host_done(L, open_file(), journal.path);
}

static int log_hide_secret(lua_State *L) {
    size_t len;
    const char *secret = luaL_checklstring(L, 1, &len);
    log_hide(secret, len);
    return 0;
}

static int log_redact(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    log_push_redacted(L, text, len);
    return 1;
}

void log_forget(void) {
    while (journal.secrets) {
        struct secret *secret = journal.secrets;
        journal.secrets = secret->next;
        sodium_memzero(secret->text, secret->len);
        free(secret);
    }
}

static const luaL_Reg functions[] = {
    {"hide", log_hide_secret}, {"open", log_open}, {"redact", log_redact}, {"write", log_write}, {NULL, NULL},
};

int luaopen_host_log(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
