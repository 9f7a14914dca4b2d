/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "../loop.h"
#include "guard.h"

#define GUARD_LOG_LIMIT 262144

bool store_open(struct store *store, const char *path) {
    char part[1024];
    size_t len = strlen(path);
    store->dir = -1;
    if (len >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) == 0)
            sys_sync_parent(part); /* or the machine loses it with its power */
        else if (errno != EEXIST)
            return false;
    }
    store->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return store->dir >= 0;
}

bool store_claim(const struct store *store) {
    return store->dir < 0 || flock(store->dir, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool store_write(const struct store *store, const char *name, const void *data, size_t len) {
    char temp[64];
    if (store->dir < 0 || snprintf(temp, sizeof temp, "%s.new", name) >= (int)sizeof temp) {
        errno = store->dir < 0 ? EBADF : ENAMETOOLONG;
        return false;
    }
    int fd = openat(store->dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool good = sys_write(fd, data, len) == 0 && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    if (good && renameat(store->dir, temp, store->dir, name) == 0 && fsync(store->dir) == 0)
        return true;
    if (!good)
        errno = saved;
    return false;
}

static long read_all(int fd, char *out, size_t size) {
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, out + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (long)n;
}

long store_read(const struct store *store, const char *name, char *out, size_t size) {
    int fd = store->dir < 0 ? -1 : openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    struct stat st;
    long n = fstat(fd, &st) != 0         ? -1
             : (size_t)st.st_size > size ? (errno = EFBIG, -1)
                                         : read_all(fd, out, size);
    int saved = errno;
    close(fd);
    errno = saved;
    return n;
}

bool store_keep(const struct store *store, const char *name, const void *data, size_t len) {
    char *back = malloc(len + 1);
    bool good = back && store_write(store, name, data, len);
    if (good && (store_read(store, name, back, len + 1) != (long)len || memcmp(back, data, len) != 0)) {
        good = false;
        errno = EIO;
    }
    free(back);
    return good;
}

/* The last `size` bytes of one file, at the start of `out`. */
static size_t tail_of(const struct store *store, const char *name, char *out, size_t size) {
    int fd = store->dir < 0 ? -1 : openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    struct stat st;
    long n = 0;
    if (fstat(fd, &st) == 0 && ((size_t)st.st_size <= size || lseek(fd, -(off_t)size, SEEK_END) >= 0))
        n = read_all(fd, out, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

size_t store_tail(const struct store *store, const char *name, char *out, size_t size) {
    char old[64];
    size_t n = tail_of(store, name, out, size);
    if (n == size || snprintf(old, sizeof old, "%s.1", name) >= (int)sizeof old)
        return n;
    size_t room = size - n;
    char *before = malloc(room);
    if (!before)
        return n;
    size_t more = tail_of(store, old, before, room);
    memmove(out + more, out, n);
    memcpy(out, before, more);
    free(before);
    return n + more;
}

int store_append(const struct store *store, const char *name) {
    if (store->dir < 0) {
        errno = EBADF;
        return -1;
    }
    return openat(store->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void store_trim(const struct store *store, const char *name, size_t limit) {
    struct stat st;
    char old[64];
    if (store->dir < 0 || fstatat(store->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        (size_t)st.st_size <= limit)
        return;
    char *data = malloc(limit);
    int fd = openat(store->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (data && fd >= 0 && snprintf(old, sizeof old, "%s.1", name) < (int)sizeof old) {
        size_t n = tail_of(store, name, data, limit);
        store_write(store, old, data, n);
        if (ftruncate(fd, 0) != 0)
            store_remove(store, old);
    }
    if (fd >= 0)
        close(fd);
    free(data);
}

void store_remove(const struct store *store, const char *name) {
    if (store->dir >= 0)
        unlinkat(store->dir, name, 0);
}

char *store_slurp(const char *path, size_t max, size_t *len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return NULL;
    char *data = NULL;
    if (fstat(fd, &st) == 0) {
        if (!S_ISREG(st.st_mode) || (size_t)st.st_size > max)
            errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
        else
            data = malloc((size_t)st.st_size + 1);
    }
    long n = data ? read_all(fd, data, (size_t)st.st_size) : -1;
    int saved = errno;
    close(fd);
    if (n < 0) {
        free(data);
        errno = saved;
        return NULL;
    }
    data[n] = '\0';
    *len = (size_t)n;
    return data;
}

void store_log(const struct store *store, const char *fmt, ...) {
    char line[1024];
    time_t now = time(NULL);
    struct tm tm;
    va_list args;
    size_t n = gmtime_r(&now, &tm) ? strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm) : 0;
    va_start(args, fmt);
    int more = vsnprintf(line + n, sizeof line - n - 1, fmt, args);
    va_end(args);
    if (more < 0)
        return;
    n += (size_t)more < sizeof line - n - 1 ? (size_t)more : sizeof line - n - 2;
    line[n++] = '\n';
    if (sys_write(STDERR_FILENO, line, n) != 0)
        errno = 0;
    store_trim(store, "guard.log", GUARD_LOG_LIMIT);
    int fd = store_append(store, "guard.log");
    if (fd >= 0) {
        if (sys_write(fd, line, n) != 0)
            errno = 0;
        close(fd);
    }
}

struct guard_now clock_now(void) {
    struct timespec wall = {0};
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct guard_now){
        .mono = (int64_t)(loop_now() / 1000000),
        .wall = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}
