-- SPDX-License-Identifier: MIT
-- Every full screen as golden text (tests/golden/screens), in sizes from 40×10 to 200×60, with colours; the
-- same without colours and in ASCII must be the same text. GOLDEN=write in the environment writes them anew.
local files = require "base.files"
local process = require "base.process"
local sorted = require "base.sorted"
local style = require "ui.screens.style"
local term = require "base.term"
local world = require "sandbox.world"
local shown = require "lua.screen_models"

local SIZES = { { 40, 10 }, { 40, 24 }, { 59, 14 }, { 60, 15 }, { 72, 20 }, { 80, 24 }, { 80, 50 },
  { 100, 30 }, { 120, 20 }, { 132, 43 }, { 160, 50 }, { 200, 60 } }
local TINY = { { 1, 1 }, { 2, 3 }, { 7, 1 }, { 13, 2 }, { 20, 4 }, { 400, 100 } }
local COLOUR, PLAIN, ASCII = style.new { unicode = true, colour = true },
  style.new { unicode = true, bare = true }, style.new { bare = true }
local NAMES = { ["1"] = "b", ["2"] = "d", ["4"] = "u", ["5"] = "!", ["7"] = "r", ["31"] = "R", ["32"] = "G",
  ["33"] = "Y", ["34"] = "B", ["35"] = "M", ["36"] = "C" }

local function bare(text) return (text:gsub("\27%[[%d;]*m", "")) end

-- "⟨bR⟩text⟨⟩": readable, and every sequence can be told.
local function marked(text)
  return (text:gsub("\27%[([%d;]*)m", function(codes)
    if codes == "0" then return "⟨⟩" end
    local letters = {}
    for code in codes:gmatch "%d+" do letters[#letters + 1] = NAMES[code] or "?" .. code end
    return "⟨" .. table.concat(letters) .. "⟩"
  end):gsub("%f[%d]%d%d:%d%d%f[%D]", "HH:MM"):gsub("%s+$", ""))
end

-- Every glyph of the one set → that of the other.
local function translation()
  local to = {}
  for name, glyph in sorted(PLAIN.glyph) do
    if type(glyph) == "string" then to[glyph] = ASCII.glyph[name] end
  end
  return to
end

local function check_rows(t, list, width, height, what)
  t:equal(#list, height, what .. ": rows")
  for _, row in ipairs(list) do
    t:equal(term.width(row), width, what .. ": width of " .. bare(row))
    t:ok(not bare(row):find "[%c]", what .. ": only styles")
  end
end

return function(t)
  local to = translation()

  local function in_ascii(text)
    return (text:gsub(utf8.charpattern, function(character) return to[character] end))
  end

  local function each_case(draw)
    local out = {}
    for _, size in ipairs(SIZES) do
      local width, height = size[1], size[2]
      local what = ("%d×%d"):format(width, height)
      local list, plain = draw(width, height, COLOUR), draw(width, height, PLAIN)
      local ascii = draw(width, height, ASCII)
      check_rows(t, list, width, height, what)
      out[#out + 1] = "## " .. what
      for index, row in ipairs(list) do
        t:equal(plain[index], bare(row), what .. ": without colours")
        t:equal(in_ascii(ascii[index]), in_ascii(plain[index]), what .. ": in ASCII")
        out[#out + 1] = marked(row)
      end
      while out[#out] == "" do out[#out] = nil end
    end
    return table.concat(out, "\n") .. "\n"
  end

  local function golden(name, text)
    local path = files.join(t.root, "golden/screens", name .. ".txt")
    if process.getenv "GOLDEN" == "write" then
      assert(files.mkdir(files.dirname(path)))
      assert(files.write(path, text, 420))
    end
    local kept = files.read(path)
    if kept == text then return end
    local old, number = (kept or ""):gmatch "([^\n]*)\n", 0
    for line in text:gmatch "([^\n]*)\n" do
      number = number + 1
      local before = old()
      if line ~= before then
        error(("%s, line %d:\n  is  %s\n  was %s\n(GOLDEN=write writes them anew)"):format(path, number, line,
          tostring(before)), 0)
      end
    end
    error(path .. " has more lines than there are now", 0)
  end

  for _, each in ipairs(shown.list) do
    local name, case, model = each[1], each[2], each[3]
    t:case(("%s: %s"):format(name, case), function()
      local view = require("ui.screens." .. name)
      local function draw(width, height, look) return (view.draw(model, width, height, look)) end
      for _, size in ipairs(TINY) do
        for _, look in ipairs { COLOUR, ASCII } do
          check_rows(t, draw(size[1], size[2], look), size[1], size[2], ("%d×%d"):format(size[1], size[2]))
        end
        t:equal(#draw(size[1], 0, PLAIN), 0, "no room at all")
      end
      golden(name .. "-" .. case:gsub("[^%w]+", "-"), each_case(draw))
    end)
  end

  for _, each in ipairs(shown.bottoms) do
    t:case("the last rows: " .. each[1], function()
      local view = require "ui.screens.bottom"
      for _, width in ipairs { 1, 2, 5, 13 } do
        check_rows(t, (view.draw(each[2], width, COLOUR)), width, 2, tostring(width))
      end
      golden("bottom-" .. each[1]:gsub(" ", "-"), each_case(function(width, height, look)
        local list = view.draw(each[2], width, look)
        for index = 3, height do list[index] = (" "):rep(width) end
        return list
      end))
    end)
  end

  t:case("every view is drawn here, and the names of the screens are those of the views", function()
    local drawn = { bottom = true, rows = true, style = true }
    for _, each in ipairs(shown.list) do drawn[each[1]] = true end
    for _, name in ipairs(world.names "ui.screens") do
      t:ok(drawn[name], "ui.screens." .. name .. " is drawn by no case")
    end
  end)
end
