/* SPDX-License-Identifier: MIT */
/* Starts Lua, hands it the host table and the arguments, and ends with the number it returns. */
#include <lualib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>

#include "host.h"

enum {
    EXIT_BROKEN = 70,
    GC_CREDIT = 1024, /* KiB that are allocated before garbage is collected for the first time */
    GC_PAUSE = 400,   /* per cent of what was in use, then it is collected again; base.garbage is leaner */
    BLOCK_MAX = 512 << 20 /* bytes at once; a script that asks for more has a mistake in it */
};

/* What Lua asks for, from the C library. */
static void *resize(void *unused, void *block, size_t old, size_t size) {
    (void)unused;
    (void)old;
    if (size > BLOCK_MAX)
        return NULL;
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

/* Prints the error at the top of the stack without the secrets in it. */
static void complain(lua_State *L) {
    size_t len;
    const char *text = luaL_tolstring(L, -1, &len);
    log_push_redacted(L, text, len);
    text = lua_tolstring(L, -1, &len);
    fwrite(text, 1, len, stderr);
    fputc('\n', stderr);
}

static int traceback(lua_State *L) {
    const char *text = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, text, 1);
    return 1;
}

/* The libraries of Lua that scripts may have; io, os and package stay closed, as the host stands in for
 * them. */
static void open_libraries(lua_State *L) {
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_COLIBNAME, luaopen_coroutine}, {LUA_DBLIBNAME, luaopen_debug},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_STRLIBNAME, luaopen_string},   {LUA_TABLIBNAME, luaopen_table},
        {LUA_UTF8LIBNAME, luaopen_utf8},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    lua_getglobal(L, LUA_MATHLIBNAME); /* random numbers come from the host */
    lua_pushnil(L);
    lua_setfield(L, -2, "random");
    lua_pushnil(L);
    lua_setfield(L, -2, "randomseed");
    lua_pop(L, 1);
}

static int run(lua_State *L) {
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
    lua_gc(L, LUA_GCSTEP, -GC_CREDIT); /* a command that ends soon never collects */
    open_libraries(L);
    if (!script_load(L, "lua/main.lua"))
        return lua_error(L);
    host_open(L);
    lua_createtable(L, argc, 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_call(L, 2, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0 || lua_tointeger(L, -1) > 255)
        return luaL_error(L, "the main script must return an exit code from 0 to 255, not %s",
                          luaL_tolstring(L, -1, NULL));
    return 1;
}

/* Descriptors 0, 1 and 2 must exist, or the first files opened would become them. */
static void open_standard(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int main(int argc, char **argv) {
    open_standard();
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1); /* no pool for each thread in which libcurl resolves a name */
    mallopt(M_TRIM_THRESHOLD, 64 << 10);
#endif
    static lua_State *L; /* stays known to leak checkers */
    L = lua_newstate(resize, NULL);
    if (!L)
        return EXIT_BROKEN;
    lua_pushcfunction(L, traceback);
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = EXIT_BROKEN;
    if (lua_pcall(L, 2, 1, 1) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        complain(L);
    log_forget();
    if (host_wipes)
        lua_close(L); /* what only lies in memory goes with the process, and sooner */
    return status;
}
