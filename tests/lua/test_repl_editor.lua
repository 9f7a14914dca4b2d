-- SPDX-License-Identifier: MIT
-- The line editor without a terminal: bytes in, text and screen out.
local buffer = require "repl.buffer"
local complete = require "repl.complete"
local editor = require "repl.editor"
local keys = require "repl.keys"
local layout = require "repl.layout"

local LEFT, RIGHT, UP, DOWN = "\27[D", "\27[C", "\27[A", "\27[B"

return function(t)
  local function new(options)
    options = options or {}
    return editor.new {
      prompt = "> ", more = "... ", history = options.history or {},
      complete = options.complete or function(text) return #text + 1, {} end,
      unfinished = options.unfinished or function() return false end,
    }
  end

  -- The text after these bytes, with | where the cursor is; and the events.
  local function typed(bytes, options)
    local made, events = new(options), {}
    made:feed(bytes)
    local event = made:next()
    while event do
      events[#events + 1] = event
      event = made:next()
    end
    local b = made.buffer
    return b:before() .. "|" .. b:text(b.at), events, made
  end

  t:case("keys move, delete, cut and yank", function()
    local rows = {
      { "abc", "abc|" }, { "abc" .. LEFT .. LEFT .. "x", "ax|bc" }, { "abc\1x\5y", "xabcy|" },
      { "abc\2\2\6x", "abx|c" },
      { "abc\27[Hx\27[Fy", "xabcy|" }, { "abc\27OHx\27OFy\27[1~z\27[4~!", "zxabcy!|" }, { "abc\127\8", "a|" },
      { "abc\1\27[3~\4", "|c" }, { "one two_3\27b\27bx\27f\27fy", "xone two_3y|" },
      { "one two" .. "\27[1;5D" .. "x" .. "\27[1;5C", "one xtwo|" }, { "one two\23\23x\25", "xone two|" },
      { "one two\1\11x\25\25", "xone twoone two|" }, { "one two\2\2\21\5\25", "woone t|" },
      { "one two\27b\27d\25\25", "one twotwo|" }, { "a\0b\27[5~c\27[24~d", "abcd|" },
      { "a\127\127\127b", "b|" }, { LEFT .. RIGHT .. "a", "a|" },
    }
    for _, row in ipairs(rows) do
      t:equal((typed(row[1])), row[2], ("%q"):format(row[1]))
    end
  end)

  t:case("characters of several bytes, combined and wide ones are one step", function()
    t:equal((typed("日本語" .. LEFT .. "x")), "日本x|語")
    t:equal((typed("ae\u{301}b" .. LEFT .. LEFT .. "x")), "ax|e\u{301}b")
    t:equal((typed("ae\u{301}\127")), "a|")
    t:equal((typed("a\xffb")), "a\u{fffd}b|")
    local made = new()
    for byte in ("é日\27[D!"):gmatch(".") do -- one byte at a time, as over a slow line
      made:feed(byte)
      made:next()
    end
    t:equal(made.buffer:text(), "é!日")
  end)

  t:case("pasted text is text, whatever is in it", function()
    local text, events = typed("\27[200~one\r\ntwo\tthree\3\27[A\127\27[201~!")
    t:equal({ text, #events }, { "one\ntwo  three[A!|", 0 })
    local made = new()
    for _, piece in ipairs { "\27[20", "0~a", "b\27[2", "01", "~c" } do
      made:feed(piece)
    end
    made:next()
    t:equal(made.buffer:text(), "abc")
  end)

  t:case("Enter gives the line, or goes on where a chunk is not complete; "
    .. "Ctrl-D ends an empty one", function()
    local function unfinished(text) return text:find("do$") ~= nil end
    local _, events = typed("1 + 1\r", { unfinished = unfinished })
    t:equal(events, { { kind = "submit", text = "1 + 1" } })
    local text
    text, events = typed("do\rend", { unfinished = unfinished })
    t:equal({ text, #events }, { "do\nend|", 0 })
    _, events = typed("do\27\rend\r", { unfinished = unfinished })
    t:equal(events[1].text, "do\nend")
    t:equal({ select(2, typed "\4")[1].kind, #select(2, typed "a\4") }, { "eof", 0 })
    t:equal(select(2, typed "a\12")[1].kind, "clear")
  end)

  t:case("history: up, down, the line that was begun, lines within a line", function()
    local history = { "one", "do\n  x\nend" }
    t:equal((typed("new" .. UP, { history = history })), "do\n  x\nend|")
    t:equal((typed("new" .. UP .. UP, { history = history })), "do\n  x|\nend")
    t:equal((typed("new" .. UP .. UP .. UP .. UP, { history = history })), "one|")
    t:equal((typed("new" .. UP .. DOWN, { history = history })), "new|")
    local text, events = typed(UP .. UP .. UP, { history = { "one" } })
    t:equal({ text, events[1].kind }, { "one|", "bell" })
    t:equal(history, { "one", "do\n  x\nend" })
  end)

  t:case("Ctrl-R searches backwards", function()
    local history = { "vast.account()", "x = 1", "vast.list()", "y" }
    t:equal((typed("\18vast", { history = history })), "|vast.list()")
    t:equal((typed("\18vast\18", { history = history })), "|vast.account()")
    t:equal((typed("old\18vast\7", { history = history })), "old|")
    t:equal(select(2, typed("\18= 1\r", { history = history }))[1].text, "x = 1")
    local _, _, made = typed("\18nothing", { history = history })
    t:equal(made:prompt(), "(not found: 'nothing') ")
    t:equal((typed("\18vasx\127t\5!", { history = history })), "vast.list()!|")
  end)

  t:case("Tab completes what is certain, the second one lists", function()
    local world = { vast = { offers = function() end, official = 1, account = error }, value = 1 }
    local function peek(name) return world[name] end
    local commands = { time = { args = "EXPR" },
      trace = { args = "on|off", words = { "on", "off" } }, list = {} }
    local function names(text) return complete.candidates(text, peek, { "value", "vast" }, commands) end
    local function done(text) return (typed(text .. "\t", { complete = names })) end
    t:equal({ done "vas", done "x = vast.acc", done "vast.of", done "nothing.x", done "vast.zz", done "",
      done "f(", done "'vas", done "-- vas" },
      { "vast|", "x = vast.account|", "vast.off|", "nothing.x|", "vast.zz|", "|", "f(|", "'vas|", "-- vas|" })
    t:equal({ done ":li", done ":trace o", done ":time vast.acc", done ":tr" },
      { ":list|", ":trace o|", ":time vast.account|", ":trace |" })
    local _, events = typed("vast.off\t\t", { complete = names })
    t:equal(events, { { kind = "list", names = { "vast.offers", "vast.official" } } })
    t:equal(#select(2, typed("vast.off\t", { complete = names })), 0)
    t:equal((typed("vas.x\1\27f\t", { complete = names })), "vast|.x")
  end)

  t:case("completion runs nothing", function()
    local trap = setmetatable({ plain = { x = 1 } },
      { __index = function() error "ran" end, __pairs = function() error "ran" end })
    local from, list = complete.candidates("trap.pl", function() return trap end, {}, {})
    t:equal({ from, list }, { 1, { "trap.plain" } })
    t:equal(select(2, complete.candidates("trap.none.x", function() return trap end, {}, {})), {})
  end)

  local function view(text, at, prompt)
    local b = buffer.new(text)
    return { prompt = prompt or "> ", more = ". ", cells = b.cells, at = at or #b.cells + 1 }
  end

  t:case("rows: long lines, wide characters at the edge, several lines", function()
    local made = layout.rows(view "abc", 80)
    t:equal(made, { rows = { "> abc" }, row = 1, column = 5 })
    t:equal(layout.rows(view("abcdefghij", 4), 8), { rows = { "> abcde", "fghij" }, row = 1, column = 5 })
    t:equal(layout.rows(view "abcde", 8), { rows = { "> abcde", "" }, row = 2, column = 0 })
    t:equal(layout.rows(view "日本語", 8), { rows = { "> 日本", "語" }, row = 2, column = 2 })
    t:equal(layout.rows(view("日本語", 3), 8), { rows = { "> 日本", "語" }, row = 2, column = 0 })
    t:equal(layout.rows(view("a\nb", 2), 80), { rows = { "> a", ". b" }, row = 1, column = 3 })
  end)

  t:case("drawing goes back to the first row, and shows the rows around the "
    .. "cursor on a small screen", function()
    local text, shown = layout.draw(view "abcdefghij", 8, 24)
    t:equal(text, "\r\27[J> abcde\r\nfghij\r\27[5C")
    text, shown = layout.draw(view("abcdefghij", 1), 8, 24, shown)
    t:equal(text, "\27[1A\r\27[J> abcde\r\nfghij\27[1A\r\27[2C")
    t:equal(layout.leave(shown), "\27[1B\r\n")
    local _, small = layout.draw(view(("x\n"):rep(50), 40), 20, 5)
    t:equal({ #small.rows, small.rows[small.row], small.column }, { 5, ". x", 3 })
  end)

  t:case("any bytes in any pieces: the cursor stays inside, nothing breaks", function()
    local seed = 7
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    local pieces = { "a", "日", "e\u{301}", " ", "\n", "\27[A", "\27[B", "\27[C", "\27[D", "\27[", "\27",
      "\127", "\11", "\23", "\25", "\18", "\7", "\t", "\r",
      "\1", "\5", "\xe6", "\xff", "\27[200~", "\27[201~", "\27b", "\27d", "\4", "\21", "\0" }
    for _ = 1, 60 do
      local made = new { history = { "one", "two\nthree", "日本" }, complete = function(text)
        return #text + 1, { "x", "xy" }
      end }
      for _ = 1, 60 do
        made:feed(pieces[random(#pieces)])
        while made:next() do end
        local b = made.buffer
        t:ok(b.at >= 1 and b.at <= #b.cells + 1 and utf8.len(b:text()), "the cursor is inside")
        local drawn = layout.rows(view(b:text(), b.at, made:prompt()), 12)
        t:ok(drawn.row >= 1 and drawn.row <= #drawn.rows and drawn.column < 12, "the cursor is on the screen")
      end
    end
    t:equal(keys.reader()("\27[<\1\2"), { { name = "home" }, { name = "left" } })
  end)
end
