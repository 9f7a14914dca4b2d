/* SPDX-License-Identifier: MIT */
/* Private files: written whole or not at all, on the disk before success is said (but for `replace`). */
#include <dirent.h>
#include <sys/stat.h>

#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "host.h"
#include "net.h"

#ifdef __APPLE__
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

enum { READ_MAX = 64 << 20 };

static int state_read(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    lua_Integer max = luaL_optinteger(L, 2, READ_MAX);
    lua_Integer from = luaL_optinteger(L, 3, 0);
    luaL_argcheck(L, max >= 0, 2, "must not be negative");
    int links = lua_toboolean(L, 4) ? 0 : O_NOFOLLOW;
    bool piece = lua_toboolean(L, 5); /* no more than `max` is wanted */
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | links);
    if (fd < 0)
        return host_fail_errno(L, errno, path);
    if (from < 0 ? lseek(fd, from, SEEK_END) < 0 && errno != EINVAL
                 : from > 0 && lseek(fd, from, SEEK_SET) < 0) {
        int err = errno;
        close(fd);
        return host_fail_errno(L, err, path);
    }
    size_t total = 0;
    for (;;) {
        ssize_t got = read(fd, luaL_prepbuffer(&text), LUAL_BUFFERSIZE);
        if (got < 0 && errno == EINTR)
            continue;
        int err = got < 0 ? errno : 0;
        total += got > 0 ? (size_t)got : 0;
        if (piece && total > (size_t)max) {
            got -= (ssize_t)(total - (size_t)max);
            total = (size_t)max;
        }
        if (got > 0 && total <= (size_t)max) {
            luaL_addsize(&text, (size_t)got);
            if (!piece || total < (size_t)max)
                continue;
            got = 0;
        }
        close(fd);
        luaL_pushresult(&text);
        if (got > 0)
            return host_fail(L, "toolarge", "%s: is longer than %lld bytes", path, (long long)max);
        return err ? host_fail_errno(L, err, path) : 1;
    }
}

/* Creates the temporary file beside `path`; a stale one of the same name is ours by the process id in it. */
static int open_temporary(const char *path, char *temporary, size_t room) {
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path) + 1 : 0;
    int len = snprintf(temporary, room, "%.*s.%s.%ld.tmp", directory, path, path + directory, (long)getpid());
    if (len < 0 || (size_t)len >= room) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(temporary);
    return open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Returns 0 or errno; on failure no temporary file is left. Devices, sockets and links are not replaced. */
