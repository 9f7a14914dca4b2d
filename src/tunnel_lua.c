/* SPDX-License-Identifier: MIT */
/* host.tunnel: the client's end of the tunnel as a handle. It lives in the loop; no Lua runs per packet. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>

#include "net.h"
#include "tunnel/tunnel.h"

#define TUNNEL "continueplz.tunnel"

struct handle {
    struct tunnel *tunnel; /* NULL: closed */
    bool stream;           /* over TCP */
};

static struct handle *check_handle(lua_State *L) {
    struct handle *handle = luaL_checkudata(L, 1, TUNNEL);
    if (!handle->tunnel)
        luaL_error(L, "tunnel is closed");
    return handle;
}

static lua_Integer need_port(lua_State *L, int table, const char *field, lua_Integer least,
                             lua_Number fallback) {
    lua_Number port = host_opt_number(L, table, field, fallback);
    if (!(port >= (lua_Number)least && port <= 65535) || port != (lua_Number)(lua_Integer)port)
        luaL_error(L, "field '%s': must be an integer from %d to 65535", field, (int)least);
    return (lua_Integer)port;
}

/* False when `host` is no numeric address. */
static bool parse_outer(struct wg_address *out, const char *host, lua_Integer port) {
    memset(out, 0, sizeof *out);
    out->port = (uint16_t)port;
    if (inet_pton(AF_INET, host, out->ip) == 1)
        out->ip_len = 4;
    else if (inet_pton(AF_INET6, host, out->ip) == 1)
        out->ip_len = 16;
    return out->ip_len > 0;
}

static bool parse_inner(uint32_t *out, const char *text) {
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    *out = ntohl(address.s_addr);
    return true;
}

/* False unless `text` is 32 bytes in base64. */
static bool decode_key(uint8_t out[WG_KEY_LEN], const char *text, size_t len) {
    size_t size = 0;
    const char *end;
    int rc = sodium_base642bin(out, WG_KEY_LEN, text, len, NULL, &size, &end, sodium_base64_VARIANT_ORIGINAL);
    return rc == 0 && size == WG_KEY_LEN && end == text + len;
}

/* Fills everything but the private key. Returns 0, or the number of values of a failure on the stack. */
static int read_config(lua_State *L, struct tunnel_config *config) {
    size_t len;
    const char *peer = host_need_string(L, 1, "peer", &len);
    if (!decode_key(config->peer_public, peer, len))
        return host_fail(L, "invalid", "not a public key: %s", peer);
    const char *psk = host_opt_string(L, 1, "psk", NULL);
    if (psk && !decode_key(config->psk, psk, strlen(psk)))
        return host_fail(L, "invalid", "the preshared key is not 44 characters of base64");
    const char *carrier = host_opt_string(L, 1, "carrier", "udp");
    bool stream = strcmp(carrier, "tcp") == 0;
    if (!stream && strcmp(carrier, "udp") != 0)
        return luaL_error(L, "field 'carrier': '%s' is not known", carrier);
    const char *local = host_opt_string(L, 1, "address", "10.13.37.2");
    const char *remote = host_opt_string(L, 1, "peer_address", "10.13.37.1");
    if (!parse_inner(&config->local_ip, local) || !parse_inner(&config->peer_ip, remote) ||
        config->local_ip == config->peer_ip)
        return luaL_error(
            L, "fields 'address' and 'peer_address': two IPv4 addresses expected, got '%s' and '%s'", local,
            remote);
    const char *host = host_need_string(L, 1, "endpoint_host", NULL);
    if (!parse_outer(&config->endpoint, host, need_port(L, 1, "endpoint_port", 1, 0)))
        return host_fail(L, "resolve", "%s is not a numeric address", host);
    config->endpoint.stream = stream;
    lua_Number keepalive = host_opt_number(L, 1, "keepalive", 25);
    luaL_argcheck(L, keepalive >= 0 && keepalive <= 65535, 1, "keepalive must be from 0 to 65535 seconds");
    config->keepalive = (uint16_t)keepalive;
    lua_Number after = host_opt_number(L, 1, "stamp_after", 0);
    luaL_argcheck(L, after >= 0 && after <= 1e15, 1, "stamp_after must be a time in unix seconds");
    config->stamp_after = (uint64_t)after;
    config->listen_port = (uint16_t)need_port(L, 1, "listen_port", 0, 0);
    return 0;
}

static int lua_tunnel_open(lua_State *L) {
    struct tunnel_config config = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (sodium_init() < 0)
        return host_fail(L, "io", "the crypto library does not start");
    int failed = read_config(L, &config);
    if (failed)
        return failed;
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (struct handle){.stream = config.endpoint.stream};
    luaL_setmetatable(L, TUNNEL);
    lua_getfield(L, 1, "key");
    crypto_checkkey(L, -1, config.private_key);
    lua_pop(L, 1);
    handle->tunnel = tunnel_open(host_loop(), &config);
    int error = errno;
    sodium_memzero(&config, sizeof config);
    if (handle->tunnel)
        return 1;
    if (error == EINVAL)
        return host_fail(L, "invalid", "the peer's public key is unusable");
    return host_fail_errno(L, error, "open the tunnel's socket");
}

