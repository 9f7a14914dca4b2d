/* SPDX-License-Identifier: MIT */
/* A UDP relay for the tests and the bench: one client in front, one server behind, and what a bad network
 * does between them. relay PORT TARGET_IP:PORT [delay MS] [loss P] [copy P] [reorder P] [corrupt P] [seed N]
 * Delay is per direction; P counts of 10000 datagrams. Without faults whole batches pass at once (GRO, GSO).
 * SIGUSR1 changes the port towards the server, as a forgetful address translator does. Prints "ready", at
 * SIGTERM what it did. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { CLIENT, SERVER };

struct item {
    uint64_t at, order;
    int to;
    uint16_t segment; /* 0: one datagram */
    size_t len;
    uint8_t *bytes;
};

static struct item *heap;
static size_t count, room;
static uint64_t order, dice = 1, delay, passed, lost, copied, reordered, corrupted;
static unsigned loss, copy, reorder, corrupt;
static struct sockaddr_in client, target;
static int sockets[2];
static volatile sig_atomic_t rebind, quit;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t random_number(void) {
    uint64_t z = (dice += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static bool chance(unsigned of_10000) {
    return of_10000 && random_number() % 10000 < of_10000;
}

static bool before(const struct item *a, const struct item *b) {
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct item item) {
    if (count == room) {
        room = room ? room * 2 : 4096;
        heap = realloc(heap, room * sizeof *heap);
        if (!heap)
            abort();
    }
    item.order = order++;
    size_t i = count++;
    for (; i && before(&item, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = item;
}

static struct item pop(void) {
    struct item top = heap[0], last = heap[--count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (child >= count || !before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static int open_socket(uint16_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    int size = 8 << 20, on = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name)) {
        perror("relay: bind");
        exit(1);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (!loss && !copy && !reorder && !corrupt)
        setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    return fd;
}

static void queue(int to, const uint8_t *bytes, size_t len, uint16_t segment, uint64_t at) {
    struct item item = {.at = at, .to = to, .segment = segment, .len = len, .bytes = malloc(len ? len : 1)};
    if (!item.bytes)
        abort();
    memcpy(item.bytes, bytes, len);
    push(item);
}

static void take(int from) {
    static uint8_t buffer[65536];
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct sockaddr_in name;
    struct iovec part = {buffer, sizeof buffer};
    for (int i = 0; i < 64; i++) {
        struct msghdr msg = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t len = recvmsg(sockets[from], &msg, MSG_DONTWAIT);
        if (len < 0)
            return;
        uint16_t segment = 0;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h; h = CMSG_NXTHDR(&msg, h))
            if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
                int size;
                memcpy(&size, CMSG_DATA(h), sizeof size);
                segment = (uint16_t)size;
            }
        if (from == CLIENT)
            client = name;
        passed++;
        if (chance(loss)) {
            lost++;
            continue;
        }
        if (chance(corrupt) && len > 0) {
            buffer[random_number() % (size_t)len] ^= (uint8_t)(1 << random_number() % 8);
            corrupted++;
        }
        uint64_t at = now() + delay;
        if (chance(reorder)) {
            at += random_number() % 5000000;
            reordered++;
        }
        queue(!from, buffer, (size_t)len, segment, at);
        if (chance(copy)) {
            queue(!from, buffer, (size_t)len, segment, at + random_number() % 3000000);
            copied++;
        }
    }
}

static void put(const struct item *item) {
    struct sockaddr_in *to = item->to == CLIENT ? &client : &target;
    struct iovec part = {item->bytes, item->len};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr msg = {.msg_name = to, .msg_namelen = sizeof *to, .msg_iov = &part, .msg_iovlen = 1};
    if (!to->sin_port)
        return;
    if (item->segment && item->len > item->segment) {
        msg.msg_control = control;
        msg.msg_controllen = sizeof control;
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = IPPROTO_UDP;
        h->cmsg_type = UDP_SEGMENT;
        h->cmsg_len = CMSG_LEN(sizeof item->segment);
        memcpy(CMSG_DATA(h), &item->segment, sizeof item->segment);
    }
    if (sendmsg(sockets[item->to], &msg, 0) < 0)
        lost++;
}

static void on_signal(int number) {
    if (number == SIGUSR1)
        rebind = 1;
    else
        quit = 1;
}

static unsigned *fault(const char *name) {
    if (!strcmp(name, "loss"))
        return &loss;
    if (!strcmp(name, "copy"))
        return &copy;
    return !strcmp(name, "reorder") ? &reorder : &corrupt;
}

static void configure(int argc, char **argv) {
    char host[64];
    const char *colon = argc > 2 ? strchr(argv[2], ':') : NULL;
    if (!colon || (size_t)(colon - argv[2]) >= sizeof host) {
        fprintf(stderr,
                "relay PORT TARGET_IP:PORT [delay MS] [loss P] [copy P] [reorder P] [corrupt P] [seed N]\n");
        exit(2);
    }
    memcpy(host, argv[2], (size_t)(colon - argv[2]));
    host[colon - argv[2]] = 0;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    if (inet_pton(AF_INET, host, &target.sin_addr) != 1)
        exit(2);
    for (int i = 3; i + 1 < argc; i += 2) {
        unsigned value = (unsigned)atoi(argv[i + 1]);
        if (!strcmp(argv[i], "delay"))
            delay = value * UINT64_C(1000000);
        else if (!strcmp(argv[i], "seed"))
            dice = value;
        else
            *fault(argv[i]) = value;
    }
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_signal};
    configure(argc, argv);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sockets[CLIENT] = open_socket((uint16_t)atoi(argv[1]));
    sockets[SERVER] = open_socket(0);
    printf("ready\n");
    fflush(stdout);
    while (!quit) {
        if (rebind) {
            rebind = 0;
            close(sockets[SERVER]);
            sockets[SERVER] = open_socket(0);
        }
        struct pollfd polled[2] = {{sockets[0], POLLIN, 0}, {sockets[1], POLLIN, 0}};
        uint64_t t = now(), left = count ? (heap[0].at > t ? heap[0].at - t : 0) : 1000000000;
        struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        ppoll(polled, 2, &wait, NULL);
        take(CLIENT);
        take(SERVER);
        for (t = now(); count && heap[0].at <= t;) {
            struct item item = pop();
            put(&item);
            free(item.bytes);
        }
    }
    printf("passed %llu lost %llu copied %llu reordered %llu corrupted %llu\n", (unsigned long long)passed,
           (unsigned long long)lost, (unsigned long long)copied, (unsigned long long)reordered,
           (unsigned long long)corrupted);
    return 0;
}
