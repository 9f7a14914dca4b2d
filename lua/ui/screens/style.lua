-- SPDX-License-Identifier: MIT
-- How a full screen looks: colours of the user's own theme or none, glyphs of the locale or ASCII. Every
-- glyph is one column wide on every terminal (docs/facts/additions-2026-11.md, terminals).
local style = {}

local CODES = { bold = "1", dim = "2", italic = "3", underline = "4", blink = "5", reverse = "7", red = "31",
  green = "32", yellow = "33", blue = "34", magenta = "35", cyan = "36" }

local UNICODE = {
  rule = "─", wall = "│", top_left = "╭", top_right = "╮", bottom_left = "╰", bottom_right = "╯",
  full = "█", empty = "░", on = "●", off = "○", pointer = "›", cut = "…", check = "✓", cross = "✗",
  star = "★", no_star = "☆", up = "▲", down = "▼", times = "×", knob = "◆",
  spark = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }, dot = "·",
}
local ASCII = {
  rule = "-", wall = "|", top_left = "+", top_right = "+", bottom_left = "+", bottom_right = "+",
  full = "#", empty = ".", on = "*", off = "o", pointer = ">", cut = "~", check = "+", cross = "x",
  star = "*", no_star = ".", up = "^", down = "v", times = "x", knob = "O",
  spark = { "_", ".", ",", "-", "=", "+", "*", "#" }, dot = "-",
}

local function coloured(names, text)
  if not names or names == "" then return text end
  local codes = names:gsub("%a+", CODES):gsub(" +", ";")
  return "\27[" .. codes .. "m" .. text .. "\27[0m"
end

-- What is chosen must be seen without colours, too.
local function marked(names, text)
  return names and names:find "reverse" and "\27[7m" .. text .. "\27[0m" or text
end

local function bare(_, text) return text end

--- A style. options: { colour, unicode, bare = no sequence at all: bool } → { glyph = names to glyphs,
-- paint = function(names, text) → the text in these ("bold red") }
function style.new(options)
  return { glyph = options.unicode and UNICODE or ASCII,
    paint = options.colour and coloured or options.bare and bare or marked }
end

return style
