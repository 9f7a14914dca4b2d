/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <sys/stat.h>

static void fill(struct net_unix *out, const char *path) {
    memset(&out->address, 0, sizeof out->address);
    out->address.sun_family = AF_UNIX;
    memcpy(out->address.sun_path, path, strlen(path) + 1);
    out->length = (socklen_t)sizeof out->address;
    out->directory = -1;
}

#ifdef __linux__
static int fill_through_directory(struct net_unix *out, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char parent[4096], through[sizeof out->address.sun_path];
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent)
        return ENAMETOOLONG;
    memcpy(parent, path, length);
    parent[length] = '\0';
    int directory = open(slash ? (length ? parent : "/") : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno;
    int n = snprintf(through, sizeof through, "/proc/self/fd/%d/%s", directory, name);
    if (n < 0 || (size_t)n >= sizeof through) {
        close(directory);
        return ENAMETOOLONG;
    }
    fill(out, through);
    out->directory = directory;
    return 0;
}
#endif

int net_unix_address(struct net_unix *out, const char *path) {
    out->directory = -1;
    if (path[0] == '\0')
        return ENOENT;
    if (strlen(path) < sizeof out->address.sun_path) {
        fill(out, path);
        return 0;
    }
#ifdef __linux__
    return fill_through_directory(out, path);
#else
    return ENAMETOOLONG;
#endif
}

void net_unix_release(struct net_unix *address) {
    if (address->directory >= 0)
        close(address->directory);
    address->directory = -1;
}

static int start_connect(int fd, const struct net_unix *to) {
    if (connect(fd, (const struct sockaddr *)&to->address, to->length) == 0 || errno == EINPROGRESS)
        return 0;
    return errno;
}

/* 0 when the socket file was stale and is gone now; an errno otherwise. */
static int remove_stale(const struct net_unix *address, const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    int probe = net_open(AF_UNIX, SOCK_STREAM);
    if (probe < 0)
        return errno;
    int err = start_connect(probe,
                            address); /* non-blocking: a listener with a full backlog must not hold us */
    close(probe);
    if (err != ECONNREFUSED)
        return err == 0 || err == EAGAIN ? EADDRINUSE : err;
    return unlink(path) == 0 || errno == ENOENT ? 0 : errno;
}

static int bind_private(int fd, const struct net_unix *address) {
    mode_t before = umask(0177);
    int err = bind(fd, (const struct sockaddr *)&address->address, address->length) == 0 ? 0 : errno;
    umask(before);
    return err;
}

int net_unix_listen(int fd, const char *path) {
    struct net_unix address;
    int err = net_unix_address(&address, path);
    if (err)
        return err;
    err = bind_private(fd, &address);
    if (err == EADDRINUSE) {
        err = remove_stale(&address, path);
        if (!err)
            err = bind_private(fd, &address);
    }
    net_unix_release(&address);
    if (!err && listen(fd, SOMAXCONN) != 0)
        err = errno;
    return err;
}

int net_unix_connect(int fd, const char *path) {
    struct net_unix address;
    int err = net_unix_address(&address, path);
    if (err)
        return err;
    err = start_connect(fd, &address);
    net_unix_release(&address);
    return err;
}