static int replace(const char *path, const char *data, size_t len, mode_t mode, bool durable) {
    char temporary[PATH_MAX];
    struct stat old;
    if (lstat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return S_ISLNK(old.st_mode) ? ELOOP : S_ISDIR(old.st_mode) ? EISDIR : ENOTSUP;
    int fd = open_temporary(path, temporary, sizeof temporary);
    if (fd < 0)
        return errno;
    int err = sys_write(fd, data, len);
    if (!err && fchmod(fd, mode) != 0)
        err = errno;
    if (!err && durable)
        err = sys_sync(fd);
    if (close(fd) != 0 && !err && errno != EINTR)
        err = errno;
    if (!err && rename(temporary, path) != 0)
        err = errno;
    if (err) {
        unlink(temporary);
        return err;
    }
    return durable ? sys_sync_parent(path) : 0;
}

static int state_write(lua_State *L) {
    size_t len;
    const char *path = luaL_checkstring(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    lua_Integer mode = luaL_optinteger(L, 3, 0600);
    luaL_argcheck(L, mode >= 0 && mode <= 0777, 3, "permission bits expected");
    return host_done(L, replace(path, data, len, (mode_t)mode, true), path);
}

/* For what is of no use any more after a crash of the computer: nobody waits for the disk. */
static int state_replace(lua_State *L) {
    size_t len;
    const char *path = luaL_checkstring(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    return host_done(L, replace(path, data, len, 0600, false), path);
}

/* Returns 0 or errno; on failure the file is as long as before. */
static int append(const char *path, const char *data, size_t len) {
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    bool created = fd >= 0;
    if (!created && errno == EEXIST)
        fd = open(path, flags);
    if (fd < 0)
        return errno;
    struct stat before;
    int err = fstat(fd, &before) != 0 ? errno : sys_write(fd, data, len);
    if (!err)
        err = sys_sync(fd);
    if (!err)
        err = sys_sync_parent(path); /* always: whoever created the file may have died before he came to it */
    if (err && created)
        unlink(path);
    else if (err && ftruncate(fd, before.st_size) == 0)
        sys_sync(fd);
    close(fd);
    return err;
}

static int state_append(lua_State *L) {
    size_t len;
    const char *path = luaL_checkstring(L, 1);
    const char *data = luaL_checklstring(L, 2, &len);
    return host_done(L, append(path, data, len), path);
}

static int state_stat(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat info;
    if (stat(path, &info) != 0)
        return host_fail_errno(L, errno, path);
    lua_createtable(L, 0, 6);
    host_set_integer(L, "size", (lua_Integer)info.st_size);
    host_set_integer(L, "mode", info.st_mode & 07777);
    host_set_integer(L, "uid", info.st_uid);
    lua_pushnumber(L, (lua_Number)info.MTIME.tv_sec + (lua_Number)info.MTIME.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    /* What a file that was copied, restored or edited does not keep. */
    lua_pushfstring(L, "%I-%I.%I-%I", (LUAI_UACINT)info.st_ino, (LUAI_UACINT)info.CTIME.tv_sec,
                    (LUAI_UACINT)info.CTIME.tv_nsec, (LUAI_UACINT)info.st_size);
    lua_setfield(L, -2, "identity");
    mode_t type = info.st_mode & S_IFMT;
    host_set_string(L, "kind",
                    type == S_IFREG    ? "file"
                    : type == S_IFDIR  ? "dir"
                    : type == S_IFSOCK ? "socket"
                                       : "other");
    return 1;
}

static int state_list(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return host_fail_errno(L, errno, path);
    luaL_checkstack(L, 8, NULL);
    lua_createtable(L, count, 0);
    lua_Integer kept = 0;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            lua_pushstring(L, name);
            lua_rawseti(L, -2, ++kept);
        }
        free(entries[i]);
    }
    free(entries);
    return 1;
}

/* Returns 0 or errno; an existing directory is fine, and is made as durable as can be: whoever made it may
 * have died before. */
static int make_directory(const char *path) {
    if (mkdir(path, 0700) == 0)
        return sys_sync_parent(path);
    int err = errno;
    struct stat info;
    if (err != EEXIST || stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return err;
    sys_sync_parent(path); /* which may not be allowed where it is somebody else's */
    return 0;
}

static int state_mkdir(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    return host_done(L, make_directory(path), path);
}

static int state_remove(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    return host_done(L, remove(path) != 0 ? errno : sys_sync_parent(path), path);
}

static int state_chmod(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    lua_Integer mode = luaL_checkinteger(L, 2);
    luaL_argcheck(L, mode >= 0 && mode <= 0777, 2, "permission bits expected");
    return host_done(L, chmod(path, (mode_t)mode) != 0 ? errno : 0, path);
}

/* Readable whenever something in a directory was changed. */
static int state_changes(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
#ifdef __linux__
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE) >= 0) {
        net_pushfd(L, fd);
        return 1;
    }
    int err = errno;
    if (fd >= 0)
        close(fd);
    return host_fail_errno(L, err, path);
#else
    return host_fail(L, "missing", "changes of %s cannot be waited for here", path);
#endif
}

static const luaL_Reg functions[] = {
    {"append", state_append}, {"changes", state_changes}, {"chmod", state_chmod},
    {"list", state_list},     {"mkdir", state_mkdir},     {"read", state_read},
    {"remove", state_remove}, {"replace", state_replace}, {"stat", state_stat},
    {"write", state_write},   {NULL, NULL},
};

int luaopen_host_state(lua_State *L) {
    luaL_newlib(L, functions);
    lock_functions(L);
    return 1;
}
