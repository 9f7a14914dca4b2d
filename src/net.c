/* SPDX-License-Identifier: MIT */
/* host.net: stream and datagram sockets as userdata. Numeric addresses only, nothing blocks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "loop_lua.h"
#include "net.h"

#define SOCKET "continueplz.socket"
#define READ_MOST (1 << 20) /* bytes of one read */

struct net_socket {
    int fd;     /* -1: closed */
    int error;  /* why connecting failed: SO_ERROR tells it only once */
    bool waits; /* the descriptor is shared and blocking (a terminal): look before every call */
};

static struct net_socket *push_socket(lua_State *L) {
    struct net_socket *s = lua_newuserdatauv(L, sizeof *s, 0);
    s->fd = -1;
    s->error = 0;
    s->waits = false;
    luaL_setmetatable(L, SOCKET);
    return s;
}

void net_pushfd(lua_State *L, int fd) {
    struct net_socket *s = push_socket(L);
    int flags = fcntl(fd, F_GETFL);
    s->fd = fd;
    s->waits = flags >= 0 && !(flags & O_NONBLOCK);
}

static struct net_socket *check_socket(lua_State *L, int index) {
    struct net_socket *s = luaL_checkudata(L, index, SOCKET);
    if (s->fd < 0)
        luaL_error(L, "socket is closed");
    return s;
}

static int check_fd(lua_State *L, int index) {
    return check_socket(L, index)->fd;
}

int net_open(int family, int type) {
    int on = 1, fd = socket(family, type, 0);
    if (fd < 0)
        return -1;
    bool inet_stream = family != AF_UNIX && type == SOCK_STREAM;
    int err = sys_private(fd);
    if (!err && inet_stream && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        err = errno;
    if (!err && family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        err = errno;
    if (!err)
        return fd;
    errno = err;
    return sys_refused(fd);
}

/* Opens into a socket that is on the stack already, so that no later failure can leak the descriptor. */
static int open_socket(struct net_socket *s, int family, int type) {
    s->fd = net_open(family, type);
    return s->fd < 0 ? errno : 0;
}

static void close_socket(struct net_socket *s) {
    if (s->fd < 0)
        return;
    loop_lua_closing(s->fd);
    close(s->fd);
    s->fd = -1;
}

/* false when `host` is no numeric address; raises when `port` is no port. */
static bool parse_address(lua_State *L, const char *host, lua_Number port, struct sockaddr_storage *out,
                          socklen_t *length) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (!(port >= 0 && port <= 65535) || port != (lua_Number)(unsigned)port)
        luaL_error(L, "port must be an integer from 0 to 65535");
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *length = (socklen_t)sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *length = (socklen_t)sizeof *v6;
        return true;
    }
    return false;
}

static int push_address(lua_State *L, const struct sockaddr_storage *address) {
    char text[INET6_ADDRSTRLEN];
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        lua_pushstring(L, inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text));
        lua_pushinteger(L, ntohs(v4->sin_port));
        return 2;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        lua_pushstring(L, inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text));
        lua_pushinteger(L, ntohs(v6->sin6_port));
        return 2;
    }
    return host_fail(L, "missing", "a unix socket has no host and port");
}

/* The socket on top of the stack when err is 0, the failure otherwise. */
static int finish_open(lua_State *L, struct net_socket *s, int err, const char *what) {
    if (!err)
        return 1;
    close_socket(s);
    return host_fail_errno(L, err, what);
}

typedef int unix_fn(int fd, const char *path);
typedef int inet_fn(int fd, const struct sockaddr *address, socklen_t length);

/* The common way of listen, connect and udp: {unix=} or {host=, port=}. */
static int open_to(lua_State *L, int type, unix_fn *by_path, inet_fn *by_address, const char *verb) {
    struct sockaddr_storage address;
    socklen_t length = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *path = by_path ? host_opt_string(L, 1, "unix", NULL) : NULL;
    if (path) {
        const char *what = lua_pushfstring(L, "%s %s", verb, path);
        struct net_socket *s = push_socket(L);
        int err = open_socket(s, AF_UNIX, type);
        return finish_open(L, s, err ? err : by_path(s->fd, path), what);
    }
    const char *host = host_need_string(L, 1, "host", NULL);
    lua_Number port = host_opt_number(L, 1, "port", -1);
    if (!parse_address(L, host, port, &address, &length))
        return host_fail(L, "resolve", "%s is not a numeric address", host);
    const char *what = lua_pushfstring(L, "%s %s port %d", verb, host, (int)port);
    struct net_socket *s = push_socket(L);
    int err = open_socket(s, address.ss_family, type);
    return finish_open(L, s, err ? err : by_address(s->fd, (struct sockaddr *)&address, length), what);
}

int net_listen_at(int fd, const struct sockaddr *address, socklen_t length) {
    int on = 1;
    bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                bind(fd, address, length) == 0 && listen(fd, SOMAXCONN) == 0;
    return good ? 0 : errno;
}

static int inet_connect(int fd, const struct sockaddr *address, socklen_t length) {
    return connect(fd, address, length) == 0 || errno == EINPROGRESS ? 0 : errno;
}

static int inet_bind(int fd, const struct sockaddr *address, socklen_t length) {
    return bind(fd, address, length) == 0 ? 0 : errno;
}

static int net_listen(lua_State *L) {
    return open_to(L, SOCK_STREAM, net_unix_listen, net_listen_at, "listen on");
}

static int net_connect(lua_State *L) {
    return open_to(L, SOCK_STREAM, net_unix_connect, inet_connect, "connect to");
}

static int net_udp(lua_State *L) {
    return open_to(L, SOCK_DGRAM, NULL, inet_bind, "bind to");
}

