/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "loop_lua.h"
#include "net.h"

#if defined __GLIBC__ && \
    defined __GLIBC_PREREQ /* of its own: another C library does not know what a call of it means */
#if __GLIBC_PREREQ(2, 34)
#define CLOSE_FROM 1
#endif
#endif

extern char **environ;

struct child {
    pid_t pid;
    lua_Integer id;
    struct child *next;
};

/* What one spawn holds until it is done. */
struct spawning {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int given[3]; /* the child's ends, -1: none */
    int kept[3];  /* our ends of pipes, -1: none */
};

static struct child *children;

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},     {"CHLD", SIGCHLD}, {"CONT", SIGCONT},
    {"FPE", SIGFPE},   {"HUP", SIGHUP},   {"ILL", SIGILL},     {"INT", SIGINT},   {"KILL", SIGKILL},
    {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},   {"STOP", SIGSTOP}, {"SYS", SIGSYS},
    {"TERM", SIGTERM}, {"TRAP", SIGTRAP}, {"TSTP", SIGTSTP},   {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"WINCH", SIGWINCH},
};

static const char *signal_name(int number) {
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}

static int signal_number(const char *name) {
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    return -1;
}

static void push_signal(lua_State *L, int number) {
    const char *name = signal_name(number);
    if (name)
        lua_pushstring(L, name);
    else
        lua_pushfstring(L, "%d", number);
}

static void reap(void) {
    for (struct child **link = &children; *link;) {
        struct child *child = *link;
        int status;
        pid_t got = waitpid(child->pid, &status, WNOHANG);
        if (got == 0 || (got < 0 && errno == EINTR)) {
            link = &child->next;
            continue;
        }
        lua_State *L = host_event_begin(child->id, "exit");
        if (got > 0 && WIFSIGNALED(status)) {
            push_signal(L, WTERMSIG(status));
            lua_setfield(L, -2, "signal");
        } else {
            host_set_integer(L, "status", got > 0 ? WEXITSTATUS(status) : -1);
        }
        host_event_end(L);
        *link = child->next;
        free(child);
    }
}

/* Leaves on the stack a block with the strings of the array in `field` and a final NULL; the table keeps the
 * strings alive. */
static char **strings(lua_State *L, const char *field, bool needed) {
    int type = lua_getfield(L, 1, field);
    if (type != LUA_TTABLE && (needed || type != LUA_TNIL))
        luaL_error(L, "field '%s': array of strings expected, got %s", field, lua_typename(L, type));
    lua_Integer count = type == LUA_TTABLE ? luaL_len(L, -1) : 0;
    if (needed && count < 1)
        luaL_error(L, "field '%s': is empty", field);
    char **list = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *list, 0);
    for (lua_Integer i = 0; i < count; i++) {
        if (lua_rawgeti(L, -2, i + 1) != LUA_TSTRING)
            luaL_error(L, "field '%s': item %I is not a string", field, (LUAI_UACINT)(i + 1));
        list[i] = (char *)lua_tostring(L, -1);
        if (strlen(list[i]) != lua_rawlen(L, -1))
            luaL_error(L, "field '%s': item %I has a zero byte", field, (LUAI_UACINT)(i + 1));
        lua_pop(L, 1);
    }
    list[count] = NULL;
    return list;
}

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

/* The wanted kind of each stream: "null", "pipe", "inherit" or "file:PATH". */
static void check_streams(lua_State *L, const char *kinds[3]) {
    for (int i = 0; i < 3; i++) {
        kinds[i] = host_opt_string(L, 1, stream_names[i], "null");
        if (strcmp(kinds[i], "null") != 0 && strcmp(kinds[i], "pipe") != 0 &&
            strcmp(kinds[i], "inherit") != 0 && strncmp(kinds[i], "file:", 5) != 0)
            luaL_error(L, "field '%s': null, pipe, inherit or file:PATH expected, got %s", stream_names[i],
                       kinds[i]);
    }
}

static bool open_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC) == 0;
#else
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
#endif
}

