/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the primitives that take foreign text, as Lua reaches them. The first byte chooses. What
 * comes out must hold together: base64 goes there and back, a width is never more than two columns a byte,
 * nothing crashes. */
static const char program[] =
    "local host = ...\n"
    "local crypto, log, cjson, script = host.crypto, host.log, host.cjson, host.script\n"
    "local width = script.load('lua/base/width.lua', { utf8 = utf8 })()\n"
    "cjson.decode_invalid_numbers(false)\n"
    "local act = {\n"
    "  function(s) assert(crypto.unbase64(crypto.base64(s)) == s); local raw = crypto.unbase64(s); if raw "
    "then assert(crypto.base64(raw) == s) end end,\n"
    "  function(s) local n = width(s); assert(n >= 0 and n <= 2 * #s) end,\n"
    "  function(s) local ok, v = pcall(cjson.decode, s); if ok and type(v) == 'table' then "
    "pcall(cjson.encode, v) end end,\n"
    "  function(s) script.compile(s, '=fuzz', {}) end,\n"
    "  function(s) assert(type(log.redact(s)) == 'string') end,\n"
    "  function(s) local key = crypto.key(s); if key then assert(#key:public() == 44); key:close() end end,\n"
    "}\n"
    "return function(s) local f = act[s:byte(1) % #act + 1]; f(s:sub(2)) end\n";

#include "lua_target.h"