static int socket_accept(lua_State *L) {
    int listener = check_fd(L, 1), on = 1;
    struct net_socket *s = push_socket(L);
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    s->fd = accept(listener, (struct sockaddr *)&peer, &length);
    if (s->fd < 0)
        return host_fail_errno(L, errno == ECONNABORTED ? EAGAIN : errno, "accept");
    int err = sys_private(s->fd);
    if (err)
        return finish_open(L, s, err, "accept");
    if (peer.ss_family != AF_UNIX) /* the peer may be gone already: reading will tell */
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return 1;
}

/* Whether a call would not block; always true for our own, non-blocking descriptors. */
static bool is_ready(const struct net_socket *s, short events) {
    struct pollfd p = {.fd = s->fd, .events = events};
    return !s->waits || poll(&p, 1, 0) != 0;
}

static int socket_read(lua_State *L) {
    struct net_socket *s = check_socket(L, 1);
    lua_Integer most = luaL_optinteger(L, 2, 65536);
    luaL_Buffer b;
    luaL_argcheck(L, most > 0, 2, "must be positive");
    if (!is_ready(s, POLLIN))
        return host_fail_errno(L, EAGAIN, "read");
    char *room = luaL_buffinitsize(L, &b, (size_t)(most < READ_MOST ? most : READ_MOST));
    ssize_t n = read(s->fd, room, (size_t)(most < READ_MOST ? most : READ_MOST));
    if (n < 0)
        return host_fail_errno(L, errno, "read");
    if (n == 0)
        return host_fail(L, "eof", "read: the other side has closed");
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

static int socket_write(lua_State *L) {
    struct net_socket *s = check_socket(L, 1);
    size_t length;
    const char *data = luaL_checklstring(L, 2, &length);
    if (length == 0) {
        lua_pushinteger(L, 0);
        return 1;
    }
    if (!is_ready(s, POLLOUT))
        return host_fail_errno(L, EAGAIN, "write");
    ssize_t n = write(s->fd, data, s->waits && length > 512 ? 512 : length);
    if (n < 0)
        return host_fail_errno(L, errno, "write");
    lua_pushinteger(L, n);
    return 1;
}

static int socket_shutdown(lua_State *L) {
    if (shutdown(check_fd(L, 1), SHUT_WR) < 0)
        return host_fail_errno(L, errno, "shutdown");
    return host_ok(L);
}

static int socket_close(lua_State *L) {
    close_socket(luaL_checkudata(L, 1, SOCKET));
    return 0;
}

static int socket_connected(lua_State *L) {
    struct net_socket *s = check_socket(L, 1);
    struct sockaddr_storage peer;
    socklen_t length = sizeof s->error;
    if (!s->error && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->error, &length) < 0)
        return host_fail_errno(L, errno, "connect");
    if (s->error)
        return host_fail_errno(L, s->error, "connect");
    length = sizeof peer;
    if (getpeername(s->fd, (struct sockaddr *)&peer, &length) < 0)
        return host_fail_errno(L, errno == ENOTCONN ? EAGAIN : errno, "connect");
    return host_ok(L);
}

typedef int name_fn(int fd, struct sockaddr *address, socklen_t *length);

static int push_name(lua_State *L, name_fn *ask, const char *what) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (ask(check_fd(L, 1), (struct sockaddr *)&address, &length) < 0)
        return host_fail_errno(L, errno, what);
    return push_address(L, &address);
}

static int socket_name(lua_State *L) {
    return push_name(L, getsockname, "name");
}

static int socket_peer(lua_State *L) {
    return push_name(L, getpeername, "peer");
}

static int socket_sendto(lua_State *L) {
    int fd = check_fd(L, 1);
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size), *host = luaL_checkstring(L, 3);
    struct sockaddr_storage address;
    socklen_t length = 0;
    if (!parse_address(L, host, luaL_checknumber(L, 4), &address, &length))
        return host_fail(L, "resolve", "%s is not a numeric address", host);
    ssize_t n = sendto(fd, data, size, 0, (struct sockaddr *)&address, length);
    if (n < 0)
        return host_fail_errno(L, errno, lua_pushfstring(L, "send to %s", host));
    lua_pushinteger(L, n);
    return 1;
}

static int socket_recvfrom(lua_State *L) {
    int fd = check_fd(L, 1);
    lua_Integer most = luaL_optinteger(L, 2, 65535);
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    luaL_Buffer b;
    luaL_argcheck(L, most > 0 && most <= 65535, 2, "must be from 1 to 65535");
    memset(&address, 0, sizeof address);
    char *room = luaL_buffinitsize(L, &b, (size_t)most);
    ssize_t n = recvfrom(fd, room, (size_t)most, 0, (struct sockaddr *)&address, &length);
    if (n < 0)
        return host_fail_errno(L, errno, "receive");
    luaL_pushresultsize(&b, (size_t)n);
    return 1 + push_address(L, &address);
}

static const luaL_Reg methods[] = {
    {"accept", socket_accept},
    {"read", socket_read},
    {"write", socket_write},
    {"shutdown", socket_shutdown},
    {"close", socket_close},
    {"connected", socket_connected},
    {"name", socket_name},
    {"peer", socket_peer},
    {"sendto", socket_sendto},
    {"recvfrom", socket_recvfrom},
    {"__gc", socket_close},
    {"__close", socket_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"listen", net_listen},
    {"connect", net_connect},
    {"udp", net_udp},
    {NULL, NULL},
};

int luaopen_host_net(lua_State *L) {
    loop_lua_watchable(check_fd);
    host_class(L, SOCKET, methods);
    luaL_newlib(L, functions);
    return 1;
}