static int lua_tunnel_close(lua_State *L) {
    struct handle *handle = luaL_checkudata(L, 1, TUNNEL);
    tunnel_close(handle->tunnel);
    handle->tunnel = NULL;
    return 0;
}

/* A socket that listens at `path`, or at `address` without one. Returns it, or -1 with errno set. */
static int listen_at(const char *path, const struct sockaddr_in *address) {
    int fd = net_open(path ? AF_UNIX : AF_INET, SOCK_STREAM);
    if (fd < 0)
        return -1;
    int err = path ? net_unix_listen(fd, path)
                   : net_listen_at(fd, (const struct sockaddr *)address, sizeof *address);
    if (!err)
        return fd;
    errno = err;
    return sys_refused(fd);
}

/* Joins a listener to the tunnel. Returns the number of results. */
static int start_forward(lua_State *L, struct handle *handle, int fd, uint16_t remote_port,
                         const char *what) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (fd < 0)
        return host_fail_errno(L, errno, what);
    if (!tunnel_forward(handle->tunnel, fd, remote_port)) {
        int error = errno;
        close(fd);
        return host_fail_errno(L, error, what);
    }
    lua_pushboolean(L, true);
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0 || name.ss_family != AF_INET)
        return 1;
    lua_pushinteger(L, ntohs(((struct sockaddr_in *)&name)->sin_port));
    return 2;
}

static int lua_tunnel_forward(lua_State *L) {
    struct handle *handle = check_handle(L);
    struct sockaddr_in address = {.sin_family = AF_INET};
    luaL_checktype(L, 2, LUA_TTABLE);
    uint16_t remote = (uint16_t)need_port(L, 2, "remote_port", 1, 0);
    const char *path = host_opt_string(L, 2, "unix", NULL);
    if (path)
        return start_forward(L, handle, listen_at(path, NULL), remote,
                             lua_pushfstring(L, "listen on %s", path));
    const char *host = host_opt_string(L, 2, "host", "127.0.0.1");
    address.sin_port = htons((uint16_t)need_port(L, 2, "port", 0, -1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return host_fail(L, "resolve", "%s is not a numeric IPv4 address", host);
    if (ntohl(address.sin_addr.s_addr) >> 24 != 127)
        return host_fail(L, "insecure", "%s is not on the loopback interface", host);
    const char *what = lua_pushfstring(L, "listen on %s port %d", host, ntohs(address.sin_port));
    return start_forward(L, handle, listen_at(NULL, &address), remote, what);
}

static int lua_tunnel_endpoint(lua_State *L) {
    struct handle *handle = check_handle(L);
    struct wg_address to;
    const char *host = luaL_checkstring(L, 2);
    lua_Integer port = luaL_checkinteger(L, 3);
    luaL_argcheck(L, port >= 1 && port <= 65535, 3, "must be from 1 to 65535");
    if (!parse_outer(&to, host, port))
        return host_fail(L, "resolve", "%s is not a numeric address", host);
    to.stream = handle->stream;
    tunnel_set_endpoint(handle->tunnel, &to);
    return host_ok(L);
}

static void push_endpoint(lua_State *L, const struct wg_address *address) {
    char text[INET6_ADDRSTRLEN];
    if (address->ip_len == 4)
        lua_pushfstring(L, "%s:%d", inet_ntop(AF_INET, address->ip, text, sizeof text), address->port);
    else
        lua_pushfstring(L, "[%s]:%d", inet_ntop(AF_INET6, address->ip, text, sizeof text), address->port);
}

static int lua_tunnel_status(lua_State *L) {
    struct handle *handle = check_handle(L);
    struct tunnel_status status;
    tunnel_get_status(handle->tunnel, &status);
    lua_createtable(L, 0, 8);
    if (status.wg.last_handshake) {
        lua_pushnumber(L, (lua_Number)(loop_now() - status.wg.last_handshake) / 1e9);
        lua_setfield(L, -2, "handshake_age");
    }
    host_set_integer(L, "rx", (lua_Integer)status.wg.rx_bytes);
    host_set_integer(L, "tx", (lua_Integer)status.wg.tx_bytes);
    if (status.send_error) {
        host_set_string(L, "unsent", strerror(status.send_error));
    }
    push_endpoint(L, &status.wg.endpoint);
    lua_setfield(L, -2, "endpoint");
    host_set_integer(L, "stamp", (lua_Integer)status.wg.stamp);
    host_set_integer(L, "connections", (lua_Integer)status.flows);
    host_set_string(L, "carrier", handle->stream ? "tcp" : "udp");
    return 1;
}

static const luaL_Reg methods[] = {
    {"close", lua_tunnel_close},
    {"endpoint", lua_tunnel_endpoint},
    {"forward", lua_tunnel_forward},
    {"status", lua_tunnel_status},
    {"__gc", lua_tunnel_close},
    {"__close", lua_tunnel_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"open", lua_tunnel_open},
    {NULL, NULL},
};

int luaopen_host_tunnel(lua_State *L) {
    host_class(L, TUNNEL, methods);
    luaL_newlib(L, functions);
    return 1;
}
