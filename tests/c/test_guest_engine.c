/* SPDX-License-Identifier: MIT */
/* The engine's restarts: real processes, the clock is told. */
#include "../../src/guest/engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest_check.h"

#define SECOND 1000000000ULL

static char dir[240];
static struct store store;
static struct config config;
static struct engine *engine;
static struct engine_status status;

static void begin(const char *command) {
    static char shell[] = "/bin/sh", option[] = "-c", path[] = "PATH=/usr/bin:/bin";
    static char script[200];
    memset(&config, 0, sizeof config);
    if (command) {
        snprintf(script, sizeof script, "%s", command);
        config.engine_argv = (struct config_list){.item = {shell, option, script}, .count = 3};
        config.engine_env = (struct config_list){.item = {path}, .count = 1};
    }
    engine = engine_new(&config, &store);
}

static void look(void) {
    engine_get_status(engine, &status);
}

/* Ticks at `now` until the process has ended by itself. */
static void ended(uint64_t now) {
    static const struct timespec moment = {.tv_nsec = 2000000};
    look();
    uint64_t before = status.restarts;
    for (int i = 0; i < 10000 && !case_bad; i++) {
        engine_tick(engine, now);
        look();
        if (!status.running)
            return;
        expect(status.restarts == before, "it is restarted without a pause");
        nanosleep(&moment, NULL);
    }
    expect(false, "the engine does not end");
}

static void done(uint64_t now) {
    look();
    if (status.running) {
        engine_stop(engine, now);
        ended(now + 5 * SECOND);
    }
    free(engine);
}

static void pauses(void) {
    static const unsigned wanted[] = {1, 2, 4, 8, 16, 30, 30, 30};
    uint64_t now = SECOND;
    begin("exit 3");
    engine_tick(engine, now);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && !case_bad; i++) {
        ended(now);
        expect(strcmp(status.last_exit, "status 3") == 0, "last exit: %s", status.last_exit);
        engine_tick(engine, now + wanted[i] * SECOND - 1);
        look();
        expect(!status.running && status.restarts == i, "restart %zu came before %u s", i, wanted[i]);
        now += wanted[i] * SECOND;
        engine_tick(engine, now);
        look();
        expect(status.running && status.restarts == i + 1, "restart %zu did not come after %u s", i,
               wanted[i]);
    }
    done(now);
}

/* A minute of good service makes the next pause short again. */
static void steady(void) {
    uint64_t now = SECOND;
    begin("exit 1");
    engine_tick(engine, now);
    for (int i = 0; i < 5; i++) {
        ended(now);
        now += 30 * SECOND;
        engine_tick(engine, now);
    }
    ended(now + 60 * SECOND - 1);
    engine_tick(engine, now + 62 * SECOND);
    look();
    expect(!status.running, "an engine that had no minute is restarted after a second");
    now += 90 * SECOND;
    engine_tick(engine, now);
    ended(now + 60 * SECOND);
    engine_tick(engine, now + 61 * SECOND);
    look();
    expect(status.running, "the pause is still long after a minute of service");
    done(now + 61 * SECOND);
}

static void stopped(void) {
    uint64_t now = SECOND;
    begin("trap '' TERM; echo ready; while :; do sleep 1; done");
    engine_tick(engine, now);
    char said[16] = "";
    for (int i = 0; i < 10000 && !strstr(said, "ready"); i++, usleep(2000))
        said[store_tail(&store, "engine.log", said, sizeof said - 1)] = '\0';
    look();
    pid_t pid = (pid_t)status.pid;
    engine_stop(engine, now);
    engine_tick(engine, now + 5 * SECOND - 1);
    look();
    expect(status.running && kill(pid, 0) == 0, "killed before it had its 5 seconds");
    ended(now + 5 * SECOND);
    expect(strcmp(status.last_exit, "signal 9") == 0, "last exit: %s", status.last_exit);
    engine_tick(engine, now + 500 * SECOND);
    look();
    expect(!status.running, "an engine that was ended for good is started again");
    free(engine);
}

static void signals(void) {
    static const char *const names[] = {"HUP", "INT", "TERM", "QUIT", "USR1", "USR2", "XFSZ"};
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGXFSZ};
    char command[64], wanted[32];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_IGN); /* as the guest does */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(command, sizeof command, "kill -%s $$; exit 0", names[i]);
        snprintf(wanted, sizeof wanted, "signal %d", numbers[i]);
        begin(command);
        engine_tick(engine, SECOND);
        ended(SECOND);
        expect(strcmp(status.last_exit, wanted) == 0, "%s is ignored by the engine: %s", names[i],
               status.last_exit);
        free(engine);
    }
}

static void leftover(void) {
    begin("exec sleep 600");
    engine_tick(engine, SECOND);
    struct engine *later = engine_new(&config, &store);
    ended(SECOND);
    expect(strcmp(status.last_exit, "signal 9") == 0, "an earlier guest's engine goes on: %s",
           status.last_exit);
    free(engine);
    free(later);
    /* A pid that another process got meanwhile: its birth is not the recorded one. */
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    char text[40];
    int n = snprintf(text, sizeof text, "%ld 12345\n", (long)child);
    expect(setpgid(child, child) == 0 && store_write(&store, "engine.pid", text, (size_t)n), "not written");
    begin("exit 0");
    kill(child, SIGALRM); /* whichever signal came first ended it */
    expect(waitpid(child, &n, 0) == child && WIFSIGNALED(n) && WTERMSIG(n) == SIGALRM,
           "a stranger was ended");
    free(engine);
}

static void none(void) {
    begin(NULL);
    engine_tick(engine, SECOND);
    look();
    expect(!status.running && status.restarts == 0 && status.last_exit[0] == '\0', "no engine was wanted");
    free(engine);
}

int main(void) {
    const char *temp = getenv("TMPDIR");
    char path[300];
    snprintf(dir, sizeof dir, "%.200s/cplz-engine-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(dir) || !store_open(&store, dir))
        return 1;
    case_of("restarts after 1, 2, 4 ... 30 seconds, for ever", pauses);
    case_of("a minute of service makes the pause short again", steady);
    case_of("ended for good: TERM, 5 seconds, KILL, never again", stopped);
    case_of("the engine gets its signals back", signals);
    case_of("an earlier guest's engine is ended, a stranger with its pid is not", leftover);
    case_of("no engine", none);
    snprintf(path, sizeof path, "rm -rf %s", dir);
    return system(path) != 0 || failures != 0;
}
