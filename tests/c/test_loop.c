/* SPDX-License-Identifier: MIT */
/* The waiting place: order of timers, readiness, and changes made from inside callbacks. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/loop.h"

#define MS UINT64_C(1000000)

static int failures;

static void check(const char *name, bool good, const char *why) {
    if (good)
        printf("ok - %s\n", name);
    else
        printf("not ok - %s: %s\n", name, why);
    failures += !good;
}

/* What happened, one letter each. */
static char trace[64];

static void note(char letter) {
    size_t len = strlen(trace);
    if (len + 1 < sizeof trace) {
        trace[len] = letter;
        trace[len + 1] = '\0';
    }
}

static void check_trace(const char *name, const char *expected) {
    char why[160];
    snprintf(why, sizeof why, "expected \"%s\", got \"%s\"", expected, trace);
    check(name, strcmp(trace, expected) == 0, why);
    trace[0] = '\0';
}

/* A watched end of a socket pair and what its callback does. */
struct end {
    struct loop *loop;
    int fd, other;
    char letter;
    unsigned ready;
    struct loop_watch *watch, *victim, *added;
    bool drain, unwatch_self;
};

static void on_ready(void *arg, unsigned ready) {
    struct end *end = arg;
    char byte;
    note(end->letter);
    end->ready = ready;
    if (end->drain && (ready & LOOP_READ) && read(end->fd, &byte, 1) < 0)
        note('!');
    if (end->victim) {
        loop_unwatch(end->victim);
        end->victim = NULL;
    }
    if (end->unwatch_self)
        loop_unwatch(end->watch);
}

static void open_end(struct end *end, struct loop *loop, char letter, unsigned interest) {
    int pair[2];
    *end = (struct end){.loop = loop, .letter = letter, .drain = true};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return;
    end->fd = pair[0];
    end->other = pair[1];
    end->watch = loop_watch(loop, end->fd, interest, on_ready, end);
}

static void poke(struct end *end) {
    if (write(end->other, "x", 1) != 1)
        note('!');
}

static void close_end(struct end *end) {
    close(end->fd);
    if (end->other >= 0)
        close(end->other);
}

struct alarm {
    char letter;
    struct loop_timer *timer, *victim;
    uint64_t again;
};

static void on_timer(void *arg) {
    struct alarm *alarm = arg;
    note(alarm->letter);
    if (alarm->again) {
        loop_timer_set(alarm->timer, alarm->again);
        alarm->again = 0;
    }
    if (alarm->victim) {
        loop_timer_free(alarm->victim);
        alarm->victim = NULL;
    }
}

static void test_timer_order(void) {
    struct loop *loop = loop_new();
    struct alarm alarms[4] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}, {.letter = 'd'}};
    for (int i = 0; i < 4; i++)
        alarms[i].timer = loop_timer(loop, on_timer, &alarms[i]);
    uint64_t now = loop_now();
    loop_timer_set(alarms[0].timer, now + 1);
    loop_timer_set(alarms[3].timer, now);
    loop_timer_set(alarms[1].timer, now);
    loop_timer_set(alarms[2].timer, now + 1);
    loop_timer_set(alarms[2].timer, 0);
    int ran = loop_once(loop, 0);
    check_trace("timers fire by deadline, then by setting; one set to 0 is off", "dba");
    check("loop_once counts the callbacks", ran == 3, "not 3");
    check("a timer fires once per setting", loop_once(loop, 0) == 0 && !trace[0], "fired again");
    alarms[0].again = loop_now();
    loop_timer_set(alarms[0].timer, loop_now());
    ran = loop_once(loop, 0);
    check_trace("a timer set to now from its callback waits for the next round", "a");
    loop_once(loop, 0);
    check_trace("and fires there", "a");
    alarms[0].victim = alarms[1].timer;
    loop_timer_set(alarms[0].timer, loop_now());
    loop_timer_set(alarms[1].timer, loop_now());
    loop_once(loop, 0);
    check_trace("a due timer freed by an earlier one does not fire", "a");
    loop_free(loop);
}

static void test_waiting(void) {
    struct loop *loop = loop_new();
    struct alarm alarm = {.letter = 't'};
    alarm.timer = loop_timer(loop, on_timer, &alarm);
    uint64_t deadline = loop_now() + 20 * MS;
    loop_timer_set(alarm.timer, deadline);
    loop_once(loop, -1);
    check_trace("an endless wait ends with a timer", "t");
    check("and not before its deadline", loop_now() >= deadline, "fired early");
    uint64_t start = loop_now();
    int ran = loop_once(loop, (int64_t)(15 * MS));
    check("a wait without events lasts its time", ran == 0 && loop_now() >= start + 15 * MS, "ended early");
    loop_timer_set(alarm.timer, loop_now() + 3600 * 1000 * MS);
    check("a look does not wait for a far timer", loop_once(loop, 0) == 0, "something ran");
    loop_free(loop);
}

