/* SPDX-License-Identifier: MIT */
/* host.state on a disk that loses what was not synced. The calls of the C library that change files are
 * replaced here: they do their work and keep, in memory shared with children, what a disk would still hold
 * after the power failed. A child works through a list of operations and dies at a chosen call; what it was
 * told to be done must be there afterwards, in each of two disks: one that keeps names as late as it may, one
 * that keeps them at once, before what the files hold. Then another child goes on from there, to the end. */
#include <dirent.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

enum { FILES = 64, NAMES = 64, ROOM = 256, CALLS = 400 };

typedef struct {
    ino_t inode;
    size_t len; /* of what is on the disk for certain */
    char data[ROOM];
} File;

typedef struct {
    char path[128];
    int file;
} Name;

typedef struct {
    int calls,
        dies_at; /* calls that changed something; the number of the one that is not returned from, 0: none */
    int done;    /* operations that were told to have succeeded */
    bool again;  /* another process went on after one was cut off */
    int files, names;
    File file[FILES];
    Name name[NAMES];
} Disk;

static Disk *disk;
static int *failures; /* shared with children too */
static char root[64];

static void check(bool good, const char *what, int at, const char *detail) {
    if (good)
        return;
    if (++*failures < 20)
        printf("not ok - state: %s (killed at call %d)%s\n", what, at, detail);
}

/* The newest file with this inode, for numbers are used again. */
static int file_of(ino_t inode) {
    for (int i = disk->files - 1; i >= 0; i--)
        if (disk->file[i].inode == inode)
            return i;
    return -1;
}

static void keep_data(const char *path, int file) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    ssize_t got = fd < 0 ? 0 : pread(fd, disk->file[file].data, ROOM, 0);
    disk->file[file].len = got > 0 ? (size_t)got : 0;
    if (fd >= 0)
        close(fd);
}

static bool lies_in(const char *path, const char *directory) {
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* The names of a directory are on the disk from now on as they are. */
static void keep_names(const char *directory) {
    int kept = 0;
    for (int i = 0; i < disk->names; i++)
        if (!lies_in(disk->name[i].path, directory))
            disk->name[kept++] = disk->name[i];
    disk->names = kept;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || disk->names == NAMES)
            continue;
        Name *name = &disk->name[disk->names++];
        snprintf(name->path, sizeof name->path, "%.70s/%.50s", directory, entry->d_name);
        name->file = file_of(entry->d_ino);
    }
    if (dir)
        closedir(dir);
}

static bool path_of(int fd, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, room - 1);
    path[len > 0 ? len : 0] = '\0';
    return len > 0 && strncmp(path, root, strlen(root)) == 0;
}

/* Before and after each call that changes something this process may die. */
static void step(void) {
    if (++disk->calls == disk->dies_at)
        _exit(9);
}

static void born(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && disk->files < FILES)
        disk->file[disk->files++] = (File){.inode = info.st_ino};
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & O_CREAT ? va_arg(more, int) : 0;
    va_end(more);
    if (flags & O_CREAT)
        step();
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && flags & O_CREAT && flags & O_EXCL)
        born(path);
    return fd;
}

ssize_t write(int fd, const void *data, size_t len) {
    char path[PATH_MAX];
    bool ours = path_of(fd, path, sizeof path);
    if (ours)
        step();
    return syscall(SYS_write, fd, data, ours && len > 2 ? len / 2 : len); /* and in two pieces */
}

int fsync(int fd) {
    char path[PATH_MAX];
    struct stat info;
    if (!path_of(fd, path, sizeof path) || fstat(fd, &info) != 0)
        return (int)syscall(SYS_fsync, fd);
    step();
    if (S_ISDIR(info.st_mode))
        keep_names(path);
    else if (file_of(info.st_ino) >= 0)
        keep_data(path, file_of(info.st_ino));
    return 0;
}

