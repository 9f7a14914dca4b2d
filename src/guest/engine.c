/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <signal.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define SECOND 1000000000ULL
#define LONGEST_PAUSE (30 * SECOND)
#define STEADY (60 * SECOND)
#define PATIENCE (5 * SECOND)
#define ENGINE_LOG_LIMIT (1 << 20)
#define OOM_SCORE "300"

extern char **environ;

struct engine {
    const struct config *config;
    const struct store *store;
    pid_t pid; /* also its process group; 0: not running */
    uint64_t started, next, kill_at;
    uint64_t pause;
    uint64_t starts;
    bool stopping;
    bool scored; /* it goes first when memory runs out */
    char last_exit[48];
};

bool engine_score(long pid, const char *score) {
    char path[48] = "/proc/self/oom_score_adj";
    if (pid)
        snprintf(path, sizeof path, "/proc/%ld/oom_score_adj", pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, score, strlen(score)) == (ssize_t)strlen(score);
    if (fd >= 0)
        close(fd);
    return good;
}

static void record(const struct engine *engine) {
    char text[64];
    int n = snprintf(text, sizeof text, "%ld %llu\n", (long)engine->pid, sys_birth(engine->pid));
    if (!store_write(engine->store, "engine.pid", text, (size_t)n))
        store_log(engine->store, "the engine's process could not be recorded: %s", strerror(errno));
}

/* To a running engine and what it started; in its first moment it has no group yet. */
static void send_signal(pid_t pid, int number) {
    if (kill(-pid, number) != 0)
        kill(pid, number);
}

/* A guest that was killed may have left its engine on the port that the new one needs. */
static void end_leftover(const struct engine *engine) {
    char text[64];
    long n = store_read(engine->store, "engine.pid", text, sizeof text - 1), pid;
    unsigned long long birth;
    if (n <= 0)
        return;
    text[n] = '\0';
    if (sscanf(text, "%ld %llu", &pid, &birth) == 2 && pid > 1 && birth != 0 && sys_birth(pid) == birth) {
        send_signal((pid_t)pid, SIGKILL);
        store_log(engine->store, "ended the engine that an earlier guest had started, process %ld", pid);
    }
    store_remove(engine->store, "engine.pid");
}

struct engine *engine_new(const struct config *config, const struct store *store) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->config = config;
    engine->store = store;
    engine->pause = SECOND;
    end_leftover(engine);
    return engine;
}

/* In the child, up to the exec. */
static _Noreturn void become(const struct engine *engine, pid_t parent, int log) {
    char *argv[CONFIG_LIST + 1] = {0}, *env[CONFIG_LIST + 1] = {0};
    memcpy(argv, engine->config->engine_argv.item, engine->config->engine_argv.count * sizeof argv[0]);
    memcpy(env, engine->config->engine_env.item, engine->config->engine_env.count * sizeof env[0]);
    static const int back[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ};
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++)
        signal(back[i], SIG_DFL);
    setsid();
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    engine_score(0, OOM_SCORE);
#else
    (void)parent;
#endif
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(log >= 0 ? log : null, 1);
    dup2(log >= 0 ? log : null, 2);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    environ = env;
    execvp(argv[0], argv);
    dprintf(2, "continueplz-guest: cannot start %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void start(struct engine *engine, uint64_t now) {
    int log = store_append(engine->store, "engine.log");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(engine, parent, log);
    int saved = errno;
    if (log >= 0)
        close(log);
    engine->started = now;
    engine->starts++;
    if (pid < 0) {
        snprintf(engine->last_exit, sizeof engine->last_exit, "cannot start: %s", strerror(saved));
        engine->next = now + engine->pause;
        return;
    }
    engine->pid = pid;
    engine->scored = false;
    record(engine);
}

static void note_exit(struct engine *engine, int status, uint64_t now) {
    if (WIFSIGNALED(status))
        snprintf(engine->last_exit, sizeof engine->last_exit, "signal %d", WTERMSIG(status));
    else
        snprintf(engine->last_exit, sizeof engine->last_exit, "status %d", WEXITSTATUS(status));
    kill(-engine->pid, SIGKILL); /* what it had started itself */
    store_log(engine->store, "the engine ended: %s", engine->last_exit);
    store_remove(engine->store, "engine.pid");
    engine->pid = 0;
    if (now - engine->started >= STEADY)
        engine->pause = SECOND;
    engine->next = now + engine->pause;
    engine->pause = engine->pause * 2 < LONGEST_PAUSE ? engine->pause * 2 : LONGEST_PAUSE;
}

void engine_tick(struct engine *engine, uint64_t now) {
    int status;
    if (engine->config->engine_argv.count == 0)
        return;
    if (engine->pid && waitpid(engine->pid, &status, WNOHANG) == engine->pid)
        note_exit(engine, status, now);
    /* It tries by itself before it starts; a guest that is not root's can do it only afterwards, from
     * outside. */
    if (engine->pid && !engine->scored && now - engine->started >= SECOND / 2)
        engine->scored = engine_score(engine->pid, OOM_SCORE);
    if (engine->stopping && engine->pid && now >= engine->kill_at)
        send_signal(engine->pid, SIGKILL);
    if (!engine->stopping && !engine->pid && now >= engine->next)
        start(engine, now);
    store_trim(engine->store, "engine.log", ENGINE_LOG_LIMIT);
}

void engine_stop(struct engine *engine, uint64_t now) {
    if (engine->stopping)
        return;
    engine->stopping = true;
    engine->kill_at = now + PATIENCE;
    if (engine->pid)
        send_signal(engine->pid, SIGTERM);
}

void engine_get_status(const struct engine *engine, struct engine_status *out) {
    memset(out, 0, sizeof *out);
    out->running = engine->pid != 0;
    out->pid = (long)engine->pid;
    out->restarts = engine->starts > 1 ? engine->starts - 1 : 0;
    memcpy(out->last_exit, engine->last_exit, sizeof out->last_exit);
}
