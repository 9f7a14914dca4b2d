/* SPDX-License-Identifier: MIT */
/* Locks that say who holds them: the text in the file, which only informs (lua/base/files.lua makes and reads
 * it); the lock itself decides. */
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "host.h"

#define LOCK_TYPE "host.state.lock"

enum { LOCK_TRIES = 100, TEXT_MAX = 256 };

struct lock {
    int fd; /* -1: not held */
};

/* Takes the exclusive lock. Another's lock is told from the moment of a held() look, which only shares.
 * Returns 0 or errno. */
static int take(int fd) {
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return errno;
        if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            return EWOULDBLOCK;
        flock(fd, LOCK_UN);
        sched_yield();
    }
    return EWOULDBLOCK;
}

/* Opens and locks `path`, again when it was replaced meanwhile. Returns 0 or errno. */
static int lock_file(struct lock *lock, const char *path) {
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return errno;
        int err = take(fd);
        struct stat locked, named;
        if (!err && fstat(fd, &locked) == 0 && stat(path, &named) == 0 && locked.st_ino == named.st_ino) {
            lock->fd = fd;
            return 0;
        }
        close(fd);
        if (err)
            return err;
    }
}

static int lock_lock(lua_State *L) {
    size_t len;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
    struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
    lock->fd = -1;
    luaL_setmetatable(L, LOCK_TYPE);
    int err = lock_file(lock, path);
    if (err == EWOULDBLOCK)
        return host_fail(L, "busy", "%s: held by another process", path);
    if (err)
        return host_fail_errno(L, err, path);
    if (pwrite(lock->fd, text, len, 0) < 0)
        errno = 0; /* a full disk: it is held all the same */
    return 1;
}

static int lock_release(lua_State *L) {
    struct lock *lock = luaL_checkudata(L, 1, LOCK_TYPE);
    if (lock->fd >= 0) {
        flock(lock->fd, LOCK_UN);
        close(lock->fd);
        lock->fd = -1;
    }
    return 0;
}

/* held(path) → what the holder wrote, or nil, sentence, "missing" when nobody holds it. */
static int lock_held(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char text[TEXT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return host_fail_errno(L, errno, path);
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t got = held ? pread(fd, text, sizeof text, 0) : 0;
    close(fd);
    if (!held)
        return host_fail(L, "missing", "%s: nobody holds it", path);
    lua_pushlstring(L, text, got > 0 ? (size_t)got : 0);
    return 1;
}

static const luaL_Reg methods[] = {
    {"__close", lock_release},
    {"__gc", lock_release},
    {"release", lock_release},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"held", lock_held},
    {"lock", lock_lock},
    {NULL, NULL},
};

void lock_functions(lua_State *L) {
    host_class(L, LOCK_TYPE, methods);
    luaL_setfuncs(L, functions, 0);
}
