/* SPDX-License-Identifier: MIT */
/* Locks that name their holder: process id, and what tells whether that number is still the same process and
 * one of this computer. */
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "host.h"

#define LOCK_TYPE "host.state.lock"
/* PID WORD BOOT SPACE START: always of one length over the old text, so that a lock works on a full disk. An
 * older program reads the pid. */
#define LOCK_TEXT "%-20ld %-11.11s %-36.36s %-20llu %-20llu\n"

enum { LOCK_TRIES = 100, TEXT_MAX = 160, BOOT_MAX = 40 };

struct lock {
    int fd; /* -1: not held */
};

/* A process as a lock names it; 0 and "-" are not known. */
struct holder {
    long pid;
    char word[12];            /* what it is at */
    char boot[BOOT_MAX];      /* of the computer */
    unsigned long long space; /* its namespace of process ids */
    unsigned long long start; /* when it began, since the boot or 1970 */
};

/* The namespace of process ids. */
static unsigned long long space_of(void) {
#ifdef __APPLE__
    return 1; /* there is only one */
#else
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 ? (unsigned long long)info.st_ino : 0;
#endif
}

static void ourselves(struct holder *holder, const char *word) {
    holder->pid = (long)getpid();
    snprintf(holder->word, sizeof holder->word, "%s", word);
    sys_boot(holder->boot, sizeof holder->boot);
    if (!holder->boot[0])
        strcpy(holder->boot, "-");
    holder->space = space_of();
    holder->start = sys_birth(holder->pid);
}

/* What a lock file says; pid 0 when it says nothing. */
static void read_holder(int fd, struct holder *holder) {
    char text[TEXT_MAX] = "";
    memset(holder, 0, sizeof *holder);
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    if (got <= 0)
        return;
    if (sscanf(text, "%ld %11s %39s %llu %llu", &holder->pid, holder->word, holder->boot, &holder->space,
               &holder->start) != 5)
        memset(holder, 0, sizeof *holder), holder->pid = strtol(text, NULL, 10);
}

/* The text only informs; the lock itself decides. */
static void write_holder(int fd, const char *word) {
    struct holder self;
    char text[TEXT_MAX];
    ourselves(&self, word);
    int len = snprintf(text, sizeof text, LOCK_TEXT, self.pid, self.word, self.boot, self.space, self.start);
    if (len < 0 || (size_t)len >= sizeof text || pwrite(fd, text, (size_t)len, 0) != len)
        (void)errno;
}

/* Why the process that a lock names may be another one than the number here means; NULL when it is certainly
 * that one. */
static const char *stranger(const struct holder *holder) {
    struct holder self;
    ourselves(&self, "-");
    if (!holder->start || !self.start || !self.space || self.boot[0] == '-')
        return "it cannot be told which process that is";
    if (strcmp(holder->boot, self.boot) != 0)
        return "it runs on another computer, or ran before this one was started";
    if (holder->space != self.space)
        return "it runs in another container";
    return sys_birth(holder->pid) == holder->start ? NULL : "that number is another process now";
}

/* Takes the exclusive lock. Another's lock is told from the moment of an owner() look, which only shares.
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

/* Opens and locks `path`, again when it was replaced meanwhile, and writes who holds it. Returns 0 or
 * errno. */
static int lock_file(struct lock *lock, const char *path, const char *word, struct holder *holder) {
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return errno;
        int err = take(fd);
        struct stat locked, named;
        if (!err && (fstat(fd, &locked) != 0 || stat(path, &named) != 0 || locked.st_ino != named.st_ino)) {
            close(fd);
            continue;
        }
        if (err == EWOULDBLOCK)
            read_holder(fd, holder);
        if (err)
            close(fd);
        else
            write_holder(lock->fd = fd, word);
        return err;
    }
}

static int lock_lock(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *word = luaL_optstring(L, 2, "-");
    luaL_argcheck(L, *word && !strpbrk(word, " \t\n"), 2, "one word expected");
    struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
    lock->fd = -1;
    luaL_setmetatable(L, LOCK_TYPE);
    struct holder holder = {0};
    int err = lock_file(lock, path, word, &holder);
    if (err == EWOULDBLOCK && holder.pid > 0)
        return host_fail(L, "busy", "%s: held by process %ld", path, holder.pid);
    if (err == EWOULDBLOCK)
        return host_fail(L, "busy", "%s: held by another process", path);
    return err ? host_fail_errno(L, err, path) : 1;
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

/* Reads who holds `path`. Returns 0, or the number of pushed values of a refusal. */
static int look(lua_State *L, const char *path, struct holder *holder) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return host_fail_errno(L, errno, path);
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    memset(holder, 0, sizeof *holder);
    if (held)
        read_holder(fd, holder);
    close(fd);
    return holder->pid > 0 ? 0 : host_fail(L, "missing", "%s: nobody holds it", path);
}

static int lock_owner(lua_State *L) {
    struct holder holder;
    int refused = look(L, luaL_checkstring(L, 1), &holder);
    if (refused)
        return refused;
    lua_pushinteger(L, holder.pid);
    lua_pushstring(L, holder.word[0] ? holder.word : "-");
    lua_pushstring(L, stranger(&holder));
    return 3;
}

static int lock_signal(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int number = process_signal_number(luaL_checkstring(L, 2));
    luaL_argcheck(L, number >= 0, 2, "no such signal");
    struct holder holder;
    int refused = look(L, path, &holder);
    if (refused)
        return refused;
    const char *why = stranger(&holder);
    if (why)
        return host_fail(L, "foreign", "%s: held by process %ld, which is not signalled: %s", path,
                         holder.pid, why);
    if (kill((pid_t)holder.pid, number) != 0)
        return host_fail_errno(L, errno, path);
    return host_ok(L);
}

static const luaL_Reg methods[] = {
    {"__close", lock_release},
    {"__gc", lock_release},
    {"release", lock_release},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"lock", lock_lock},
    {"owner", lock_owner},
    {"signal", lock_signal},
    {NULL, NULL},
};

void lock_functions(lua_State *L) {
    host_class(L, LOCK_TYPE, methods);
    luaL_setfuncs(L, functions, 0);
}
