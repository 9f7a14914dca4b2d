/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <signal.h>
#include <time.h>

#include "loop_lua.h"

/* A watch asked for by Lua; its socket is anchored in the registry under its id. */
struct lua_watch {
    lua_Integer id;
    int fd;
    struct loop_watch *watch; /* NULL: fires at the next wait */
    struct lua_watch *next;
};

static struct {
    lua_State *L; /* the state inside loop.wait, else NULL */
    int table;    /* stack index of the events */
    lua_Integer count;
    struct lua_watch *watches;
    int pipe[2];
    int (*descriptor)(lua_State *L, int index);
    void (*child_ended)(void), (*restore)(void);
} waiting = {.pipe = {-1, -1}};

enum { DEAF = 10, EXIT_INTERRUPTED = 130 };

static const struct {
    int number;
    const char *name;
} reported[] = {{SIGHUP, "HUP"}, {SIGINT, "INT"}, {SIGTERM, "TERM"}, {SIGWINCH, "WINCH"}, {SIGCHLD, NULL}};
static volatile sig_atomic_t caught[65];
static const char anchor; /* its address is the registry key of the anchored sockets */

void loop_lua_watchable(int (*descriptor)(lua_State *L, int index)) {
    waiting.descriptor = descriptor;
}

void loop_lua_on_child(void (*ended)(void)) {
    waiting.child_ended = ended;
}

void loop_lua_at_death(void (*restore)(void)) {
    waiting.restore = restore;
}

lua_State *host_event_begin(lua_Integer id, const char *kind) {
    lua_State *L = waiting.L;
    luaL_checkstack(L, 8, "too many events");
    lua_createtable(L, 0, 4);
    host_set_integer(L, "id", id);
    host_set_string(L, "kind", kind);
    return L;
}

/* The id of the event at a place. */
static lua_Integer id_at(lua_State *L, lua_Integer place) {
    lua_rawgeti(L, waiting.table, place);
    lua_getfield(L, -1, "id");
    lua_Integer id = lua_tointeger(L, -1);
    lua_pop(L, 2);
    return id;
}

/* Events stand in the order of their ids, those of one id in that of their coming. */
void host_event_end(lua_State *L) {
    lua_Integer place = ++waiting.count;
    lua_getfield(L, -1, "id");
    lua_Integer id = lua_tointeger(L, -1);
    lua_pop(L, 1);
    for (; place > 1 && id_at(L, place - 1) > id; place--) {
        lua_rawgeti(L, waiting.table, place - 1);
        lua_rawseti(L, waiting.table, place);
    }
    lua_rawseti(L, waiting.table, place);
}

static void drop_watch(lua_State *L, struct lua_watch **link) {
    struct lua_watch *watch = *link;
    *link = watch->next;
    loop_unwatch(watch->watch);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &anchor);
    lua_pushnil(L);
    lua_rawseti(L, -2, watch->id);
    lua_pop(L, 1);
    free(watch);
}

static void watch_ready(void *arg, unsigned ready) {
    (void)ready;
    struct lua_watch **link = &waiting.watches;
    while (*link != arg)
        link = &(*link)->next;
    host_event_end(host_event_begin((*link)->id, "io"));
    drop_watch(waiting.L, link);
}

void loop_lua_closing(int fd) {
    for (struct lua_watch *watch = waiting.watches; watch; watch = watch->next) {
        if (watch->fd == fd) {
            loop_unwatch(watch->watch);
            watch->watch = NULL;
            watch->fd = -1;
        }
    }
}

/* The watches whose descriptor was closed fire. */
static void fire_closed(lua_State *L) {
    for (struct lua_watch **link = &waiting.watches; *link;) {
        if ((*link)->watch) {
            link = &(*link)->next;
            continue;
        }
        host_event_end(host_event_begin((*link)->id, "io"));
        drop_watch(L, link);
    }
}

/* A script that never waits looks at no signal: the third one, or DEAF seconds after the first, ends the
 * process as it is. */
static void give_up(int number) {
    static const char text[] = "continueplz: a script does not let go, so the program ends as it is; "
                               "what was rented stays in the journal: continueplz --stop ends it\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written, (void)number;
    if (waiting.restore)
        waiting.restore();
    _exit(EXIT_INTERRUPTED);
}

static void on_signal(int number) {
    int saved = errno;
    if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
        int unseen = caught[SIGINT] + caught[SIGTERM] + caught[SIGHUP];
        if (unseen >= 2)
            give_up(number);
        if (unseen == 0)
            alarm(DEAF);
    }
    caught[number]++;
    ssize_t written = write(waiting.pipe[1], "", 1); /* a full pipe wakes as well */
    (void)written;
    errno = saved;
}

