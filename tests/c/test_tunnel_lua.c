/* SPDX-License-Identifier: MIT */
/* host.tunnel as Lua sees it: options, refusals, forwarding through a far end in the same loop, closing. */
#include <lualib.h>

#include "host.h"
#include "tunnel_rig.h"

static lua_State *L;

/* Runs Lua with `host` and the far end's port and key; the case is good when it returns true. */
static void lua_case(const char *name, const char *code) {
    bool good = luaL_dostring(L, code) == LUA_OK && lua_toboolean(L, -1);
    report(good, name, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "false");
    lua_settop(L, 0);
}

static void open_library(const char *name, lua_CFunction open) {
    lua_getglobal(L, "host");
    luaL_requiref(L, name, open, 0);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void push_far(struct tunnel *far, const uint8_t far_key[32], const uint8_t near_key[32]) {
    uint8_t public[32];
    char text[64];
    crypto_scalarmult_base(public, far_key);
    sodium_bin2base64(text, sizeof text, public, 32, sodium_base64_VARIANT_ORIGINAL);
    lua_pushstring(L, text);
    lua_setglobal(L, "far_public");
    sodium_bin2base64(text, sizeof text, near_key, 32, sodium_base64_VARIANT_ORIGINAL);
    lua_pushstring(L, text);
    lua_setglobal(L, "near_secret");
    lua_pushinteger(L, port_of(far));
    lua_setglobal(L, "far_port");
}

static const char *const prelude =
    "key = assert(host.crypto.key(near_secret))\n"
    "function options(more)\n"
    "  local o = { key = key, peer = far_public, endpoint_host = '127.0.0.1', endpoint_port = far_port }\n"
    "  for k, v in pairs(more or {}) do o[k] = v end\n"
    "  return o\n"
    "end\n"
    "function refuses(code, value, message, got) return value == nil and got == code and #message > 10 end\n"
    "function raises(text, f, ...)\n"
    "  local ok, message = pcall(f, ...)\n"
    "  return not ok and message:find(text, 1, true) ~= nil or error('said: ' .. tostring(message))\n"
    "end\n"
    "return true";

static void refusals(void) {
    lua_case("a peer that is no key",
             "return refuses('invalid', host.tunnel.open(options { peer = 'short' }))");
    lua_case("a preshared key that is none",
             "return refuses('invalid', host.tunnel.open(options { psk = 'abc' }))");
    lua_case(
        "a public key of small order",
        "return refuses('invalid', host.tunnel.open(options { peer = "
        "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }))");
    lua_case("an endpoint that is a name",
             "return refuses('resolve', host.tunnel.open(options { endpoint_host = 'example.org' }))");
    lua_case("a port that is taken",
             "return refuses('busy', host.tunnel.open(options { listen_port = far_port }))");
    lua_case("no key", "return raises('continueplz', host.tunnel.open, options { key = false })");
    lua_case("an unknown carrier",
             "return raises('pigeon', host.tunnel.open, options { carrier = 'pigeon' })");
    lua_case("over TCP",
             "local t = assert(host.tunnel.open(options { carrier = 'tcp' })) local s = t:status() "
             "t:close() return s.carrier == 'tcp'");
    lua_case("a port out of range",
             "return raises('endpoint_port', host.tunnel.open, options { endpoint_port = 70000 })");
    lua_case("no table", "return raises('table expected', host.tunnel.open)");
}

static void forwarding(struct rig *rig) {
    lua_case("open", "tunnel = assert(host.tunnel.open(options())) return true");
    lua_case(
        "status before a handshake",
        "local s = tunnel:status() return s.handshake_age == nil and s.rx == 0 and s.connections == 0 and "
        "s.carrier == 'udp'"
        " and s.endpoint == '127.0.0.1:' .. far_port");
    lua_case("forward needs the remote port",
             "return raises('remote_port', tunnel.forward, tunnel, { port = 0 })");
    lua_case("forward only from loopback",
             "return refuses('insecure', tunnel:forward { host = '0.0.0.0', port = 0, remote_port = 5000 })");
    lua_case(
        "forward to a directory that is missing",
        "return refuses('missing', tunnel:forward { unix = '/nonexistent/dir/sock', remote_port = 5000 })");
    lua_case("forward",
             "ok, port = tunnel:forward { port = 0, remote_port = 5000 } return ok == true and port > 0");
    lua_case("the same port again",
             "return refuses('busy', tunnel:forward { port = port, remote_port = 5000 })");
    lua_getglobal(L, "port");
    uint16_t port = (uint16_t)lua_tointeger(L, -1);
    lua_settop(L, 0);
    rig->pattern = (struct actor){.fd = -1, .seed = 11, .size = 300000, .answer = true};
    rig->client[0] = (struct actor){.seed = 12, .size = 200000};
    rig->accepted = 0;
    actor_start(&rig->client[0], dial(port));
    WAIT_FOR(rig->accepted);
    run_both(&rig->client[0], &rig->served[0]);
    report(rig->client[0].hash == expected(11, 300000) && rig->served[0].hash == expected(12, 200000),
           "bytes go both ways", "%llu and %llu", (unsigned long long)rig->client[0].received,
           (unsigned long long)rig->served[0].received);
    lua_case("status after it",
             "local s = tunnel:status() return s.handshake_age < 60 and s.rx > 300000 and s.tx > 200000");
    lua_case("a unix path, and a stale one",
             "local path = '/tmp/cplz-host-' .. far_port .. '.sock'\n"
             "local s = assert(host.net.listen { unix = path }) s:close()\n"
             "local good = assert(tunnel:forward { unix = path, remote_port = 5000 })\n"
             "local mode = host.state.stat(path).mode & 511\n"
             "os.remove(path)\n"
             "return good == true and mode == 384 or error(tostring(mode))");
    lua_case(
        "endpoint",
        "return tunnel:endpoint('127.0.0.1', far_port) == true and tunnel:status().endpoint == "
        "'127.0.0.1:' .. far_port");
    lua_case("an endpoint that is a name", "return refuses('resolve', tunnel:endpoint('example.org', 1))");
    lua_case(
        "what this computer does not send is told",
        "local none = tunnel:status().unsent\n"
        "local t <close> = assert(host.tunnel.open(options { endpoint_host = '255.255.255.255' }))\n"
        "return none == nil and t:status().unsent == 'Permission denied' or "
        "error(tostring(t:status().unsent))");
    lua_case(
        "stamps begin beyond what is asked for",
        "local t <close> = assert(host.tunnel.open(options { stamp_after = 4e9 })) return "
        "t:status().stamp == 4000000001");
    lua_case("a time before all times",
             "return raises('stamp_after', host.tunnel.open, options { stamp_after = -1 })");
    lua_case("an IPv6 endpoint",
             "tunnel:endpoint('2001:db8::1', 5) return tunnel:status().endpoint == '[2001:db8::1]:5'");
}

static void closing_handle(void) {
    lua_case("close twice, then use",
             "tunnel:close() tunnel:close() return raises('closed', tunnel.status, tunnel)");
    lua_case("an open tunnel is collected",
             "tunnel = assert(host.tunnel.open(options())) tunnel = nil collectgarbage() return true");
    lua_case("and closed at the end of its block",
             "local kept do local t <close> = assert(host.tunnel.open(options())) kept = t end\n"
             "return raises('closed', kept.status, kept)");
}

int main(void) {
    static struct rig rig;
    L = luaL_newstate();
    loop = host_loop();
    if (!L || !loop || sodium_init() < 0)
        return 1;
    luaL_openlibs(L);
    lua_newtable(L);
    lua_setglobal(L, "host");
    open_library("crypto", luaopen_host_crypto);
    open_library("net", luaopen_host_net);
    open_library("state", luaopen_host_state);
    open_library("tunnel", luaopen_host_tunnel);
    rig_open(&rig);
    tunnel_close(rig.near);
    rig.near = NULL;
    push_far(rig.far, rig.far_key, rig.near_key);
    lua_case("prelude", prelude);
    refusals();
    forwarding(&rig);
    closing_handle();
    lua_close(L);
    rig_close(&rig);
    loop_free(loop);
    return failures > 0;
}