/* Opens what stream `i` of the child becomes. Returns 0 or errno. */
static int open_stream(struct spawning *spawning, int i, const char *kind) {
    if (strcmp(kind, "inherit") == 0)
        return 0;
    if (strcmp(kind, "pipe") == 0) {
        int ends[2];
        if (!open_pipe(ends))
            return errno;
        spawning->given[i] = ends[i != 0];
        spawning->kept[i] = ends[i == 0];
        fcntl(spawning->kept[i], F_SETFL, O_NONBLOCK);
    } else if (strcmp(kind, "null") == 0) {
        spawning->given[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    } else {
        int flags = i == 0 ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
        spawning->given[i] = open(kind + 5, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (spawning->given[i] < 0)
        return errno;
    return posix_spawn_file_actions_adddup2(&spawning->actions, spawning->given[i], i);
}

#if !defined POSIX_SPAWN_CLOEXEC_DEFAULT && !defined CLOSE_FROM
/* Marks, once, what this program was given when it was started: what it opens itself never reaches a
 * child. */
static void keep_inherited(void) {
    enum { LOOKED_AT = 4096 };
    static bool done;
    for (int fd = 3; fd < LOOKED_AT && !done; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    done = true;
}
#endif

/* The child starts with default signal handling, an empty mask and no descriptor but its three. Returns 0 or
 * errno. */
static int set_attributes(struct spawning *spawning, const char *cwd, bool session) {
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&spawning->attributes, &set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&set, signals[i].number);
    sigdelset(&set, SIGKILL);
    sigdelset(&set, SIGSTOP);
    posix_spawnattr_setsigdefault(&spawning->attributes, &set);
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
    for (int i = 0; i < 3; i++)
        if (spawning->given[i] < 0)
            posix_spawn_file_actions_addinherit_np(&spawning->actions, i);
#elif defined CLOSE_FROM
    int err = posix_spawn_file_actions_addclosefrom_np(&spawning->actions, 3);
    if (err)
        return err;
#else
    keep_inherited();
#endif
    if (session)
        flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(&spawning->attributes, flags);
    return cwd ? posix_spawn_file_actions_addchdir_np(&spawning->actions, cwd) : 0;
}

static void close_ends(int ends[3]) {
    for (int i = 0; i < 3; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* Starts the program; on failure *what is what was refused. Returns 0 or errno. */
static int start(struct spawning *spawning, const char *kinds[3], const char *cwd, bool session, char **argv,
                 char **env, pid_t *pid, const char **what) {
    int err = 0;
    for (int i = 0; i < 3 && !err; i++) {
        *what = strncmp(kinds[i], "file:", 5) == 0 ? kinds[i] + 5 : stream_names[i];
        err = open_stream(spawning, i, kinds[i]);
    }
    if (err)
        return err;
    *what = argv[0];
    err = set_attributes(spawning, cwd, session);
    if (!err)
        err = posix_spawnp(pid, argv[0], &spawning->actions, &spawning->attributes, argv, env);
    if (err == ENOENT && cwd && access(cwd, X_OK) != 0)
        *what = cwd;
    return err;
}

static int process_spawn(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *kinds[3], *what;
    check_streams(L, kinds);
    const char *cwd = host_opt_string(L, 1, "cwd", NULL);
    bool session = host_opt_bool(L, 1, "session", false);
    int nice = (int)host_opt_number(L, 1, "nice", 0);
    char **argv = strings(L, "argv", true);
    char **env = strings(L, "env", false);
    struct child *child = malloc(sizeof *child);
    if (!child)
        return luaL_error(L, "not enough memory");
    struct spawning spawning = {.given = {-1, -1, -1}, .kept = {-1, -1, -1}};
    posix_spawn_file_actions_init(&spawning.actions);
    posix_spawnattr_init(&spawning.attributes);
    int err = start(&spawning, kinds, cwd, session, argv, env, &child->pid, &what);
    posix_spawn_file_actions_destroy(&spawning.actions);
    posix_spawnattr_destroy(&spawning.attributes);
    close_ends(spawning.given);
    if (err) {
        close_ends(spawning.kept);
        free(child);
        return host_fail_errno(L, err, what);
    }
    if (nice)
        setpriority(PRIO_PROCESS, (id_t)child->pid, nice);
    child->id = host_next_id();
    child->next = children;
    children = child;
    lua_createtable(L, 0, 5);
    host_set_integer(L, "id", child->id);
    host_set_integer(L, "pid", child->pid);
    for (int i = 0; i < 3; i++) {
        if (spawning.kept[i] >= 0) {
            net_pushfd(L, spawning.kept[i]);
            lua_setfield(L, -2, stream_names[i]);
        }
    }
    return 1;
}

static int process_kill(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 0 && pid <= INT32_MAX, 1, "the number of one process expected");
    int number = 0;
    if (lua_type(L, 2) == LUA_TSTRING)
        number = signal_number(lua_tostring(L, 2));
    else
        luaL_argcheck(L, luaL_checkinteger(L, 2) == 0, 2, "name of a signal or 0 expected");
    luaL_argcheck(L, number >= 0, 2, "no such signal");
    if (kill(lua_toboolean(L, 3) ? -(pid_t)pid : (pid_t)pid, number) != 0) {
        int err = errno;
        return host_fail_errno(L, err, lua_pushfstring(L, "process %I", (LUAI_UACINT)pid));
    }
    return host_ok(L);
}

static int process_pid(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

/* The namespace of process ids, 0: not known. */
static lua_Integer space_of(void) {
#ifdef __APPLE__
    return 1; /* there is only one */
#else
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 ? (lua_Integer)info.st_ino : 0;
#endif
}

/* identity(pid) → what tells a process from others of its number: the boot, the namespace of process ids, and
 * when it began (0: there is none). */
static int process_identity(lua_State *L) {
    char boot[40];
    sys_boot(boot, sizeof boot);
    lua_pushstring(L, boot);
    lua_pushinteger(L, space_of());
    lua_pushinteger(L, (lua_Integer)sys_birth((long)luaL_checkinteger(L, 1)));
    return 3;
}

static int process_uid(lua_State *L) {
    lua_pushinteger(L, geteuid());
    return 1;
}

static int process_cwd(lua_State *L) {
    char *path = getcwd(NULL, 0);
    if (!path)
        return host_fail_errno(L, errno, "the working directory");
    lua_pushstring(L, path);
    free(path);
    return 1;
}

static int process_getenv(lua_State *L) {
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

static int process_environ(lua_State *L) {
    lua_newtable(L);
    for (lua_Integer i = 0; environ && environ[i]; i++) {
        lua_pushstring(L, environ[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static const luaL_Reg functions[] = {
    {"cwd", process_cwd},     {"environ", process_environ},   {"getenv", process_getenv},
    {"kill", process_kill},   {"identity", process_identity}, {"pid", process_pid},
    {"spawn", process_spawn}, {"uid", process_uid},           {NULL, NULL},
};

int luaopen_host_process(lua_State *L) {
    loop_lua_on_child(reap);
    luaL_newlib(L, functions);
    return 1;
}
