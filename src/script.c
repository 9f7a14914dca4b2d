/* SPDX-License-Identifier: MIT */
/* Finds and reads scripts: the embedded ones, and files of the user after checks. */
#include <sys/stat.h>

#include "host.h"

enum { SCRIPT_MAX = 4 << 20 };

/* Written by vendor/embed.c, sorted by name: offsets into the bytes. A name ends with a zero byte; a script
 * is bytecode. */
struct embedded {
    unsigned name, start, size;
};
extern const char embedded_bytes[];
extern const struct embedded embedded_files[];
extern const size_t embedded_count;

static int compare_embedded(const void *name, const void *file) {
    return strcmp(name, embedded_bytes + ((const struct embedded *)file)->name);
}

static const struct embedded *find_embedded(const char *name) {
    return bsearch(name, embedded_files, embedded_count, sizeof *embedded_files, compare_embedded);
}

static bool is_script(const char *name) {
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

/* Pushes the function of an embedded script, or what is wrong with it. */
static bool load_embedded(lua_State *L, const struct embedded *file) {
    const char *name = embedded_bytes + file->name; /* of no effect: bytecode has its own */
    return luaL_loadbufferx(L, embedded_bytes + file->start, file->size, name, "b") == LUA_OK;
}

/* NULL when nobody but the user and root may change what `info` describes, else the reason. */
static const char *distrusted(const struct stat *info) {
    if (info->st_uid != geteuid() && info->st_uid != 0)
        return "belongs to another user";
    if (info->st_mode & (S_IWGRP | S_IWOTH))
        return "can be written by others";
    return NULL;
}

/* Checks the directory that holds `path`. Returns the reason to refuse it, or NULL. */
static const char *distrusted_directory(const char *path) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= sizeof directory)
        return "has too long a name";
    memcpy(directory, slash ? path : ".", len);
    directory[len] = '\0';
    struct stat info;
    if (stat(len ? directory : "/", &info) != 0)
        return "cannot be examined";
    return distrusted(&info);
}

static int read_open(lua_State *L, int fd, const char *path) {
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    size_t total = 0;
    for (;;) {
        char *room = luaL_prepbuffer(&text);
        ssize_t got = read(fd, room, LUAL_BUFFERSIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            luaL_pushresult(&text);
            return got < 0 ? host_fail_errno(L, errno, path) : 1;
        }
        if (total == 0 && room[0] == LUA_SIGNATURE[0])
            return host_fail(L, "bytecode", "%s: is bytecode; only the text of a script is accepted", path);
        luaL_addsize(&text, (size_t)got);
        total += (size_t)got;
        if (total > SCRIPT_MAX)
            return host_fail(L, "toolarge", "%s: is longer than %d bytes", path, SCRIPT_MAX);
    }
}

/* Pushes the text of a user's script, or nil, sentence, code; returns how many values. */
static int read_script(lua_State *L, const char *path) {
    char resolved[PATH_MAX];
    if (!realpath(path, resolved))
        return host_fail_errno(L, errno, path);
    const char *reason = distrusted_directory(path);
    if (!reason)
        reason = distrusted_directory(resolved);
    if (reason)
        return host_fail(L, "permissions", "%s: its directory %s", path, reason);
    int fd = open(resolved, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return host_fail_errno(L, errno, path);
    struct stat info;
    int values;
    if (fstat(fd, &info) != 0)
        values = host_fail_errno(L, errno, path);
    else if (!S_ISREG(info.st_mode))
        values = host_fail(L, "io", "%s: is not a file", path);
    else if ((reason = distrusted(&info)))
        values = host_fail(L, "permissions", "%s: %s", path, reason);
    else
        values = read_open(L, fd, path);
    close(fd);
    return values;
}

bool script_load(lua_State *L, const char *path) {
    const struct embedded *file = find_embedded(path);
    if (!file)
        lua_pushfstring(L, "%s is not embedded", path);
    return file && load_embedded(L, file);
}

static int not_embedded(lua_State *L, const char *name) {
    return host_fail(L, "missing", "nothing is embedded under the name %s", name);
}

static int script_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct embedded *file = find_embedded(name);
    if (is_script(name))
        return host_fail(L, "bytecode", "%s: is embedded as bytecode, without its text", name);
    if (!file)
        return not_embedded(L, name);
    lua_pushlstring(L, embedded_bytes + file->start, file->size);
    return 1;
}

static int script_has(lua_State *L) {
    lua_pushboolean(L, find_embedded(luaL_checkstring(L, 1)) != NULL);
    return 1;
}

/* Pushes the function of an embedded script with the table at `env` as its globals. */
static void push_chunk(lua_State *L, const struct embedded *file, int env) {
    luaL_checktype(L, env, LUA_TTABLE);
    if (!load_embedded(L, file))
        lua_error(L);
    lua_pushvalue(L, env);
    lua_setupvalue(L, -2, 1);
}

static int script_load_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct embedded *file = is_script(name) ? find_embedded(name) : NULL;
    if (!file)
        return not_embedded(L, name);
    push_chunk(L, file, 2);
    return 1;
}

/* module(name, env) → the function of the embedded module "base.task" and its path, or nothing. */
static int script_module(lua_State *L) {
    char path[128];
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    if (strlen(name) != len || (size_t)snprintf(path, sizeof path, "lua/%s.lua", name) >= sizeof path)
        return 0;
    for (char *at = path + 4; at < path + 4 + len; at++)
        if (*at == '.')
            *at = '/';
    const struct embedded *file = find_embedded(path);
    if (!file)
        return 0;
    push_chunk(L, file, 2);
    lua_pushstring(L, path);
    return 2;
}

static int script_names(lua_State *L) {
    size_t len;
    const char *prefix = luaL_checklstring(L, 1, &len);
    lua_newtable(L);
    lua_Integer count = 0;
    for (size_t i = 0; i < embedded_count; i++) {
        const char *name = embedded_bytes + embedded_files[i].name;
        if (strncmp(name, prefix, len) == 0) {
            lua_pushstring(L, name);
            lua_rawseti(L, -2, ++count);
        }
    }
    return 1;
}

static int script_read(lua_State *L) {
    return read_script(L, luaL_checkstring(L, 1));
}

static int script_compile(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *name = luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        lua_pushstring(L, "syntax");
        return 3;
    }
    lua_pushvalue(L, 3);
    lua_setupvalue(L, -2, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    {"compile", script_compile},    {"embedded", script_embedded}, {"has", script_has},
    {"load", script_load_embedded}, {"module", script_module},     {"names", script_names},
    {"read", script_read},          {NULL, NULL},
};

int luaopen_host_script(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
