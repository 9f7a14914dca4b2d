/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <poll.h>
#include <time.h>

/* poll(2) does not count the sleep of the machine, loop_now() does: a long wait is cut into pieces of this
 * length. */
#define LONGEST_POLL UINT64_C(5000000000)

struct loop_watch {
    struct loop *loop;
    int fd;
    unsigned interest;
    loop_fd_fn *fn; /* NULL: unwatched during a dispatch, freed after it */
    void *arg;
};

struct loop_timer {
    struct loop *loop;
    uint64_t deadline; /* 0: off */
    uint64_t order;    /* of the setting; decides between equal deadlines */
    loop_timer_fn *fn;
    void *arg;
};

struct loop {
    struct loop_watch **watches;
    struct pollfd *polled;
    size_t watch_count, watch_room;
    struct loop_timer **timers;
    size_t timer_count, timer_room;
    uint64_t settings;
    bool dispatching, dead;
};

uint64_t loop_now(void) {
    struct timespec now;
#ifdef CLOCK_BOOTTIME
    if (clock_gettime(CLOCK_BOOTTIME, &now) == 0)
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct loop *loop_new(void) {
    return calloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    for (size_t i = 0; i < loop->watch_count; i++)
        free(loop->watches[i]);
    for (size_t i = 0; i < loop->timer_count; i++)
        free(loop->timers[i]);
    free(loop->watches);
    free(loop->polled);
    free(loop->timers);
    free(loop);
}

static bool room_for_watch(struct loop *loop) {
    if (loop->watch_count < loop->watch_room)
        return true;
    size_t room = loop->watch_room ? loop->watch_room * 2 : 16;
    struct loop_watch **watches = realloc(loop->watches, room * sizeof *watches);
    if (!watches)
        return false;
    loop->watches = watches;
    struct pollfd *polled = realloc(loop->polled, room * sizeof *polled);
    if (!polled)
        return false;
    loop->polled = polled;
    loop->watch_room = room;
    return true;
}

struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned interest, loop_fd_fn *fn, void *arg) {
    struct loop_watch *watch = room_for_watch(loop) ? malloc(sizeof *watch) : NULL;
    if (!watch)
        return NULL;
    *watch = (struct loop_watch){.loop = loop, .fd = fd, .interest = interest, .fn = fn, .arg = arg};
    loop->watches[loop->watch_count++] = watch;
    return watch;
}

void loop_interest(struct loop_watch *watch, unsigned interest) {
    watch->interest = interest;
}

static void sweep(struct loop *loop) {
    size_t kept = 0;
    for (size_t i = 0; i < loop->watch_count; i++) {
        if (loop->watches[i]->fn)
            loop->watches[kept++] = loop->watches[i];
        else
            free(loop->watches[i]);
    }
    loop->watch_count = kept;
    loop->dead = false;
}

void loop_unwatch(struct loop_watch *watch) {
    if (!watch)
        return;
    watch->fn = NULL;
    watch->loop->dead = true;
    if (!watch->loop->dispatching)
        sweep(watch->loop);
}

struct loop_timer *loop_timer(struct loop *loop, loop_timer_fn *fn, void *arg) {
    if (loop->timer_count == loop->timer_room) {
        size_t room = loop->timer_room ? loop->timer_room * 2 : 8;
        struct loop_timer **timers = realloc(loop->timers, room * sizeof *timers);
        if (!timers)
            return NULL;
        loop->timers = timers;
        loop->timer_room = room;
    }
    struct loop_timer *timer = malloc(sizeof *timer);
    if (!timer)
        return NULL;
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
    loop->timers[loop->timer_count++] = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline) {
    timer->deadline = deadline;
    timer->order = ++timer->loop->settings;
}

void loop_timer_free(struct loop_timer *timer) {
    if (!timer)
        return;
    struct loop *loop = timer->loop;
    for (size_t i = 0; i < loop->timer_count; i++) {
        if (loop->timers[i] == timer) {
            loop->timers[i] = loop->timers[--loop->timer_count];
            break;
        }
    }
    free(timer);
}

