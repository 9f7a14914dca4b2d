-- SPDX-License-Identifier: MIT
-- Bytes from elsewhere: cleaned where they come in, never raised at where they go out.
local clean = require "base.clean"
local fail = require "base.fail"
local json = require "base.json"
local keys = require "base.keys"
local lambda = require "providers.lambda.parse"
local vast = require "providers.vast.parse"
local words = require "cli.words"

local HOSTILE = "\27]0;title\7\27[2J\27[1;31mred\27[0m \xe9t\xc3\xa9 \xe2\x80\xaegnp.exe\r\n"
  .. "Money: none is running\0\xff"

-- Is it text that can do nothing to a terminal?
local function harmless(text)
  return utf8.len(text) and not text:find("[\0-\8\11-\31\127]")
    and not text:find("\xe2\x80[\x8e\x8f\xa8-\xae]") and not text:find("\xc2[\x80-\x9f]")
end

return function(t)
  t:case("what is no text becomes visible; what is text stays", function()
    local rows = {
      { "plain", "plain" }, { "né\n\tü 語", "né\n\tü 語" }, { "caf\xe9", "caf\\xE9" }, { "\xc3", "\\xC3" },
      { "a\xed\xa0\x80b", "a\\xED\\xA0\\x80b" }, { "\xf8\x88\x80\x80\x80", "\\xF8\\x88\\x80\\x80\\x80" },
      { "\27[2J", "\\x1B[2J" }, { "\27[1m", "\\x1B[1m" }, { "a\rb\0", "a\\x0Db\\x00" },
      { "\xc2\x9b2J", "\\u{009B}2J" }, { "\xe2\x80\xae", "\\u{202E}" }, { "\xef\xbb\xbfkey", "\\u{FEFF}key" },
      { "⚠ é “”", "⚠ é “”" }, { "", "" },
    }
    for _, row in ipairs(rows) do t:equal(clean.text(row[1]), row[2]) end
    t:equal(clean.text("\27[1;31mred\27[0m\27[2J", true), "\27[1;31mred\27[0m\\x1B[2J",
      "colours of our own stay")
  end)

  t:case("one line, cut between characters", function()
    t:equal(clean.line(HOSTILE), "red \\xE9té \\u{202E}gnp.exe Money: none is running \\xFF")
    t:equal({ clean.cut("né", 2), clean.cut("né", 3), clean.cut("語語", 4), clean.cut("", 0) },
      { "n…", "né", "語…", "" })
    for most = 1, 12 do t:ok(utf8.len(clean.cut("aé語😀z", most)), "cut at " .. most) end
    t:equal(clean.lines("\x80\x98end of one\r\n\27[32mgreen\27[0m\r\27[Kbar"), "end of one\ngreen\\x0Dbar")
  end)

  t:case("whatever bytes there are, the answer is text", function()
    for _ = 1, 2000 do
      local pieces, bits = {}, { "\27[", "\xe2\x80", "\xae", "\xc3", "\xa9", "m", "\\", "\27]0;", "\7",
        "\xf0\x9f\x98", "\x80", "é", " ", "\n", "\0", "\xff", "2J" }
      for index = 1, keys.random_int(0, 12) do pieces[index] = bits[keys.random_int(1, #bits)] end
      local text = table.concat(pieces)
      for name, made in pairs { text = clean.text(text), line = clean.line(text, 9), -- order: free
        lines = clean.lines(text) } do
        t:ok(harmless(made), ("%s of %q is %q"):format(name, text, made))
      end
      t:equal(clean.text(clean.text(text)), clean.text(text), "cleaned once is enough")
      local encoded = json.encode { [text] = text, list = { text } }
      t:ok(harmless(encoded) and json.decode(encoded), ("JSON of %q"):format(text))
    end
  end)

  t:case("JSON that clouds send: one bad byte takes no list away", function()
    t:equal(json.decode('{"label":"caf\xe9","id":5}'), { label = "caf\xef\xbf\xbd", id = 5 })
    t:equal(json.decode '{"a":"\\udce9x","b":"\\ud83d\\ude00","c":"\\ud83d"}',
      { a = "\xef\xbf\xbdx", b = "😀", c = "\xef\xbf\xbd" })
    t:equal(json.decode '{"price":1e999,"list":[1e999],"id":5}', { list = { json.null }, id = 5 },
      "what is no number is none")
    t:equal(clean.deep { msg = HOSTILE, ["\27k"] = { "\xff" } }.msg:find "\27", nil)
    t:equal(clean.deep { ["\27k"] = { "\xff" }, n = 5, no = false },
      { ["\\x1Bk"] = { "\\xFF" }, n = 5, no = false })
  end)

  t:case("JSON that is printed after money was spent never fails", function()
    local circle = { status = "ready" }
    circle.self = circle
    for _, value in ipairs { circle, { a = 0 / 0, b = 1 / 0 }, { f = tostring }, { [1] = "x", y = 2 },
      { "a", nil, "c" }, { [2.5] = "x" }, { HOSTILE } } do
      local text = words.encoded(value)
      t:ok(json.decode(text) and harmless(text), text)
    end
    t:equal(words.encoded { a = 0 / 0, b = { 1, 2 }, c = json.array {} }, '{"a":null,"b":[1,2],"c":[]}')
    t:equal(words.encoded { home = "/home/caf\xe9" }, '{"home":"/home/caf\\\\xE9"}')
    t:equal(json.encode { "\xc2\x9b\xe2\x80\xae\xef\xbb\xbf\127" }, '["\\u009b\\u202e\\ufeff\\u007f"]')
  end)

  t:case("failures: whoever said it, the sentence is text in one line", function()
    t:ok(harmless(fail.new { kind = "refused", message = HOSTILE }.message))
    local _, bug = fail.try(error, "caf\xe9\27[2J")
    t:ok(harmless(bug.message), bug.message)
    local long = ("語"):rep(400)
    for _, said in ipairs { HOSTILE, long, ("x"):rep(119) .. "é" } do
      for _, failure in ipairs {
        vast.problem(400, "", { msg = said }), vast.problem(500, said, { other = 1 }),
        lambda.problem(400, "", { error = { code = "x", message = said } }),
        lambda.problem(400, said, { error = {} }),
      } do
        t:ok(harmless(failure.message) and not failure.message:find("\n") and #failure.message < 450,
          failure.message)
      end
    end
    local machine = vast.instance { id = 5, status_msg = "Error: \27[31mno space\r\n" .. long,
      gpu_name = HOSTILE, cur_state = "running" }
    t:ok(harmless(machine.message) and not machine.message:find("\n") and #machine.message < 320
      and harmless(machine.gpu), machine.message)
  end)
end
