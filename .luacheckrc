-- SPDX-License-Identifier: MIT
-- The globals are those that lua/sandbox/loader.lua gives to every script: no os, io, debug, load, package.
stds.world = {
  read_globals = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "require", "lazy", "select",
    "setmetatable", "getmetatable", "tonumber", "tostring", "type", "xpcall", "_VERSION", "coroutine", "string", "table", "utf8",
    math = {
      fields = {
        "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger", "min",
        "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult",
      },
    },
  },
}
std = "world"
max_line_length = 110
files["tests/generated.lua"].max_line_length = false -- rows of tables in Markdown
files["tests/examples-0.1"].max_line_length = false -- as the last release had them
files["lua/main.lua"].read_globals = { "collectgarbage", "debug" } -- the one script outside every world
files["examples/init.lua"].read_globals = { "override" } -- only init.lua has it
files["tests/examples-0.1/init.lua"].read_globals = { "override" }
