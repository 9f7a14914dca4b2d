/* SPDX-License-Identifier: MIT */
#include "sys.h"

#include <sys/types.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

int sys_write(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t took = write(fd, data, len);
        if (took < 0 && errno == EINTR)
            continue;
        if (took == 0)
            errno = ENOSPC;
        if (took <= 0)
            return errno;
        data += took;
        len -= (size_t)took;
    }
    return 0;
}

int sys_private(int fd) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
}

int sys_refused(int fd) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int sys_sync(int fd) {
#ifdef F_FULLFSYNC
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    while (fsync(fd) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

int sys_sync_parent(const char *path) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof directory)
        return ENAMETOOLONG;
    memcpy(directory, path, len);
    directory[len] = '\0';
    int fd = open(len ? directory : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int err = sys_sync(fd);
    close(fd);
    return err == EINVAL ? 0 : err; /* a file system without fsync of directories */
}

#ifdef __APPLE__

void sys_boot(char *out, size_t size) {
    size_t len = size - 1;
    memset(out, 0, size);
    if (sysctlbyname("kern.bootsessionuuid", out, &len, NULL, 0) != 0)
        out[0] = '\0';
}

unsigned long long sys_birth(long pid) {
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
    struct kinfo_proc info;
    size_t len = sizeof info;
    if (sysctl(name, 4, &info, &len, NULL, 0) != 0 || len != sizeof info || info.kp_proc.p_stat == SZOMB)
        return 0;
    return (unsigned long long)info.kp_proc.p_starttime.tv_sec * 1000000 +
           (unsigned long long)info.kp_proc.p_starttime.tv_usec;
}

#else

/* Reads a small file. Returns its text, "" when there is none. */
static const char *small_file(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

void sys_boot(char *out, size_t size) {
    small_file("/proc/sys/kernel/random/boot_id", out, size);
    out[strcspn(out, " \n")] = '\0';
}

/* Field 22 of /proc/PID/stat; the name before it, in brackets, may hold anything, and behind it stands the
 * state (proc(5)). */
unsigned long long sys_birth(long pid) {
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const char *at = strrchr(small_file(path, text, sizeof text), ')');
    if (at && (at[1] == '\0' || at[2] == 'Z' || at[2] == 'X'))
        return 0; /* over, and only its parent does not know */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

#endif
