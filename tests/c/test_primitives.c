/* SPDX-License-Identifier: MIT */
/* host.net, host.http, host.crypto and host.terminal as a script sees them: runs tests/c/primitives/main.lua
 * with the real host table, from the root of the repository. */
#include <lualib.h>
#include <stdio.h>

#include "host.h"

static int traceback(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

int main(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        return 1;
    luaL_openlibs(L);
    lua_pushcfunction(L, traceback);
    bool good = luaL_loadfilex(L, "tests/c/primitives/main.lua", "t") == LUA_OK;
    if (good) {
        host_open(L);
        good = lua_pcall(L, 1, 1, 1) == LUA_OK;
    }
    if (!good)
        printf("not ok - primitives: %s\n", luaL_tolstring(L, -1, NULL));
    good = good && lua_toboolean(L, -1);
    lua_close(L);
    return good ? 0 : 1;
}
