/* SPDX-License-Identifier: MIT */
/* Finds and reads scripts: the embedded ones, and files of the user after checks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

enum { SCRIPT_MAX = 4 << 20 };

/* Written by vendor/embed.cmake, sorted by name. */
struct embedded {
    const char *name;
    const char *start, *end;
};
extern const struct embedded embedded_files[];
extern const size_t embedded_count;

static const struct embedded *find_embedded(const char *name) {
    for (size_t i = 0; i < embedded_count; i++)
        if (strcmp(embedded_files[i].name, name) == 0)
            return &embedded_files[i];
    return NULL;
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

/* Pushes the path of `name` in the first directory of $CONTINUEPLZ_SCRIPTS that has it. */
static bool find_script(lua_State *L, const char *name) {
    const char *list = getenv("CONTINUEPLZ_SCRIPTS");
    while (list && *list) {
        size_t len = strcspn(list, ":");
        if (len) {
            lua_pushlstring(L, list, len);
            lua_pushfstring(L, "%s/%s", lua_tostring(L, -1), name);
            lua_remove(L, -2);
            if (access(lua_tostring(L, -1), F_OK) == 0)
                return true;
            lua_pop(L, 1);
        }
        list += len + (list[len] == ':');
    }
    return false;
}

bool script_load(lua_State *L, const char *name) {
    if (find_script(L, name)) {
        const char *path = lua_tostring(L, -1);
        if (read_script(L, path) != 1) {
            lua_pop(L, 1); /* the code; the sentence is wanted */
            return false;
        }
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        return luaL_loadbufferx(L, text, len, lua_pushfstring(L, "@%s", path), "t") == LUA_OK;
    }
    const char *source = lua_pushfstring(L, "@lua/%s", name);
    const struct embedded *file = find_embedded(source + 1);
    if (!file) {
        lua_pushfstring(L, "%s is neither embedded nor in $CONTINUEPLZ_SCRIPTS", source + 1);
        return false;
    }
    return luaL_loadbufferx(L, file->start, (size_t)(file->end - file->start), source, "t") == LUA_OK;
}

static int push_embedded(lua_State *L, const char *name) {
    const struct embedded *file = find_embedded(name);
    if (!file)
        return host_fail(L, "missing", "nothing is embedded under the name %s", name);
    lua_pushlstring(L, file->start, (size_t)(file->end - file->start));
    return 1;
}

static int script_embedded(lua_State *L) {
    return push_embedded(L, luaL_checkstring(L, 1));
}

static int script_asset(lua_State *L) {
    return push_embedded(L, lua_pushfstring(L, "asset/%s", luaL_checkstring(L, 1)));
}

static int script_names(lua_State *L) {
    size_t len;
    const char *prefix = luaL_checklstring(L, 1, &len);
    lua_newtable(L);
    lua_Integer count = 0;
    for (size_t i = 0; i < embedded_count; i++) {
        if (strncmp(embedded_files[i].name, prefix, len) == 0) {
            lua_pushstring(L, embedded_files[i].name);
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
    {"asset",    script_asset},
    {"compile",  script_compile},
    {"embedded", script_embedded},
    {"names",    script_names},
    {"read",     script_read},
    {NULL,       NULL},
};

int luaopen_host_script(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
