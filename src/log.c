/* SPDX-License-Identifier: MIT */
/* The log file, one line per record, and the secrets that no text may show. */
#include <dirent.h>
#include <sodium.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "host.h"

#define LOG_NAME "continueplz.log"

enum { SHORTEST_SECRET = 6, DAYS_KEPT = 7, DATE_LEN = 10, LEVELS = 4 };

struct secret {
    size_t len;
    struct secret *next; /* longest first: a secret may hold another */
    char text[];
};

static const char *const levels[LEVELS] = {"DEBUG", "INFO", "WARN", "ERROR"};

static struct {
    struct secret *secrets;
    char directory[PATH_MAX - 64], path[PATH_MAX - 32];
    int fd;
    int echo; /* index in levels from which records go to stderr */
} journal = {.fd = -1, .echo = LEVELS};

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

static void add_redacted(luaL_Buffer *out, const char *text, size_t len) {
    size_t from = 0;
    for (size_t i = 0; i < len;) {
        const struct secret *secret = secret_at(text + i, len - i);
        if (!secret) {
            i++;
            continue;
        }
        luaL_addlstring(out, text + from, i - from);
        luaL_addstring(out, "[hidden]");
        from = i += secret->len;
    }
    luaL_addlstring(out, text + from, len - from);
}

void log_push_redacted(lua_State *L, const char *text, size_t len) {
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    add_redacted(&out, text, len);
    luaL_pushresult(&out);
}

/* Adds `text` so that it stays on one line and moves no cursor; between quotes also quote and backslash are
 * escaped. */
static void add_escaped(luaL_Buffer *out, const char *text, size_t len, bool quoted) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i], next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
        char escape[8];
        if (c == '\n' || c == '\r' || c == '\t')
            snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x20 || c == 0x7f)
            snprintf(escape, sizeof escape, "\\x%02x", c);
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)((const unsigned char *)text)[++i]);
        else if (quoted && (c == '"' || c == '\\'))
            snprintf(escape, sizeof escape, "\\%c", c);
        else
            snprintf(escape, sizeof escape, "%c", c);
        luaL_addstring(out, escape);
    }
}

static bool needs_quotes(const char *value, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] <= ' ' || value[i] == '"' || value[i] == '=' || value[i] == '\x7f')
            return true;
    return len == 0;
}

/* Adds " key=value"; the field is at the top of the stack when `out` was made. */
static void add_field(luaL_Buffer *out, const char *field, size_t len) {
    const char *equals = memchr(field, '=', len);
    size_t key = equals ? (size_t)(equals - field) : len;
    luaL_addchar(out, ' ');
    add_escaped(out, field, key, false);
    luaL_addchar(out, '=');
    const char *value = equals ? equals + 1 : "";
    size_t value_len = equals ? len - key - 1 : 0;
    bool quoted = needs_quotes(value, value_len);
    if (quoted)
        luaL_addchar(out, '"');
    add_escaped(out, value, value_len, quoted);
    if (quoted)
        luaL_addchar(out, '"');
}

/* "2026-02-02T08:32:15.123Z" */
static void format_time(char out[32], const struct timespec *when) {
    struct tm utc;
    char seconds[24];
    gmtime_r(&when->tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, 32, "%s.%03dZ", seconds, (int)(when->tv_nsec / 1000000));
}

