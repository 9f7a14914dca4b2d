-- SPDX-License-Identifier: MIT
local host, kit = ...
local is, terminal = kit.is, host.terminal

for _, case in ipairs {
  { "", 0 }, { "abc", 3 }, { "é", 1 }, { "e\u{301}", 1 }, { "✓", 1 }, { "⚠", 1 }, { "●", 1 }, { "│─┌", 3 },
  { "█▉▌", 3 }, { "⠋", 1 }, { "…", 1 }, { "€", 1 }, { "日本", 4 }, { "😀", 2 }, { "✅", 2 }, { "한", 2 }, { "\27[31mred\27[0m", 3 },
  { "\27[1", 2 }, { "a\tb", 2 }, { "\255", 1 }, { "\xe2\x82", 2 }, { "\xc0\x80", 2 },
} do
  is(terminal.width(case[1]), case[2], "width of " .. host.crypto.hex(case[1]))
end
local columns, rows = terminal.size()
kit.ok(columns > 0 and rows > 0, "size", columns)
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
