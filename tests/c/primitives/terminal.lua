-- SPDX-License-Identifier: MIT
local host, kit = ...
local is, terminal = kit.is, host.terminal

local columns, rows = terminal.size()
kit.ok(columns >= 0 and rows >= 0 and (columns > 0) == (rows > 0), "size", columns)
if not terminal.is("in") then
  is(select(3, terminal.raw(true)), "missing", "raw without a terminal")
  local input = terminal.stdin()
  local code
  repeat
    local data, _, ended = kit.read(input)
    code = ended
  until not data
  is(code, "eof", "standard input ends")
end
is(terminal.write("out", ""), true, "write nothing")
kit.raises("write to nowhere", terminal.write, "x", "")
kit.raises("raw(1)", terminal.raw, 1)