/* Returns 0 or errno. */
static int open_file(void) {
    if (journal.fd >= 0)
        close(journal.fd);
    journal.fd = open(journal.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return journal.fd < 0 ? errno : 0;
}

static int is_day_file(const struct dirent *entry) {
    return strncmp(entry->d_name, LOG_NAME ".", sizeof LOG_NAME) == 0 &&
           strlen(entry->d_name) == sizeof LOG_NAME + DATE_LEN;
}

/* Removes all but the newest day files. */
static void remove_old(void) {
    struct dirent **entries;
    int count = scandir(journal.directory, &entries, is_day_file, alphasort);
    for (int i = 0; i < count; i++) {
        char path[sizeof journal.directory + sizeof entries[i]->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", journal.directory, entries[i]->d_name);
        if (i < count - DAYS_KEPT)
            unlink(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* The file at journal.path is the open one. */
static bool still_there(void) {
    struct stat open_info, named;
    return fstat(journal.fd, &open_info) == 0 && stat(journal.path, &named) == 0 &&
           open_info.st_ino == named.st_ino && open_info.st_dev == named.st_dev;
}

/* Follows a rotation by another process, and rotates when the last record is of an earlier day than `today`.
 * Returns 0 or errno. */
static int follow_day(const char *today) {
    int err = still_there() ? 0 : open_file();
    struct stat info;
    if (err || fstat(journal.fd, &info) != 0 || info.st_size == 0)
        return err;
    char day[32], path[PATH_MAX];
    struct timespec last = {.tv_sec = info.st_mtime};
    format_time(day, &last);
    if (strncmp(day, today, DATE_LEN) >= 0)
        return 0;
    flock(journal.fd, LOCK_EX); /* held by others only for this moment */
    snprintf(path, sizeof path, "%s.%.*s", journal.path, DATE_LEN, day);
    if (still_there() && rename(journal.path, path) != 0)
        err = errno;
    flock(journal.fd, LOCK_UN);
    if (!err)
        err = open_file();
    if (!err)
        remove_old();
    return err;
}

static int write_line(const char *today, const char *line, size_t len) {
    int err = follow_day(today);
    if (err)
        return err;
    ssize_t took;
    do
        took = write(journal.fd, line, len); /* one call: lines of several processes do not mix */
    while (took < 0 && errno == EINTR);
    return took < 0 ? errno : (size_t)took < len ? ENOSPC : 0;
}

static int log_open(lua_State *L) {
    const char *directory = luaL_checkstring(L, 1);
    size_t len = strlen(directory);
    if (len >= sizeof journal.directory)
        return host_fail_errno(L, ENAMETOOLONG, directory);
    memcpy(journal.directory, directory, len + 1);
    snprintf(journal.path, sizeof journal.path, "%s/%s", directory, LOG_NAME);
    int err = open_file();
    if (err)
        return host_fail_errno(L, err, journal.path);
    return host_ok(L);
}

/* The index of a level's name, in any case; raises on another word. */
static int check_level(lua_State *L, int index) {
    const char *name = luaL_checkstring(L, index);
    for (int i = 0; i < LEVELS; i++)
        if (strcasecmp(levels[i], name) == 0)
            return i;
    return luaL_argerror(L, index, lua_pushfstring(L, "no such level: %s", name));
}

/* Pushes the line of a record: level at 1, message at 2, fields at 3. */
static void push_line(lua_State *L, int level, const char *time) {
    luaL_Buffer line;
    size_t len;
    lua_Integer fields = lua_isnoneornil(L, 3) ? 0 : luaL_len(L, 3);
    const char *text = lua_tolstring(L, 2, &len);
    log_push_redacted(L, text, len);
    for (lua_Integer i = 1; i <= fields; i++) {
        luaL_checkstack(L, 8, "too many fields");
        lua_rawgeti(L, 3, i);
        text = lua_tolstring(L, -1, &len);
        if (!text)
            luaL_argerror(L, 3, "array of strings expected");
        log_push_redacted(L, text, len);
        lua_remove(L, -2);
    }
    int first = lua_gettop(L) - (int)fields;
    luaL_buffinit(L, &line);
    luaL_addstring(&line, time);
    luaL_addchar(&line, ' ');
    luaL_addstring(&line, levels[level]);
    luaL_addstring(&line, strlen(levels[level]) == 4 ? "  " : " ");
    text = lua_tolstring(L, first, &len);
    add_escaped(&line, text, len, false);
    for (int i = 1; i <= (int)fields; i++) {
        text = lua_tolstring(L, first + i, &len);
        add_field(&line, text, len);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
}

static int log_write(lua_State *L) {
    int level = check_level(L, 1);
    luaL_checkstring(L, 2);
    if (!lua_isnoneornil(L, 3))
        luaL_checktype(L, 3, LUA_TTABLE);
    char time[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    format_time(time, &now);
    push_line(L, level, time);
    size_t len;
    const char *line = lua_tolstring(L, -1, &len);
    if (level >= journal.echo)
        fwrite(line, 1, len, stderr);
    int err = journal.fd >= 0 ? write_line(time, line, len) : 0;
    if (err)
        return host_fail_errno(L, err, journal.path);
    return host_ok(L);
}

static int log_level(lua_State *L) {
    journal.echo = lua_isnoneornil(L, 1) ? LEVELS : check_level(L, 1);
    return 0;
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
    {"hide", log_hide_secret}, {"level", log_level}, {"open", log_open},
    {"redact", log_redact},    {"write", log_write}, {NULL, NULL},
};

int luaopen_host_log(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
