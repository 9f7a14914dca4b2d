/* SPDX-License-Identifier: MIT */
/* Work in a child process: what it says, and that one that hangs, dies or is stopped holds nobody up. Time
 * passes here as the work says. */
#include "../../src/guest/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_check.h"

static struct loop *loop;
static struct attempt *attempt;
static char heard[ATTEMPT_TEXT];
static int ends, foreign[2];

static unsigned left; /* seconds until the alarm, 0: none is set */

unsigned alarm(unsigned seconds) {
    left = seconds;
    return 0;
}

static void spend(unsigned seconds) {
    if (left && seconds >= left)
        raise(SIGALRM);
    left -= left ? seconds : 0;
}

static void on_done(void *ctx, const char *said) {
    (void)ctx;
    ends++;
    snprintf(heard, sizeof heard, "%s", said);
}

/* The loop until it ended. */
static void finish(attempt_work_fn *work) {
    ends = 0;
    attempt = attempt_new(loop, work, on_done, NULL);
    expect(attempt_start(attempt) && attempt_start(attempt), "not started");
    while (ends == 0)
        loop_once(loop, -1);
    attempt_free(attempt);
}

static void speak(void *ctx, char *said, size_t size) {
    (void)ctx;
    snprintf(said, size, "it answered");
}

static void shout(void *ctx, char *said, size_t size) {
    (void)ctx;
    memset(said, 'a', size - 1);
    said[size - 1] = '\0';
}

static void hang(void *ctx, char *said, size_t size) {
    (void)ctx;
    for (int i = 0; i < 10000; i++)
        spend(1);
    snprintf(said, size, "nothing ended it");
}

static void wait_for_ever(void *ctx, char *said, size_t size) {
    (void)ctx;
    for (;;)
        pause();
    snprintf(said, size, "never told");
}

static void crash(void *ctx, char *said, size_t size) {
    (void)ctx;
    snprintf(said, size, "never told");
    raise(SIGKILL);
}

/* Three steps, together longer than one may take. */
static void long_work(void *ctx, char *said, size_t size) {
    (void)ctx;
    for (int i = 0; i < 3; i++) {
        attempt_step();
        spend(ATTEMPT_SECONDS - 1);
    }
    snprintf(said, size, "three steps");
}

static void look_around(void *ctx, char *said, size_t size) {
    (void)ctx;
    bool closed = fcntl(foreign[0], F_GETFD) < 0 && errno == EBADF && fcntl(foreign[1], F_GETFD) < 0;
    snprintf(said, size, "%s", closed ? "alone" : "it holds what is the guest's");
}

static void told(void) {
    finish(speak);
    expect(strcmp(heard, "it answered") == 0 && ends == 1, "heard \"%s\" %d times", heard, ends);
    finish(shout);
    expect(strlen(heard) == ATTEMPT_TEXT - 1, "heard %zu bytes", strlen(heard));
}

static void silent(void) {
    finish(hang);
    expect(heard[0] == '\0' && ends == 1, "heard \"%s\" of one that hung", heard);
    finish(crash);
    expect(heard[0] == '\0' && ends == 1, "heard \"%s\" of one that died", heard);
}

static void stepwise(void) {
    finish(long_work);
    expect(strcmp(heard, "three steps") == 0, "heard \"%s\"", heard);
}

static void alone(void) {
    expect(pipe(foreign) == 0, "no pipe");
    finish(look_around);
    expect(strcmp(heard, "alone") == 0, "%s", heard);
}

static void stopped(void) {
    ends = 0;
    attempt = attempt_new(loop, wait_for_ever, on_done, NULL);
    expect(attempt_start(attempt), "not started");
    attempt_stop(attempt);
    attempt_stop(attempt);
    expect(loop_once(loop, 0) >= 0 && ends == 0, "one that was stopped is told");
    attempt_free(attempt);
    finish(speak);
    expect(strcmp(heard, "it answered") == 0, "another after it: \"%s\"", heard);
}

int main(void) {
    loop = loop_new();
    case_of("what the work said is told, once", told);
    case_of("work that hangs or dies says nothing", silent);
    case_of("each step has its own time", stepwise);
    case_of("it holds nothing of the guest's", alone);
    case_of("stopped without a word", stopped);
    loop_free(loop);
    return failures != 0;
}
