/* SPDX-License-Identifier: MIT */
/* A server and a client over the kernel's TCP that check every byte. traffic serve IP PORT traffic get IP
 * PORT UP DOWN [count N] [at-once K] [slow MS] [unix PATH] [raw 1] streams of UP and DOWN bytes at once
 * traffic echo IP PORT COUNT latency of one byte, microseconds traffic refused IP PORT 0 when the connection
 * is refused or reset raw: bytes are neither made nor checked, for measuring. A question is 16 bytes (bytes
 * up, bytes down), then the stream; the answer is the stream down and 8 bytes of hash of the stream up, sent
 * after the question's end. Prints "ok CONNECTIONS SECONDS MBIT" or what was wrong. Ends by itself after 120
 * s. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256 << 10 };
#define RAW (UINT64_C(1) << 62) /* in the length of the stream down */

static bool raw;

struct stream {
    uint64_t size, done, hash;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    printf("failed: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The byte at position `at` of every stream, cheap to make and without a period that a segment could
 * match. */
static void fill(uint8_t *out, size_t len, uint64_t at) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)((at + i) * 131 ^ (at + i) >> 11);
}

static void hash(struct stream *s, const uint8_t *bytes, size_t len) {
    uint64_t h = s->hash, word;
    for (size_t i = 0; i < len && !raw; i++) { /* eight bytes by position, so that pieces do not matter */
        word = bytes[i];
        h += (word + 1) * (s->done + i + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    }
    s->hash = h;
    s->done += len;
}

static uint64_t expected(uint64_t size) {
    static uint8_t buffer[BUFFER];
    struct stream s = {.size = size};
    while (s.done < size && !raw) {
        size_t len = size - s.done < BUFFER ? (size_t)(size - s.done) : BUFFER;
        fill(buffer, len, s.done);
        hash(&s, buffer, len);
    }
    return s.hash;
}

static bool send_piece(int fd, struct stream *out) {
    static uint8_t buffer[BUFFER];
    size_t len = out->size - out->done < BUFFER ? (size_t)(out->size - out->done) : BUFFER;
    if (!raw)
        fill(buffer, len, out->done);
    ssize_t put = send(fd, buffer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        out->done += (uint64_t)put;
    return put > 0 || errno == EAGAIN;
}

static bool read_exactly(int fd, void *to, size_t len) {
    for (size_t done = 0; done < len;) {
        ssize_t got = read(fd, (uint8_t *)to + done, len - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Sends `out`, ends its half, reads `in` (a stream of known size). False when the connection breaks. */
static bool exchange(int fd, struct stream *out, struct stream *in, bool end, int slow) {
    static uint8_t buffer[BUFFER];
    bool ended = false;
    while (out->done < out->size || in->done < in->size || (end && !ended)) {
        if (out->done == out->size && end && !ended) {
            shutdown(fd, SHUT_WR);
            ended = true;
        }
        struct pollfd p = {
            fd, (short)((out->done < out->size ? POLLOUT : 0) | (in->done < in->size ? POLLIN : 0)), 0};
        if (!p.events)
            break;
        if (poll(&p, 1, -1) < 0)
            return false;
        if (p.revents & POLLOUT && !send_piece(fd, out))
            return false;
        if (p.revents & (POLLIN | POLLHUP | POLLERR) && in->done < in->size) {
            size_t want = in->size - in->done < BUFFER ? (size_t)(in->size - in->done) : BUFFER;
            ssize_t got = read(fd, buffer, slow ? want < 8192 ? want : 8192 : want);
            if (got <= 0)
                return false;
            hash(in, buffer, (size_t)got);
            if (slow)
                usleep((useconds_t)slow * 1000);
        }
    }
    return true;
}

static void answer(int fd) {
    uint64_t head[2];
    uint8_t byte, rest[64];
    if (!read_exactly(fd, head, sizeof head))
        exit(1);
    if (head[0] == UINT64_MAX) { /* echo */
        while (read(fd, &byte, 1) == 1)
            if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
                exit(1);
        exit(0);
    }
    raw = head[1] & RAW;
    struct stream in = {.size = head[0]}, out = {.size = head[1] & ~RAW};
    if (!exchange(fd, &out, &in, false, 0) || read(fd, rest, sizeof rest) != 0)
        exit(1);
    if (send(fd, &in.hash, sizeof in.hash, MSG_NOSIGNAL) != sizeof in.hash)
        exit(1);
    exit(0);
}

static struct sockaddr_in address(const char *ip, const char *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, ip, &name.sin_addr) != 1)
        exit(2);
    return name;
}

static void serve(char **argv) {
    struct sockaddr_in name = address(argv[2], argv[3]);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGCHLD, SIG_IGN);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) || listen(fd, 1024))
        fail("serve");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int c = accept(fd, NULL, NULL);
        if (c < 0)
            continue;
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fork() == 0) {
            close(fd);
            answer(c);
        }
        close(c);
    }
}

