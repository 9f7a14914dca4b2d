-- SPDX-License-Identifier: MIT
-- The configuration that is put into a client's own file: nothing of the user's is lost,
-- nothing is replaced unasked.
local json = require "base.json"
local jsontext = require "base.jsontext"
local keys = require "base.keys"

local HOME = "/home/user/.continueplz"
local ENDPOINT = { url = "http://127.0.0.1:23456", openai = "http://127.0.0.1:23456/v1",
  model = "qwen3-coder:30b", context = 65536 }
local OPENCODE, PI = "/home/user/.config/opencode/opencode.json", "/home/user/.pi/agent/models.json"

return function(t)
  local fake = t:load("fakehost")

  t:case("a member is put in, everything else stays as it is written", function()
    local rows = {
      -- text, path, value → text, what was there
      { "{}", { "a" }, 1, '{\n  "a": 1\n}' }, { '{"x":[]}', { "a" }, 1, '{"x":[], "a": 1}' },
      { '{\n    "x": 1\n}\n', { "a" }, {}, '{\n    "x": 1,\n    "a": {}\n}\n' },
      { '{\n  "a": {"b": 2, "c": []},\n  "z": 1e2\n}', { "a", "b" }, 3,
        '{\n  "a": {"b": 3, "c": []},\n  "z": 1e2\n}', "2" },
      { '{\n\t"a": {\n\t\t"x": 1\n\t}\n}', { "a", "b", "c" }, "v",
        '{\n\t"a": {\n\t\t"x": 1,\n\t\t"b": {\n\t\t  "c": "v"\n\t\t}\n\t}\n}' },
      { '// mine\n{\n  "x": 1, // why\n  /* b */ "y": "}",\n}\n', { "a" }, true,
        '// mine\n{\n  "x": 1, // why\n  /* b */ "y": "}",\n  "a": true\n}\n' },
      { '{\n  "x": 1 // why\n}', { "a" }, true, '{\n  "x": 1, // why\n  "a": true\n}' },
      { '{"a": "q\\"}", "b": null}', { "b" }, 1, '{"a": "q\\"}", "b": 1}', "null" },
      { "\239\187\191{}", { "a" }, 1, '\239\187\191{\n  "a": 1\n}' },
      { '{"\\u0061": 1}', { "a" }, 2, '{"\\u0061": 2}', "1" },
    }
    for _, row in ipairs(rows) do
      t:equal({ jsontext.set(row[1], row[2], row[3]) }, { row[4], row[5] }, row[1])
    end
  end)

  t:case("what is damaged is said with its line, and nothing is made of it", function()
    for _, row in ipairs { { "", "line 1: there is no value" }, { "[]", "line 1: it is no object" },
      { "{\n\n x }", "line 3: a name in quotes" },
      { '{"a" 1}', "a colon" }, { '{"a": }', "there is no value" }, { '{"a": 1 "b": 2}', "a comma" },
      { '{"a": [1 2]}', "a comma" }, { '{"a": "x', "no end" }, { '{\n"a": "x\n"}',
        "line 2: a text has no end" }, { "{} {}", "behind the end" }, { "{ /* ", "a comment has no end" },
      { '{"a": nil}', "there is no value" }, { '{"b": 1}', "b is no object" },
      { ("{\"b\":"):rep(150), "too deep" }, { '{"\\x": 1}', "a name is damaged" } } do
      local made, why = jsontext.set(row[1], { "b", "c" }, 1)
      t:equal(made, nil, row[1])
      t:ok(why:find(row[2], 1, true), row[1] .. ": " .. why)
    end
  end)

  t:case("of any object that is JSON the result is JSON with that one member more", function()
    local function random(depth)
      local kind = keys.random_int(1, depth > 3 and 4 or 6)
      if kind <= 4 then
        return ({ keys.random_int(-9, 9), "a\"b\\{}[],:", true, json.null })[kind]
      end
      local made = kind == 5 and json.array {} or json.object {}
      for index = 1, keys.random_int(0, 3) do
        made[kind == 5 and index or ("abc"):sub(index, index)] = random(depth + 1)
      end
      return made
    end
    for _ = 1, 500 do
      local made = random(4)
      local whole = { a = random(1), b = { c = random(2), d = made }, z = random(1) }
      local text = json.encode(whole, keys.random_int(0, 1) == 1 and keys.random_int(0, 4) or nil)
      for _, path in ipairs { { "b", "c" }, { "b", "new" }, { "n", "e", "w" }, { "a" } } do
        local after = assert(jsontext.set(text, path, { v = 5 }))
        local expected = json.decode(text, true)
        local at = expected
        for index = 1, #path - 1 do
          at[path[index]] = at[path[index]] or {}
          at = at[path[index]]
        end
        at[path[#path]] = { v = 5 }
        t:equal(json.decode(after, true), expected, text)
      end
    end
  end)

  -- Writes for a client in a world with these files. how: { yes=, answer= what a person types }. → code or
  -- failure, the world, what was printed
  local function write(name, files_there, how)
    how = how or {}
    local s = fake.new { env = how.env or { HOME = "/home/user" } }
    for path, file in pairs(files_there or {}) do -- order: free
      s.disk[path] = type(file) == "string" and { data = file, mode = 420, mtime = 0 } or file
    end
    local said = {}
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      require("base.term").ask = function(prompt)
        said[#said + 1] = prompt
        return how.answer
      end
      local function say(text) said[#said + 1] = text end
      local ctx = { yes = how.yes, asks = how.answer ~= nil, print = say, problem = say, home = HOME }
      local ok, code = require("base.fail").try(require("cli.clientfile").write, ctx, name, ENDPOINT)
      return ok and code or code.kind .. ": " .. code.message
    end)
    s:run()
    return p:result(), s, table.concat(said, "\n")
  end

  t:case("where there is no file it is made, for every client that has one", function()
    for _, name in ipairs { "opencode", "pi", "zed", "codex", "continue" } do
      local code, s, said = write(name)
      t:equal(code, 0, tostring(code))
      local path = said:match("Written: ~(%S+)")
      local text = s.disk["/home/user" .. path].data
      t:equal(text, table.concat(s:world().require("ui.clients").find(name)(ENDPOINT), "\n") .. "\n")
      t:equal(select(3, write(name, { ["/home/user" .. path] = text })):match("says it already"),
        "says it already")
    end
    for _, name in ipairs { "claude", "aider" } do
      t:ok(write(name):find("^usage: .*endpoint %-%-for " .. name), write(name))
    end
    t:ok(write("pi", nil, { env = {} }):find("^config: HOME is not set"), "without HOME")
  end)

  t:case("what is there stays; what would be replaced is asked, and refused without anybody", function()
    local theirs = '{\n  // mine\n  "theme": "x",\n  "model": "anthropic/claude",\n  "provider": {\n'
      .. '    "other": { "npm": "y", "list": [] }\n  }\n}\n'
    local there = { [OPENCODE] = { data = theirs, mode = 384, mtime = 0 } }
    local code, s = write("opencode", there)
    t:ok(code:find('^config: in .*model is "anthropic/claude", .*say %-y.*nothing was changed'), code)
    t:equal(s.disk[OPENCODE].data, theirs)
    local said
    code, s, said = write("opencode", there, { answer = "n" })
    t:equal({ code, s.disk[OPENCODE].data }, { 1, theirs })
    t:ok(said:find('model is "anthropic/claude"', 1, true) and said:find("Replace it? [y/N]", 1, true), said)
    for _, how in ipairs { { answer = "y" }, { yes = true } } do
      code, s = write("opencode", there, how)
      local text = s.disk[OPENCODE].data
      t:equal({ code, s.disk[OPENCODE].mode }, { 0, 384 }, "the mode stays")
      local value = json.decode((text:gsub("// mine", "")))
      t:equal({ value.theme, value.model, value.provider.other.npm,
        value.provider.continueplz.options.baseURL },
        { "x", "continueplz/qwen3-coder:30b", "y", ENDPOINT.openai })
      t:ok(text:find('// mine\n  "theme": "x",\n  "model": "continueplz/qwen3-coder:30b",\n', 1, true)
        and text:find('"list": []', 1, true), text)
      t:equal(write("opencode", { [OPENCODE] = text }), 0, "again: nothing to ask")
    end
    code, s = write("pi", { [PI] = '{"providers":{"x":{"models":[]}}}' })
    t:equal(code, 0, "nothing is replaced, so nobody is asked")
    t:equal(json.decode(s.disk[PI].data).providers.continueplz.models[1].contextWindow, 65536)
    t:ok(s.disk[PI].data:find('{"x":{"models":[]}, ', 1, true), s.disk[PI].data)
  end)

  t:case("files that are damaged, links, folders, or of a kind that is not merged", function()
    local rows = {
      { "pi", { [PI] = "{\n oops" }, "line 2: a name in quotes" },
      { "pi", { [PI] = '{"providers": 5}' }, "providers is no object" },
      { "pi", { [PI] = "\255\254{\0" }, "no UTF-8" },
      { "codex", { ["/home/user/.codex/config.toml"] = 'model = "gpt"\n' }, "cannot be merged" },
      { "continue", { ["/home/user/.continue/config.yaml"] = "name: mine\n" }, "cannot be merged" },
    }
    for _, row in ipairs(rows) do
      local code, s = write(row[1], row[2], { yes = true })
      t:ok(type(code) == "string" and code:find("^config: ") and code:find(row[3], 1, true)
        and code:find("; nothing was changed", 1, true), tostring(code))
      local path, text = next(row[2])
      t:equal(s.disk[path].data, text)
    end
  end)
end
