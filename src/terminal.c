/* SPDX-License-Identifier: MIT */
/* host.terminal: whole writes, size, keys, and modes that are always put back. */
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "loop_lua.h"
#include "net.h"

static struct {
    struct termios original, wanted;
    bool known, raw, silent;
    volatile sig_atomic_t changed;
} modes;

/* A full screen: what begins it and what ends it. While it is away (stopped, or in the background since)
 * nothing is written. */
static struct {
    char enter[128], leave[128];
    volatile sig_atomic_t shown, away;
} screen;

/* From the background, changing modes would stop us with SIGTTOU unless that is blocked. */
static int set_modes(const struct termios *wanted, int when) {
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &before);
    int result = tcsetattr(STDIN_FILENO, when, wanted);
    int err = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = err;
    return result;
}

static void say(const char *text) {
    ssize_t written = write(STDOUT_FILENO, text, strlen(text));
    (void)written;
}

static void restore(void) {
    if (screen.shown && !screen.away)
        say(screen.leave);
    if (modes.changed)
        set_modes(&modes.original, TCSADRAIN);
    screen.shown = modes.changed = 0;
}

static void on_crash(int number) {
    restore();
    raise(number); /* the default action is back: SA_RESETHAND */
}

static void catch_stops(void);

/* Brought to the front: a changed size is what has everything drawn again. */
static void on_continue(int number) {
    int saved = errno;
    pid_t front = tcgetpgrp(STDIN_FILENO); /* -1: the terminal is gone */
    (void)number;
    catch_stops();
    if (front == getpgrp()) {
        if (modes.changed)
            set_modes(&modes.wanted, TCSADRAIN);
        if (screen.shown)
            say(screen.enter);
        screen.away = 0;
        raise(SIGWINCH);
    } else if (screen.shown && front >= 0) {
        raise(SIGSTOP); /* a shell tells only what is stopped of its `fg` */
    }
    errno = saved;
}

static void on_stop(int number) {
    int saved = errno;
    if (screen.shown && !screen.away)
        say(screen.leave);
    if (modes.changed)
        set_modes(&modes.original, TCSADRAIN);
    screen.away = screen.shown;
    signal(number, SIG_DFL); /* until `on_continue` */
    raise(number);
    if (screen.away) /* not stopped: nobody could have brought it back */
        on_continue(SIGCONT);
    errno = saved;
}

static void catch_stops(void) {
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGTSTP, &action, NULL);
    action.sa_handler = on_continue;
    sigaction(SIGCONT, &action, NULL);
}

static void restore_always(void) {
    static const int crashes[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND}, old;
    sigemptyset(&action.sa_mask);
    atexit(restore);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (sigaction(crashes[i], NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
            old.sa_handler == SIG_DFL)
            sigaction(crashes[i], &action, NULL);
    catch_stops();
}

/* Ctrl-C stays a signal, and output processing stays on, also in raw mode. */
static int apply(lua_State *L, int when) {
    if (!modes.known) {
        if (tcgetattr(STDIN_FILENO, &modes.original) < 0)
            return host_fail(L, "missing", "standard input is no terminal: %s", strerror(errno));
        modes.known = true;
        restore_always();
    }
    struct termios wanted = modes.original;
    if (modes.raw) {
        wanted.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IXON);
        wanted.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
        wanted.c_cc[VMIN] = 1;
        wanted.c_cc[VTIME] = 0;
    }
    if (modes.silent)
        wanted.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    modes.wanted = wanted;
    modes.changed = 1;
    if (set_modes(&wanted, when) < 0)
        return host_fail_errno(L, errno, "terminal");
    modes.changed = modes.raw || modes.silent;
    return host_ok(L);
}

static int terminal_raw(lua_State *L) {
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    modes.raw = lua_toboolean(L, 1);
    return apply(L, TCSADRAIN);
}

/* What was typed unseen beyond the line that was read, such as the rest of a paste, answers no later
 * question. */
static int terminal_echo(lua_State *L) {
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    modes.silent = !lua_toboolean(L, 1);
    return apply(L, modes.silent ? TCSADRAIN : TCSAFLUSH);
}

/* Begins a full screen, or ends it without arguments; what ends it is also written at any end of the process
 * and before it stops. */
static int terminal_screen(lua_State *L) {
    const char *enter = luaL_optstring(L, 1, ""), *leave = luaL_optstring(L, 2, "");
    luaL_argcheck(L, strlen(enter) < sizeof screen.enter && strlen(leave) < sizeof screen.leave, 1,
                  "sequences too long");
    if (screen.shown && !screen.away)
        say(screen.leave);
    strcpy(screen.enter, enter);
    strcpy(screen.leave, leave);
    screen.shown = *enter != 0;
    say(enter);
    return host_ok(L);
}

static int terminal_write(lua_State *L) {
    static const char *const names[] = {"out", "err", NULL};
    int fd = luaL_checkoption(L, 1, NULL, names) ? STDERR_FILENO : STDOUT_FILENO;
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    while (length > 0 && !screen.away) {
        ssize_t n = write(fd, text, length);
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) { /* somebody made the shared terminal non-blocking */
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return host_fail_errno(L, errno, fd == STDOUT_FILENO ? "standard output" : "standard error");
        }
    }
    return host_ok(L);
}

static int terminal_is(lua_State *L) {
    static const char *const names[] = {"in", "out", "err", NULL};
    lua_pushboolean(L, isatty(luaL_checkoption(L, 1, NULL, names)));
    return 1;
}

static int terminal_size(lua_State *L) {
    static const int places[] = {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO};
    struct winsize size;
    int columns = 0, rows = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places && (columns == 0 || rows == 0); i++) {
        if (ioctl(places[i], TIOCGWINSZ, &size) == 0) {
            columns = size.ws_col;
            rows = size.ws_row;
        }
    }
    lua_pushinteger(L, columns);
    lua_pushinteger(L, rows);
    return 2;
}

static int terminal_stdin(lua_State *L) {
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return host_fail_errno(L, errno, "standard input");
    net_pushfd(L, fd); /* stays blocking: others share the terminal's flags */
    return 1;
}

/* The controlling terminal, whatever the standard streams are. From the background, reading it would stop
 * us. */
static int terminal_tty(lua_State *L) {
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return host_fail(L, "missing", "there is no terminal to ask at: %s", strerror(errno));
    if (tcgetpgrp(fd) != getpgrp()) {
        close(fd);
        return host_fail(L, "background", "nobody can be asked from the background of a terminal");
    }
    tcflush(fd, TCIFLUSH);
    net_pushfd(L, fd); /* blocking as all descriptors of the terminal */
    return 1;
}

static const luaL_Reg functions[] = {
    {"write", terminal_write}, {"is", terminal_is},         {"size", terminal_size},
    {"raw", terminal_raw},     {"echo", terminal_echo},     {"stdin", terminal_stdin},
    {"tty", terminal_tty},     {"screen", terminal_screen}, {NULL, NULL},
};

int luaopen_host_terminal(lua_State *L) {
    loop_lua_at_death(restore);
    luaL_newlib(L, functions);
    return 1;
}
