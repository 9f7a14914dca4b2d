/* SPDX-License-Identifier: MIT */
/* A path with a delay between two network namespaces: each IP packet that one tun device gives leaves by the
 * other a while later, whatever it carries; none is lost as long as there is room. delay MS NETNS NETNS makes
 * the device "path" in both. Delay is per direction. Prints "ready", at SIGTERM what it did. Needs root. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 16384, MTU = 1500, BATCH = 64 };

struct packet {
    uint64_t at;
    size_t len;
    uint8_t bytes[MTU];
};

struct way {
    int from, to;
    size_t first, count;
    uint64_t passed, dropped;
    struct packet *ring;
};

static uint64_t delay;
static volatile sig_atomic_t quit;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int open_in(const char *netns) {
    char path[128];
    struct ifreq want = {.ifr_name = "path", .ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(path, sizeof path, "/var/run/netns/%s", netns);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET)) {
        perror(path);
        exit(1);
    }
    close(space);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &want)) {
        perror("tun");
        exit(1);
    }
    return fd;
}

/* What came is kept until its time. */
static void take(struct way *way) {
    uint8_t rest[MTU];
    for (int n = 0; n < BATCH; n++) {
        struct packet *slot = &way->ring[(way->first + way->count) % SLOTS];
        ssize_t len = read(way->from, way->count < SLOTS ? slot->bytes : rest, MTU);
        if (len <= 0)
            return;
        if (way->count == SLOTS) {
            way->dropped++;
            continue;
        }
        slot->at = now() + delay;
        slot->len = (size_t)len;
        way->count++;
    }
}

/* What is due leaves. → nanoseconds until the next is */
static uint64_t put(struct way *way) {
    for (uint64_t t = now(); way->count; way->first = (way->first + 1) % SLOTS, way->count--) {
        struct packet *slot = &way->ring[way->first];
        if (slot->at > t)
            return slot->at - t;
        if (write(way->to, slot->bytes, slot->len) == (ssize_t)slot->len)
            way->passed++;
        else
            way->dropped++;
    }
    return 1000000000;
}

static void on_signal(int number) {
    (void)number;
    quit = 1;
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_signal};
    struct way ways[2] = {0};
    if (argc != 4) {
        fprintf(stderr, "delay MS NETNS NETNS\n");
        return 2;
    }
    delay = (uint64_t)atoi(argv[1]) * 1000000;
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < 2; i++) {
        ways[i].from = ways[!i].to = open_in(argv[2 + i]);
        ways[i].ring = malloc(SLOTS * sizeof *ways[i].ring);
        if (!ways[i].ring)
            return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (uint64_t wait = 0; !quit;) {
        struct pollfd polled[2] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};
        struct timespec left = {(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
        ppoll(polled, 2, &left, NULL);
        take(&ways[0]);
        take(&ways[1]);
        uint64_t one = put(&ways[0]), other = put(&ways[1]);
        wait = one < other ? one : other;
    }
    printf("passed %llu dropped %llu\n", (unsigned long long)(ways[0].passed + ways[1].passed),
           (unsigned long long)(ways[0].dropped + ways[1].dropped));
    return 0;
}