struct job {
    struct sockaddr_in to;
    const char *path;
    uint64_t up, down;
    unsigned count, at_once;
    int slow;
};

static int dial(const struct job *job) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int on = 1, fd = socket(job->path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    if (job->path)
        snprintf(name.sun_path, sizeof name.sun_path, "%s", job->path);
    else
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const void *to = job->path ? (const void *)&name : &job->to;
    if (fd < 0 || connect(fd, to, job->path ? sizeof name : sizeof job->to))
        fail("connect");
    return fd;
}

static void run_job(const struct job *job) {
    uint64_t up = expected(job->up), down = expected(job->down),
             head[2] = {job->up, job->down | (raw ? RAW : 0)}, said;
    uint8_t rest;
    for (unsigned i = 0; i < job->count; i++) {
        int fd = dial(job);
        struct stream out = {.size = job->up}, in = {.size = job->down};
        if (send(fd, head, sizeof head, MSG_NOSIGNAL) != sizeof head)
            fail("send");
        if (!exchange(fd, &out, &in, true, job->slow))
            fail("exchange");
        if (in.hash != down || !read_exactly(fd, &said, sizeof said) || said != up ||
            read(fd, &rest, 1) != 0) {
            printf("failed: connection %u: bytes differ\n", i);
            exit(1);
        }
        close(fd);
    }
}

static int get(int argc, char **argv) {
    struct job job = {.to = address(argv[2], argv[3]),
                      .up = strtoull(argv[4], NULL, 10),
                      .down = strtoull(argv[5], NULL, 10),
                      .count = 1,
                      .at_once = 1};
    for (int i = 6; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "count"))
            job.count = (unsigned)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "at-once"))
            job.at_once = (unsigned)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "slow"))
            job.slow = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "raw"))
            raw = true;
        else
            job.path = argv[i + 1];
    }
    double start = now();
    int status, failed = 0;
    if (job.at_once == 1) {
        run_job(&job);
    } else {
        for (unsigned i = 0; i < job.at_once; i++)
            if (fork() == 0) {
                run_job(&job);
                exit(0);
            }
        while (wait(&status) > 0)
            failed += status != 0;
    }
    double took = now() - start;
    if (failed)
        printf("failed: %d of %u\n", failed, job.at_once);
    else
        printf("ok %u %.2f %.0f\n", job.count * job.at_once, took,
               (double)(job.up + job.down) * job.count * job.at_once * 8 / 1e6 / took);
    return failed > 0;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int echo(char **argv) {
    struct job job = {.to = address(argv[2], argv[3])};
    int count = atoi(argv[4]), fd = dial(&job);
    uint64_t head[2] = {UINT64_MAX, 0};
    uint8_t byte = 1;
    double *took = calloc((size_t)count, sizeof *took);
    if (!took || send(fd, head, sizeof head, MSG_NOSIGNAL) != sizeof head)
        fail("send");
    for (int i = -1; i < count; i++) { /* the first one waits for the connection and is not counted */
        double start = now();
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || read(fd, &byte, 1) != 1)
            fail("echo");
        if (i >= 0)
            took[i] = now() - start;
    }
    qsort(took, (size_t)count, sizeof *took, compare);
    printf("ok %.0f %.0f\n", took[count / 2] * 1e6, took[count * 99 / 100] * 1e6);
    return 0;
}

static int refused(char **argv) {
    struct sockaddr_in to = address(argv[2], argv[3]);
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool refuses = connect(fd, (struct sockaddr *)&to, sizeof to) != 0;
    bool good = refuses ? errno == ECONNREFUSED : read(fd, &byte, 1) < 0 && errno == ECONNRESET;
    printf("%s\n", good ? "ok" : "failed: not refused");
    return !good;
}

int main(int argc, char **argv) {
    if (argc >= 4 && !strcmp(argv[1], "serve"))
        serve(argv);
    alarm(120);
    if (argc >= 6 && !strcmp(argv[1], "get"))
        return get(argc, argv);
    if (argc >= 5 && !strcmp(argv[1], "echo"))
        return echo(argv);
    if (argc >= 4 && !strcmp(argv[1], "refused"))
        return refused(argv);
    fprintf(stderr, "traffic serve|get|echo|refused IP PORT ...\n");
    return 2;
}