/* The timer to fire first among those set not later than setting number `newest`; NULL when none is set. */
static struct loop_timer *first_timer(const struct loop *loop, uint64_t newest) {
    struct loop_timer *first = NULL;
    for (size_t i = 0; i < loop->timer_count; i++) {
        struct loop_timer *timer = loop->timers[i];
        if (!timer->deadline || timer->order > newest)
            continue;
        if (!first || timer->deadline < first->deadline ||
            (timer->deadline == first->deadline && timer->order < first->order))
            first = timer;
    }
    return first;
}

static int run_timers(struct loop *loop) {
    int ran = 0;
    uint64_t now = loop_now(),
             newest = loop->settings; /* what a callback sets anew waits for the next round */
    struct loop_timer *timer;
    while ((timer = first_timer(loop, newest)) && timer->deadline <= now) {
        timer->deadline = 0;
        timer->fn(timer->arg);
        ran++;
    }
    return ran;
}

static unsigned readiness(short revents, unsigned interest) {
    unsigned ready = 0;
    if (revents & POLLIN)
        ready |= LOOP_READ;
    if (revents & POLLOUT)
        ready |= LOOP_WRITE;
    if (revents & (POLLERR | POLLNVAL))
        ready |= LOOP_ERROR;
    if (revents & (POLLERR | POLLNVAL | POLLHUP))
        ready |= interest; /* whoever waits to read or write learns the reason by doing so */
    return ready;
}

static int run_watches(struct loop *loop, size_t count) {
    int ran = 0;
    for (size_t i = 0; i < count; i++) {
        struct loop_watch *watch = loop->watches[i];
        if (!loop->polled[i].revents || !watch->fn)
            continue;
        unsigned ready = readiness(loop->polled[i].revents, watch->interest) & (watch->interest | LOOP_ERROR);
        if (!ready || !watch->interest)
            continue;
        watch->fn(watch->arg, ready);
        ran++;
    }
    return ran;
}

static int poll_for(struct pollfd *polled, size_t count, uint64_t ns) {
#ifdef __linux__
    struct timespec wait = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    return ppoll(polled, (nfds_t)count, &wait, NULL);
#else
    return poll(polled, (nfds_t)count, (int)((ns + 999999u) / 1000000u));
#endif
}

/* Waits until `deadline`, or until a descriptor is ready. Returns how many are, -1 on error. */
static int wait_until(struct loop *loop, uint64_t deadline) {
    for (;;) {
        for (size_t i = 0; i < loop->watch_count; i++) {
            unsigned interest = loop->watches[i]->interest;
            loop->polled[i] = (struct pollfd){
                .fd = interest ? loop->watches[i]->fd : -1,
                .events = (short)((interest & LOOP_READ ? POLLIN : 0) |
                                  (interest & LOOP_WRITE ? POLLOUT : 0)),
            };
        }
        uint64_t now = deadline ? loop_now() : 0;
        uint64_t left = deadline > now ? deadline - now : 0;
        int ready = poll_for(loop->polled, loop->watch_count, left < LONGEST_POLL ? left : LONGEST_POLL);
        if (ready > 0 || (ready < 0 && errno != EINTR) || (!ready && left <= LONGEST_POLL))
            return ready;
        if (ready < 0 && !left)
            return 0;
    }
}

int loop_once(struct loop *loop, int64_t timeout_ns) {
    uint64_t deadline = timeout_ns < 0 ? UINT64_MAX : timeout_ns ? loop_now() + (uint64_t)timeout_ns : 0;
    struct loop_timer *timer = first_timer(loop, UINT64_MAX);
    if (timer && timer->deadline < deadline)
        deadline = timer->deadline;
    size_t count = loop->watch_count;
    int ready = wait_until(loop, deadline);
    if (ready < 0)
        return -1;
    loop->dispatching = true;
    int ran = ready ? run_watches(loop, count) : 0;
    ran += run_timers(loop);
    loop->dispatching = false;
    if (loop->dead)
        sweep(loop);
    return ran;
}
