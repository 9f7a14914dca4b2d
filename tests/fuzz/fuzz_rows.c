/* SPDX-License-Identifier: MIT */
/* libFuzzer target: rows that are read as their text comes, beside json.decode of the whole. The first byte
 * is the size of the pieces. Either neither takes the text for JSON, or both have the same rows and the same
 * rest. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../src/host.h"

static const char program[] =
    "local host = ...\n"
    "local loaded, env = {}, setmetatable({}, { __index = _G })\n"
    "function env.require(name)\n"
    "  if not loaded[name] then loaded[name] = host.script.load('lua/' .. name:gsub('%.', '/') .. '.lua', "
    "env)(host, {}) end\n"
    "  return loaded[name]\n"
    "end\n"
    "function env.lazy(name) return setmetatable({}, { __index = function(_, key) return "
    "env.require(name)[key] end }) end\n"
    "local json, rows, clean = env.require 'base.json', env.require 'base.rows', env.require 'base.clean'\n"
    "local fields = { 'id', 'name', 'a', '' }\n"
    "local function same(a, b)\n"
    "  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b and math.type(a) == math.type(b) end\n"
    "  for key, value in pairs(a) do if not same(value, b[key]) then return false end end\n"
    "  for key in pairs(b) do if a[key] == nil then return false end end\n"
    "  return true\n"
    "end\n"
    "return function(text)\n"
    "  local size, body, list = text:byte() + 1, text:sub(2), {}\n"
    /* base.json changes what only looks like half of a pair as well */
    "  if body:find('\\\\\\\\u[dD]') then return end\n"
    "  local reader = rows.reader('l', fields, { begin = function() list = {} end, row = function(row)\n"
    "    local copy = row and {}\n"
    "    for key, value in pairs(row or {}) do copy[key] = value end\n"
    "    list[#list + 1] = copy\n"
    "  end })\n"
    "  for at = 1, #body, size do reader:feed(body:sub(at, at + size - 1)) end\n"
    "  local rest, whole = json.decode(reader:finish()), json.decode(body)\n"
    "  assert((rest == nil) == (whole == nil), 'one takes it for JSON')\n"
    "  if type(whole) ~= 'table' then return assert(whole == nil or same(rest, whole), 'another value') end\n"
    "  rest, whole = clean.deep(rest), clean.deep(whole)\n"
    "  local had = type(whole.l) == 'table' and whole.l[1] ~= nil and whole.l or {}\n"
    "  assert(#had == #list, 'another number of rows')\n"
    "  for i, row in ipairs(had) do\n"
    "    assert((type(row) == 'table') == (list[i] ~= false), 'another kind of row')\n"
    "    for _, key in ipairs(list[i] and fields or {}) do assert(same(list[i][key], row[key]), 'another "
    "field') end\n"
    "  end\n"
    "  if whole.l == had then whole.l = {} end\n"
    "  assert(same(rest, whole), 'another rest')\n"
    "end\n";

static lua_State *open_state(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_loadstring(L, program) != LUA_OK)
        abort();
    host_open(L);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    if (!L)
        L = open_state();
    if (size == 0 || size > 4096)
        return 0;
    lua_pushvalue(L, -1);
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return 0;
}
