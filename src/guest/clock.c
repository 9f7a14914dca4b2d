/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "../loop.h"

struct guard_now clock_now(void) {
    struct timespec wall = {0};
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct guard_now){
        .mono = (int64_t)(loop_now() / 1000000),
        .wall = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

void clock_boot(char *out, size_t size) {
    size_t n = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, out, size - 1);
        for (; got > 0 && n < (size_t)got && out[n] > ' ' && out[n] <= '~'; n++) {
        }
        close(fd);
    }
    out[n] = '\0';
}
