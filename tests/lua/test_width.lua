-- SPDX-License-Identifier: MIT
-- How many columns texts take on a terminal.
local term = require "base.term"

return function(t)
  t:case("wide characters, combining marks, colours, and what is no text", function()
    for _, case in ipairs {
      { "", 0 }, { "abc", 3 }, { "é", 1 }, { "e\u{301}", 1 }, { "✓", 1 }, { "⚠", 1 }, { "●", 1 },
      { "│─┌", 3 }, { "█▉▌", 3 }, { "⠋", 1 }, { "…", 1 }, { "€", 1 }, { "日本", 4 }, { "😀", 2 }, { "✅", 2 },
      { "한", 2 }, { "\27[31mred\27[0m", 3 }, { "\27[1", 2 }, { "a\tb", 2 }, { "\255", 1 },
      { "\xe2\x82", 2 }, { "\xc0\x80", 2 },
    } do
      t:equal(term.width(case[1]), case[2], "width of " .. case[1])
    end
  end)

  t:case("never more than two columns a byte", function()
    for byte = 0, 255 do
      for _, text in ipairs { string.char(byte), "\xe2" .. string.char(byte) .. "\x82\xac",
        string.char(byte, 255, byte) } do
        local width = term.width(text)
        t:ok(width >= 0 and width <= 2 * #text, ("%q"):format(text))
      end
    end
  end)
end
