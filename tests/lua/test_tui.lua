-- SPDX-License-Identifier: MIT
-- The parts of the full screen without a terminal: keys, frames, rows, the line that is typed.
local clock = require "base.clock"
local frame = require "tui.frame"
local keyboard = require "base.keyboard"
local keys = require "tui.keys"
local list = require "tui.list"
local prompt = require "tui.prompt"
local rows = require "ui.screens.rows"
local style = require "ui.screens.style"
local term = require "base.term"
local vt = require "vt"

local LOOKS = { style.new { unicode = true, colour = true }, style.new { unicode = true },
  style.new { bare = true } }

local function names_of(pressed)
  local names = {}
  for index, key in ipairs(pressed) do
    names[index] = key.mouse and ("%s %d,%d"):format(key.mouse, key.x, key.y) or key.name
      or "'" .. key.text .. "'"
  end
  return table.concat(names, " ")
end

return function(t)
  t:case("bytes of a terminal are keys, whole or in pieces", function()
    local table_of = {
      { "a", "'a'" }, { "\27[A\27[B\27OC\27[1;5D", "up down right ctrl-left" },
      { "\r\n\t\27[Z", "enter enter tab shift-tab" }, { "\12\3\127", "ctrl-l ctrl-c backspace" },
      { "\27[5~\27[6~\27[3;2~", "page-up page-down shift-delete" },
      { "\27b\27[15~\27OP", "alt-b f5 f1" }, { "\27[<0;12;5M\27[<0;12;5m", "press 12,5 release 12,5" },
      { "\27[<64;1;2M\27[<65;1;2M", "wheel-up 1,2 wheel-down 1,2" },
      { "\27[200~a\nb\27[201~c", "'a\nb' 'c'" },
      { "é€😀", "'é€😀'" }, { "\27\27[A", "escape up" }, { "\27[?1;2c x", "' x'" }, { "\0a", "'a'" },
      { "\27[M !!q", "'q'" }, { "\27[<32;2;3M", "drag 2,3" },
    }
    for _, row in ipairs(table_of) do
      t:equal(names_of(keyboard.reader():feed(row[1])), row[2], ("%q"):format(row[1]))
      local reader, all = keyboard.reader(), {}
      for index = 1, #row[1] do
        for _, key in ipairs(reader:feed(row[1]:sub(index, index))) do
          local last = all[#all]
          if key.text and not key.pasted and last and last.text and not last.pasted then
            last.text = last.text .. key.text
          else
            all[#all + 1] = key
          end
        end
      end
      t:equal(names_of(all), row[2], ("byte by byte: %q"):format(row[1]))
    end
  end)

  t:case("an Escape is one when nothing follows, and a broken sequence is no text", function()
    local reader = keyboard.reader()
    t:equal(#reader:feed "\27", 0)
    t:ok(reader:waiting(), "it waits")
    t:equal(names_of(reader:flush()), "escape")
    t:equal(#reader:feed "\27[", 0)
    t:equal(names_of(reader:flush()), "alt-[")
    t:equal(#reader:feed "\27[200~half", 0)
    t:ok(not reader:waiting(), "a paste is waited for as long as it takes")
    t:equal(#reader:flush(), 0)
    t:equal(names_of(reader:feed " done\27[201~"), "'half done'")
    local junk = keyboard.reader()
    t:equal(#junk:feed("\27[" .. ("1;"):rep(100)), 0, "a sequence without end is dropped")
    t:equal(names_of(junk:feed "a"), "'a'")
  end)

  t:case("only rows that changed are written, in one piece between its marks", function()
    local before = { rows = { "one ", "two " } }
    local first = frame.change(nil, before, true)
    t:ok(first:find "^\27%[%?2026h" and first:find "\27%[%?2026l$", "marks")
    t:equal(frame.change(before, { rows = { "one ", "two " } }, true), "", "the same frame")
    local text = frame.change(before, { rows = { "one ", "2   " } }, false)
    t:equal(text, "\27[?25l\27[2;1H2   ")
    t:ok(not frame.change(before, before, false):find "2026", "without marks when they are not wanted")
    local screen = vt.new(4, 2)
    screen:feed("\27[?1049h" .. first .. text)
    t:equal(screen:text(), "one\n2")
    t:equal(#screen.strange, 0)
    local moved = frame.change(before, { rows = before.rows, cursor = { x = 2, y = 1 } }, false)
    t:equal(moved, "\27[?25l\27[1;2H\27[?25h")
  end)

  t:case("rows have exactly their width, whatever is in them", function()
    local texts = { "", "plain", "grün €", "漢字かな交じり", "e\u{301}e\u{301}", "\27[31mred\27[0m",
      "a\tb\nc\0d\127",
      "\xff\xfe bad", ("long "):rep(500), "\u{202e}turned", "😀😀😀" }
    for _, look in ipairs(LOOKS) do
      for _, text in ipairs(texts) do
        for _, width in ipairs { 0, 1, 2, 3, 5, 8, 40, 200 } do
          local cell = rows.cell(text, width, look)
          t:equal(term.width(cell), width, ("cell %d of %q"):format(width, text))
          t:ok(not cell:find "[%c]", "no control character in a cell")
          local line = rows.line({ text, { "bold", text } }, width, look, "reverse")
          t:equal(term.width(line), width, ("line %d of %q"):format(width, text))
          t:ok(not line:gsub("\27%[[%d;]*m", ""):find "[%c]", "only styles in a line")
          t:equal(term.width(rows.rule(text, width, look)), width)
        end
      end
    end
  end)

  t:case("a list keeps its place, its filter and its window", function()
    local self = list.new { filter = "", all = function() return { "alpha one", "beta two", "alpha two" } end,
      text_of = function(item) return item end }
    self:move(5)
    t:equal(self:item(), "alpha two")
    self.filter = "ALPHA"
    t:equal(#self:items(), 2)
    t:equal(self:item(), "alpha two")
    self.filter = "two alpha"
    t:equal(self:item(), "alpha two", "every word, in any order")
    self.filter = "nothing"
    t:equal(self:item(), nil)
    t:equal(rows.window(1, 5, 10, 3), 3)
    t:equal(rows.window(5, 2, 10, 3), 2)
    t:equal(rows.window(9, 9, 10, 3), 8)
    t:equal(rows.window(nil, 1, 0, 3), 1)
  end)

  -- What comes of keys at a question that was shown so many seconds ago (nil: not yet).
  local function answered(shown, ...)
    local got
    local app = { stack = {}, say = function() end }
    function app.top() return nil end
    app.prompt = prompt.new { sign = "Rent it? [y/N] ", letters = true,
      done = function(text) got = text end, given_up = function() got = "given up" end }
    app.prompt.asked = shown and clock.now() - shown
    for _, key in ipairs { ... } do keys.press(app, key) end
    return got
  end

  t:case("a question is answered by one letter: not by what was typed before, nor by a paste", function()
    t:equal(answered(1, { text = "y" }), "y")
    t:equal(answered(1, { text = "yes" }), "y", "one letter is enough")
    t:equal(answered(nil, { text = "y" }), nil, "before it was shown")
    t:equal(answered(0, { text = "y" }), nil, "as it was shown")
    t:equal(answered(1, { text = "y", pasted = true }), nil, "a paste")
    t:equal(answered(1, { text = "n" }), "n")
    t:equal(answered(1, { name = "enter" }), "", "Enter is no yes")
    t:equal(answered(1, { name = "escape" }), "given up")
    t:equal(answered(1, { name = "ctrl-c" }), "given up")
    t:equal(answered(1, { mouse = "press", button = 1, x = 1, y = 1 }), nil)
  end)

  t:case("a line is typed, recalled, completed and given up", function()
    local typed, done = {}, nil
    local line = prompt.new { sign = ":", history = { "first", "second" },
      complete = function(text) return text == "st" and "status " or nil end,
      typed = function(text) typed[#typed + 1] = text end }
    local function press(...)
      for _, key in ipairs { ... } do done = line:press(#key == 1 and { text = key } or { name = key }) end
      return line:text()
    end
    t:equal(press("s", "t", "tab"), "status ")
    t:equal(press("ctrl-u", "a", "b", "left", "c"), "acb")
    t:equal(press("up"), "second")
    t:equal(press("up", "up"), "first")
    t:equal(press("down", "down"), "")
    t:equal(typed[1], "s")
    press "enter"
    t:equal(done, "done")
    press "escape"
    t:equal(done, "given up")
    local yes = prompt.new { sign = "? ", letters = true }
    t:equal(yes:press { text = "y" }, "done")
  end)
end