int rename(const char *from, const char *to) {
    step();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) {
    step();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int remove(const char *path) {
    return unlink(path);
}

int mkdir(const char *path, mode_t mode) {
    step();
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* What a file holds after the power failed. early: names are kept before what files hold. Returns -1 when it
 * is not there. */
static ssize_t after_loss(const char *path, bool early, char *data) {
    int file = -1;
    bool home = early;
    struct stat info;
    if (early && stat(path, &info) == 0)
        file = file_of(info.st_ino);
    for (int i = 0; !early && i < disk->names; i++)
        if (strcmp(disk->name[i].path, path) == 0)
            file = disk->name[i].file;
    for (int i = 0; i < disk->names; i++) /* the folder itself is below the root */
        home = home || (lies_in(disk->name[i].path, root) && lies_in(path, disk->name[i].path));
    if (file < 0 || !home)
        return -1;
    memcpy(data, disk->file[file].data, disk->file[file].len);
    data[disk->file[file].len] = '\0';
    return (ssize_t)disk->file[file].len;
}

/* The operations, and what must be there when so many of them were told to have succeeded. */
typedef struct {
    const char *function, *name, *data;
    const char *journal; /* how the journal then begins */
    const char *file;    /* what the file then holds; "-": it is gone */
} Operation;

static const Operation operations[] = {
    {"mkdir", "/home", NULL, NULL, NULL},
    {"append", "/home/journal", "intent\n", "intent\n", NULL},
    {"append", "/home/journal", "sent\n", "intent\nsent\n", NULL},
    {"write", "/home/file", "the first text", "intent\nsent\n", "the first text"},
    {"write", "/home/file", "another text", "intent\nsent\n", "another text"},
    {"append", "/home/journal", "bound\n", "intent\nsent\nbound\n", "another text"},
    {"remove", "/home/file", NULL, "intent\nsent\nbound\n", "-"},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static bool perform(lua_State *L, const Operation *operation) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", root, operation->name);
    lua_getfield(L, 1, operation->function);
    lua_pushstring(L, path);
    if (operation->data)
        lua_pushstring(L, operation->data);
    bool gone = strcmp(operation->function, "remove") == 0 && access(path, F_OK) != 0;
    bool good = lua_pcall(L, operation->data ? 2 : 1, 1, 0) == LUA_OK && (lua_toboolean(L, -1) || gone);
    lua_settop(L, 1);
    return good;
}

/* The acknowledged records are there, in their order; between them may lie what a process left that was cut
 * off while it wrote. */
static bool holds(const char *data, ssize_t len, const char *records) {
    const char *at = data;
    for (const char *end; len >= 0 && *records; records = end + 1) {
        end = strchr(records, '\n');
        size_t size = (size_t)(end - records) + 1;
        while (*at && strncmp(at, records, size) != 0)
            at++;
        if (!*at)
            return false;
        at += size;
    }
    return len >= 0;
}

static bool is(const char *data, ssize_t len, const char *wanted) {
    return strcmp(wanted, "-") == 0 ? len < 0 : len >= 0 && strcmp(data, wanted) == 0;
}

static void judge_disk(int at, bool early) {
    char path[128], data[ROOM + 1], text[2 * ROOM];
    const Operation *last = disk->done ? &operations[disk->done - 1] : NULL;
    const char *kind = early ? "names kept early" : "names kept late";
    snprintf(path, sizeof path, "%s/home/journal", root);
    ssize_t len = after_loss(path, early, data);
    snprintf(text, sizeof text, ": %s, %d done, journal %s", kind, disk->done, len < 0 ? "missing" : data);
    check(!last || !last->journal || holds(data, len, last->journal),
          "records that were acknowledged are kept", at, text);
    snprintf(path, sizeof path, "%s/home/file", root);
    len = after_loss(path, early, data);
    const char *file = last ? last->file : NULL,
               *next = disk->done < OPERATIONS ? operations[disk->done].file : NULL;
    snprintf(text, sizeof text, ": %s, %d done, file %s", kind, disk->done, len < 0 ? "missing" : data);
    bool unsaid = disk->again && file &&
                  strcmp(file, "-") == 0; /* what is not there any more need not be removed */
    check(unsaid || (file && is(data, len, file)) || (next && is(data, len, next)) || (!file && len < 0),
          "a file is whole, as before or as after", at, text);
}

/* What was told is there; what was under way is as before or as wanted. */
static void judge(int at) {
    judge_disk(at, false);
    judge_disk(at, true);
}

/* A child does what is left to do. Returns whether it came to the end. */
static bool work(int dies_at, int cut_at) {
    disk->calls = 0;
    disk->dies_at = dies_at;
    disk->again = cut_at != 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        lua_State *L = luaL_newstate();
        luaopen_host_state(L);
        while (disk->done < OPERATIONS) {
            if (!perform(L, &operations[disk->done]))
                _exit(1);
            disk->done++;
            judge(cut_at);
        }
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) != 1, "every operation succeeds", dies_at, "");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void clear(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command) != 0 || syscall(SYS_mkdirat, AT_FDCWD, root, 0700) != 0)
        perror(root);
    memset(disk, 0, sizeof *disk);
}

int main(void) {
    const char *directory = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.30s/cplz-loss-%ld",
             directory && strlen(directory) <= 30 ? directory : "/tmp", (long)getpid());
    disk = mmap(NULL, sizeof *disk + sizeof *failures, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                0);
    if (disk == MAP_FAILED)
        return 1;
    failures = (int *)(disk + 1);
    int points = 0;
    for (int at = 1; at < CALLS; at++) {
        clear();
        bool whole = work(at, 0);
        judge(at);
        if (whole)
            break;
        points++;
        check(work(0, at), "what was cut off can be done again", at, "");
    }
    clear();
    rmdir(root);
    check(points > 20, "the operations are cut off at many calls", points, "");
    if (!*failures)
        printf("ok - state: what was acknowledged outlives the loss of power, at %d points\n", points);
    return *failures ? 1 : 0;
}
