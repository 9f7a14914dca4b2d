/* SPDX-License-Identifier: MIT */
#include "attempt.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

#define SECOND 1000000000ULL

struct attempt {
    struct loop *loop;
    attempt_work_fn *work;
    attempt_done_fn *done;
    void *ctx;
    struct loop_timer *limit;
    struct loop_watch *watch;
    pid_t child; /* 0: none runs */
    int pipe;
    char said[ATTEMPT_TEXT];
    size_t len;
};

void attempt_stop(struct attempt *attempt) {
    if (!attempt->child)
        return;
    loop_timer_set(attempt->limit, 0);
    loop_unwatch(attempt->watch);
    close(attempt->pipe);
    kill(attempt->child, SIGKILL);
    while (waitpid(attempt->child, NULL, 0) < 0 && errno == EINTR) {
    }
    attempt->watch = NULL;
    attempt->child = 0;
}

static void finish(void *arg) {
    struct attempt *attempt = arg;
    attempt_stop(attempt);
    attempt->said[attempt->len] = '\0';
    attempt->done(attempt->ctx, attempt->said);
}

static void on_words(void *arg, unsigned ready) {
    struct attempt *attempt = arg;
    (void)ready;
    ssize_t n = read(attempt->pipe, attempt->said + attempt->len, sizeof attempt->said - 1 - attempt->len);
    if (n > 0)
        attempt->len += (size_t)n;
    else if (n == 0 || errno != EINTR)
        finish(attempt);
}

void attempt_step(void) {
    alarm(ATTEMPT_SECONDS);
}

static _Noreturn void be_child(struct attempt *attempt, int out) {
    char said[ATTEMPT_TEXT] = "";
    attempt_step();
    for (int fd = 3; fd < 1024; fd++)
        if (fd != out)
            close(fd); /* another guest may need the tunnel's port and the claim on the directory while this
                          one is at work */
    attempt->work(attempt->ctx, said, sizeof said);
    _exit(write(out, said, strlen(said)) < 0);
}

struct attempt *attempt_new(struct loop *loop, attempt_work_fn *work, attempt_done_fn *done, void *ctx) {
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return NULL;
    *attempt = (struct attempt){.loop = loop, .work = work, .done = done, .ctx = ctx};
    attempt->limit = loop_timer(loop, finish, attempt);
    if (!attempt->limit) {
        free(attempt);
        return NULL;
    }
    return attempt;
}

void attempt_free(struct attempt *attempt) {
    if (!attempt)
        return;
    attempt_stop(attempt);
    loop_timer_free(attempt->limit);
    free(attempt);
}

bool attempt_start(struct attempt *attempt) {
    int ends[2];
    if (attempt->child)
        return true;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        be_child(attempt, ends[1]);
    int saved = errno;
    close(ends[1]);
    attempt->watch = child > 0 ? loop_watch(attempt->loop, ends[0], LOOP_READ, on_words, attempt) : NULL;
    attempt->pipe = ends[0];
    attempt->len = 0;
    if (child < 0) {
        close(ends[0]);
        errno = saved;
        return false;
    }
    attempt->child = child;
    /* The child's own alarm comes first. */
    loop_timer_set(attempt->limit, loop_now() + (ATTEMPT_STEPS * ATTEMPT_SECONDS + 5) * SECOND);
    return true;
}