static void test_readiness(void) {
    struct loop *loop = loop_new();
    struct end a, b;
    open_end(&a, loop, 'a', LOOP_READ);
    open_end(&b, loop, 'b', 0);
    poke(&a);
    poke(&b);
    loop_once(loop, 0);
    check_trace("a watch without interest stays silent", "a");
    loop_interest(b.watch, LOOP_READ | LOOP_WRITE);
    loop_once(loop, 0);
    check_trace("an interest given later counts", "b");
    check("readable and writable are told together", b.ready == (LOOP_READ | LOOP_WRITE), "other readiness");
    loop_interest(b.watch, LOOP_READ);
    loop_interest(a.watch, LOOP_WRITE);
    loop_once(loop, 0);
    check_trace("only what is wanted and ready is told", "a");
    check("writable is told as such", a.ready == LOOP_WRITE, "other readiness");
    loop_interest(a.watch, LOOP_READ);
    close(a.other);
    a.other = -1;
    loop_once(loop, 0);
    check_trace("the other side's end is readable", "a");
    check("and no error", (a.ready & LOOP_READ) && !(a.ready & LOOP_ERROR), "other readiness");
    close_end(&a);
    close_end(&b);
    loop_free(loop);
}

static void test_unwatch_inside(void) {
    struct loop *loop = loop_new();
    struct end ends[3];
    for (int i = 0; i < 3; i++) {
        open_end(&ends[i], loop, (char)('a' + i), LOOP_READ);
        poke(&ends[i]);
    }
    ends[0].victim = ends[1].watch;
    ends[0].unwatch_self = true;
    int ran = loop_once(loop, 0);
    check_trace("a ready watch dropped by an earlier callback is not called", "ac");
    check("nor counted", ran == 2, "not 2");
    for (int i = 0; i < 3; i++)
        poke(&ends[i]);
    loop_once(loop, 0);
    check_trace("dropped watches stay silent", "c");
    for (int i = 0; i < 3; i++)
        close_end(&ends[i]);
    loop_free(loop);
}

static void on_ready_add(void *arg, unsigned ready) {
    struct end *end = arg;
    char byte;
    (void)ready;
    note(end->letter);
    if (read(end->fd, &byte, 1) != 1)
        note('!');
    for (int i = 0; i < 40; i++) /* more than the first room, so that the arrays move under the dispatch */
        end->added = loop_watch(end->loop, end->other, i == 39 ? LOOP_WRITE : 0, on_ready, end);
    end->letter = 'n';
    end->drain = false;
}

static void test_watch_inside(void) {
    struct loop *loop = loop_new();
    struct end a, b;
    open_end(&a, loop, 'a', 0);
    open_end(&b, loop, 'b', LOOP_READ);
    struct loop_watch *watch = loop_watch(loop, a.fd, LOOP_READ, on_ready_add, &a);
    poke(&a);
    poke(&b);
    loop_once(loop, 0);
    check_trace("a watch added by a callback waits for the next round", "ba");
    loop_once(loop, 0);
    check_trace("and is told there", "n");
    loop_unwatch(watch);
    close_end(&a);
    close_end(&b);
    loop_free(loop);
}

static void on_timer_unwatch(void *arg) {
    struct end *end = arg;
    note('t');
    loop_unwatch(end->watch);
}

static void test_order_of_kinds(void) {
    struct loop *loop = loop_new();
    struct end a;
    open_end(&a, loop, 'a', LOOP_READ);
    struct loop_timer *timer = loop_timer(loop, on_timer_unwatch, &a);
    loop_timer_set(timer, loop_now());
    poke(&a);
    loop_once(loop, -1);
    check_trace("what arrived is told before a timer that is due as well", "at");
    poke(&a);
    loop_once(loop, 0);
    check_trace("a watch dropped by a timer stays silent", "");
    close_end(&a);
    loop_free(loop);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(60); /* hang guard */
    test_timer_order();
    test_waiting();
    test_readiness();
    test_unwatch_inside();
    test_watch_inside();
    test_order_of_kinds();
    return failures != 0;
}
