/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <math.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

bool host_wipes;

int luaopen_cjson(lua_State *L);

static const struct {
    const char *name;
    lua_CFunction open;
    const char *needs; /* opened before it: the class of sockets, the handlers of signals */
} libraries[] = {
    {"cjson", luaopen_cjson, NULL},
    {"crypto", luaopen_host_crypto, NULL},
    {"http", luaopen_host_http, "loop"},
    {"log", luaopen_host_log, NULL},
    {"loop", luaopen_host_loop, "net"},
    {"net", luaopen_host_net, NULL},
    {"process", luaopen_host_process, "loop"},
    {"rows", luaopen_host_rows, NULL},
    {"script", luaopen_host_script, NULL},
    {"state", luaopen_host_state, NULL},
    {"terminal", luaopen_host_terminal, "net"},
    {"tunnel", luaopen_host_tunnel, "loop"},
};

static const struct {
    int err;
    const char *code;
} codes[] = {
    {ENOENT, "missing"},       {ESRCH, "missing"},     {ENOTDIR, "missing"},
    {EEXIST, "exists"},        {ENOTEMPTY, "exists"},  {EACCES, "permissions"},
    {EPERM, "permissions"},    {EROFS, "permissions"}, {ELOOP, "permissions"},
    {EBUSY, "busy"},           {EADDRINUSE, "busy"},   {ETXTBSY, "busy"},
    {ENOSPC, "full"},          {EDQUOT, "full"},       {EAGAIN, "again"},
    {EINTR, "again"},          {EINPROGRESS, "again"}, {EPIPE, "closed"},
    {EBADF, "closed"},         {ECONNRESET, "reset"},  {ECONNABORTED, "reset"},
    {ECONNREFUSED, "refused"}, {ETIMEDOUT, "timeout"}, {EFBIG, "toolarge"},
    {EMSGSIZE, "toolarge"},    {E2BIG, "toolarge"},    {EHOSTUNREACH, "route"},
    {ENETUNREACH, "route"},    {ENETDOWN, "route"},    {EADDRNOTAVAIL, "connect"},
};

int host_fail(lua_State *L, const char *code, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    lua_pushnil(L);
    lua_pushstring(L, text);
    lua_pushstring(L, code);
    return 3;
}

int host_fail_errno(lua_State *L, int err, const char *what) {
    const char *code = "io";
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].err == err)
            code = codes[i].code;
    return host_fail(L, code, "%s: %s", what, strerror(err));
}

void host_set_integer(lua_State *L, const char *field, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, field);
}

void host_set_string(lua_State *L, const char *field, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
}

int host_ok(lua_State *L) {
    lua_pushboolean(L, true);
    return 1;
}

int host_done(lua_State *L, int err, const char *what) {
    return err ? host_fail_errno(L, err, what) : host_ok(L);
}

void host_class(lua_State *L, const char *name, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

struct loop *host_loop(void) {
    static struct loop *loop;
    if (!loop)
        loop = loop_new();
    if (!loop)
        abort();
    return loop;
}

lua_Integer host_next_id(void) {
    static lua_Integer last;
    return ++last;
}

/* Pushes a field; false when it is not set. Raises when it is of another type. */
static bool get_field(lua_State *L, int table, const char *field, int wanted, bool needed) {
    int type = lua_getfield(L, table, field);
    if (type != wanted && (needed || type != LUA_TNIL))
        luaL_error(L, "field '%s': %s expected, got %s", field, lua_typename(L, wanted),
                   lua_typename(L, type));
    return type == wanted;
}

const char *host_opt_string(lua_State *L, int table, const char *field, const char *fallback) {
    bool given = get_field(L, table, field, LUA_TSTRING, false);
    const char *text = given ? lua_tostring(L, -1) : fallback;
    if (given && strlen(text) != lua_rawlen(L, -1))
        luaL_error(L, "field '%s': has a zero byte", field);
    lua_pop(L, 1); /* the table keeps the string alive */
    return text;
}

const char *host_need_string(lua_State *L, int table, const char *field, size_t *len) {
    get_field(L, table, field, LUA_TSTRING, true);
    const char *text = lua_tolstring(L, -1, len);
    lua_pop(L, 1);
    return text;
}

lua_Number host_opt_number(lua_State *L, int table, const char *field, lua_Number fallback) {
    lua_Number number = get_field(L, table, field, LUA_TNUMBER, false) ? lua_tonumber(L, -1) : fallback;
    if (isnan(number))
        luaL_error(L, "field '%s': is not a number", field);
    lua_pop(L, 1);
    return number;
}

bool host_opt_bool(lua_State *L, int table, const char *field, bool fallback) {
    bool value = get_field(L, table, field, LUA_TBOOLEAN, false) ? lua_toboolean(L, -1) : fallback;
    lua_pop(L, 1);
    return value;
}

/* Pushes the absolute path of the running binary, "" when the system does not tell. */
static void push_exe(lua_State *L) {
    char path[PATH_MAX];
#ifdef __APPLE__
    char raw[PATH_MAX];
    uint32_t size = sizeof raw;
    bool known = _NSGetExecutablePath(raw, &size) == 0 && realpath(raw, path);
    lua_pushstring(L, known ? path : "");
#else
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);
    lua_pushlstring(L, path, len > 0 ? (size_t)len : 0);
#endif
}

/* __index of the host table: a library is opened when it is first used. */
static int open_library(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        if (strcmp(libraries[i].name, name) != 0)
            continue;
        if (libraries[i].needs)
            lua_getfield(L, 1, libraries[i].needs);
        lua_pushcfunction(L, libraries[i].open);
        lua_pushvalue(L, 2);
        lua_call(L, 1, 1);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
        return 1;
    }
    return 0;
}

void host_open(lua_State *L) {
    lua_createtable(L, 0, 16);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, open_library);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    host_set_string(L, "version", CPLZ_VERSION);
    push_exe(L);
    lua_setfield(L, -2, "exe");
#ifdef __APPLE__
    lua_pushstring(L, "darwin");
#else
    lua_pushstring(L, "linux");
#endif
    lua_setfield(L, -2, "platform");
}
