/* SPDX-License-Identifier: MIT */
/* start RUNS COMMAND [ARG...] [-- COMMAND [ARG...]]...: runs the commands in turn, RUNS rounds, each with
 * /dev/null as its standard input and output, and prints for each the median and the tenth percentile of the
 * microseconds from spawn to its end, and its exit code. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { COMMANDS_MAX = 16, WARM = 5 };

extern char **environ;

struct command {
    char **argv;
    double *times; /* microseconds */
    int status;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(struct command *command, const posix_spawn_file_actions_t *actions) {
    pid_t pid;
    double begin = now();
    int err = posix_spawnp(&pid, command->argv[0], actions, NULL, command->argv, environ);
    if (err) {
        fprintf(stderr, "%s: %s\n", command->argv[0], strerror(err));
        exit(1);
    }
    while (waitpid(pid, &command->status, 0) < 0)
        if (errno != EINTR)
            exit(1);
    return now() - begin;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Cuts the arguments at "--". Returns the number of commands. */
static int split(char **words, struct command *commands, int runs) {
    int count = 0;
    while (*words && count < COMMANDS_MAX) {
        commands[count].argv = words;
        commands[count].times = calloc((size_t)runs, sizeof(double));
        if (!commands[count++].times)
            exit(1);
        while (*words && strcmp(*words, "--") != 0)
            words++;
        if (*words)
            *words++ = NULL;
    }
    return count;
}

int main(int argc, char **argv) {
    int runs = argc > 2 ? atoi(argv[1]) : 0;
    if (runs < 1) {
        fprintf(stderr, "usage: %s RUNS COMMAND [ARG...] [-- COMMAND [ARG...]]...\n", argv[0]);
        return 2;
    }
    struct command commands[COMMANDS_MAX];
    int count = split(argv + 2, commands, runs);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    for (int i = -WARM; i < runs; i++)
        for (int c = 0; c < count; c++) {
            double took = run(&commands[c], &actions);
            if (i >= 0)
                commands[c].times[i] = took;
        }
    posix_spawn_file_actions_destroy(&actions);
    for (int c = 0; c < count; c++) {
        qsort(commands[c].times, (size_t)runs, sizeof(double), compare);
        int status = commands[c].status;
        printf("%.0f %.0f %d\n", commands[c].times[runs / 2], commands[c].times[runs / 10],
               WIFEXITED(status) ? WEXITSTATUS(status) : 255);
        free(commands[c].times);
    }
    return 0;
}