static void signals_ready(void *arg, unsigned ready) {
    (void)arg, (void)ready;
    char drained[64];
    while (read(waiting.pipe[0], drained, sizeof drained) > 0)
        continue;
    for (size_t i = 0; i < sizeof reported / sizeof *reported; i++) {
        int number = reported[i].number;
        if (!caught[number])
            continue;
        caught[number] = 0;
        if (number == SIGINT || number == SIGTERM || number == SIGHUP)
            alarm(0);
        if (number == SIGCHLD) {
            if (waiting.child_ended)
                waiting.child_ended();
            continue;
        }
        lua_State *L = host_event_begin(0, "signal");
        host_set_string(L, "signal", reported[i].name);
        host_event_end(L);
    }
}

/* loop.wait's body: the table of events at waiting.table is filled. */
static int loop_lua_events(lua_State *L) {
    lua_Number seconds = lua_isnoneornil(L, 1) ? -1 : lua_tonumber(L, 1);
    bool endless = seconds < 0 || seconds > 1e9;
    uint64_t deadline = endless ? 0 : loop_now() + (uint64_t)(seconds * 1e9);
    lua_settop(L, 0);
    lua_newtable(L);
    waiting.table = 1;
    waiting.count = 0;
    fire_closed(L);
    int64_t left;
    do {
        uint64_t now = loop_now();
        left = waiting.count ? 0 : endless ? -1 : deadline > now ? (int64_t)(deadline - now) : 0;
        if (loop_once(host_loop(), left) < 0)
            return luaL_error(L, "waiting failed: %s", strerror(errno));
    } while (left && !waiting.count);
    return 1;
}

static int loop_lua_wait(lua_State *L) {
    lua_Number seconds = luaL_optnumber(L, 1, 0);
    luaL_argcheck(L, seconds >= 0, 1, "seconds must not be negative");
    if (waiting.L)
        return luaL_error(L, "loop.wait called inside itself");
    lua_settop(L, 1);
    lua_pushcfunction(L, loop_lua_events);
    lua_insert(L, 1);
    waiting.L = L;
    int status = lua_pcall(L, 1, 1, 0);
    waiting.L = NULL;
    return status == LUA_OK ? 1 : lua_error(L);
}

static int loop_lua_watch(lua_State *L) {
    static const char *const names[] = {"read", "write", NULL};
    luaL_argcheck(L, waiting.descriptor, 1, "socket expected");
    int fd = waiting.descriptor(L, 1);
    unsigned interest = luaL_checkoption(L, 2, NULL, names) ? LOOP_WRITE : LOOP_READ;
    struct lua_watch *watch = malloc(sizeof *watch);
    if (!watch)
        return luaL_error(L, "not enough memory");
    *watch = (struct lua_watch){.id = host_next_id(), .fd = fd, .next = waiting.watches};
    watch->watch = loop_watch(host_loop(), fd, interest, watch_ready, watch);
    if (!watch->watch) {
        free(watch);
        return luaL_error(L, "not enough memory");
    }
    waiting.watches = watch;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &anchor);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, watch->id);
    lua_pushinteger(L, watch->id);
    return 1;
}

static int loop_lua_forget(lua_State *L) {
    lua_Integer id = luaL_checkinteger(L, 1);
    for (struct lua_watch **link = &waiting.watches; *link; link = &(*link)->next) {
        if ((*link)->id == id) {
            drop_watch(L, link);
            break;
        }
    }
    return 0;
}

static int loop_lua_monotonic(lua_State *L) {
    lua_pushnumber(L, (lua_Number)loop_now() / 1e9);
    return 1;
}

static int loop_lua_wall(lua_State *L) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

static void catch_signals(lua_State *L) {
    if (waiting.pipe[0] >= 0)
        return;
    if (pipe(waiting.pipe) != 0)
        luaL_error(L, "no pipe for signals: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        (void)sys_private(waiting.pipe[i]);
    if (!loop_watch(host_loop(), waiting.pipe[0], LOOP_READ, signals_ready, NULL))
        luaL_error(L, "not enough memory");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof reported / sizeof *reported; i++) {
        struct sigaction old;
        int number = reported[i].number;
        bool nohup = number == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
        if (!nohup)
            sigaction(number, &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    action.sa_handler = give_up;
    sigaction(SIGALRM, &action, NULL);
}

static const luaL_Reg functions[] = {
    {"forget", loop_lua_forget}, {"monotonic", loop_lua_monotonic}, {"wait", loop_lua_wait},
    {"wall", loop_lua_wall},     {"watch", loop_lua_watch},         {NULL, NULL},
};

int luaopen_host_loop(lua_State *L) {
    catch_signals(L);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &anchor);
    luaL_newlib(L, functions);
    return 1;
}
