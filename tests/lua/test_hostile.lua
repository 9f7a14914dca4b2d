-- SPDX-License-Identifier: MIT
-- Hostile values: every command × every option that it takes × every value. Each line is one sentence with a
-- documented exit code, asks no cloud for anything but prices, leaves the folder as it was,
-- and says whether money is running.
local commands = require "commands"
local exitcodes = require "facts.exitcodes"
local flags = require "facts.flags"

local HOME = "/home/user/.continueplz"
local ENV = "VAST_API_KEY=key-of-a-test-0123456789\n"

local VALUES = {
  "", " ", "-", "-1", "--", "-y", "0", "1e999", "-1e999", "nan", "inf", "-inf", "0x1p4000", ("9"):rep(400),
  ("x"):rep(100000), "1e-320", "1,5",
  "\1", "a\nb", "\r\27[2J", "\255\254", "\u{202e}", "$(id)", "../../etc/passwd", "%s%n%d", "off off",
}
local FEW = { "", "-1", "1e999", "nan", "\255\n" } -- for the commands after the first that takes an option

-- What may be a model's name, which only the repl does not look for.
local function is_name(value) return value:find("^%w[%w.-]*$") and #value <= 200 end

return function(t)
  local fake = t:load("fakehost")

  -- → exit code, stdout, stderr, requests that are not GET and not a search, files beside .env
  local function run(line)
    local acted = {}
    local s = fake.new { env = { HOME = "/home/user" }, http = function(request)
      if request.method ~= "GET" and request.method ~= "HEAD" and not request.url:find("/bundles", 1, true)
        and not request.url:find("/search", 1, true) then
        acted[#acted + 1] = request.method .. " " .. request.url
      end
      return { code = "connect", error = "nobody is there" }
    end }
    s.disk[HOME .. "/.env"] = { data = ENV, mode = 384, mtime = 0 }
    local p = s:start(function(require) return require("cli").main(line) end, { bare = true })
    s:run()
    local ok, code = pcall(p.result, p)
    local left = {}
    for path, file in pairs(s.disk) do -- order: free
      local own = path:find("/continueplz.log", 1, true) or path:find("/env.lock", 1, true)
        or path == HOME .. "/.env" and file.data == ENV
      if not own then left[#left + 1] = path end
    end
    table.sort(left)
    return ok and code or error(code, 0), p.out, p.err, acted, left
  end

  local documented = {}
  for _, row in ipairs(exitcodes.list) do documented[row.code] = row.name end

  local function shown(line) return (table.concat(line, " "):sub(1, 80):gsub("[^ -~]", "?")) end

  -- Runs a line of which nothing may come. → exit code, both outputs
  local function nothing_of(line)
    local code, out, err, acted, left = run(line)
    local what = shown(line) .. ": " .. err:sub(1, 300)
    local both = out .. err
    t:ok(documented[code] and documented[code] ~= "internal", what)
    t:ok(utf8.len(both) and not both:find("[%z\1-\8\11-\31\127]"), "bytes that are no text: " .. what)
    t:ok(not both:find("traceback") and not both:find("%.lua:%d") and not both:find("attempt to"), what)
    t:ok(#err < 1500, "too long: " .. what)
    t:equal({ acted, left }, { {}, {} }, what)
    local _, lines = both:gsub("Money: ", "")
    t:ok(lines == 1 or lines == 0 and code == 0, lines .. " lines about money: " .. what)
    return code, out, err
  end

  local function one_sentence(line)
    local code, _, err = nothing_of(line)
    if code == 2 then
      local _, sentences = err:gsub("continueplz: ", "")
      t:equal(sentences, 1, shown(line) .. ": " .. err)
    end
    return code, err
  end

  -- Words that a command needs in front of its options.
  local BEFORE = { models = { "fit" }, schedule = { "add" } }

  local function line_of(name, ...)
    return table.move({ ... }, 1, select("#", ...), #(BEFORE[name] or {}) + 2,
      table.move(BEFORE[name] or {}, 1, 9, 2, { name }))
  end

  local ASKED = { init = true, repl = true, agent = true } -- they wait for a person, or do not end

  t:case("every command × every option that it takes × every hostile value", function()
    local lines, met = 0, {}
    for _, name in ipairs(commands.names()) do
      local takes = {}
      for _, option in ipairs(require("commands." .. name).options) do takes[option:gsub("=$", "")] = true end
      for _, row in ipairs(flags.list) do
        local valued = row.kind ~= "none" or row.also
        if valued and row.name ~= "directory" and (takes[row.name] or row.global and not ASKED[name]) then
          for _, value in ipairs(met[row.name] and FEW or VALUES) do
            local code, err = one_sentence(line_of(name, "--" .. row.name .. "=" .. value))
            local free = name == "repl" and row.name == "model" and is_name(value)
            t:ok(code ~= 0 or free, ("%s --%s=%q is taken: %s"):format(name, row.name, value:sub(1, 20), err))
            lines = lines + 1
          end
          met[row.name] = true
        end
      end
    end
    t:ok(lines > 800, lines .. " lines")
  end)

  t:case("every command × a hostile word, in front, behind, and as a value of its own", function()
    for _, name in ipairs(commands.names()) do
      for _, value in ipairs(ASKED[name] and {} or VALUES) do
        one_sentence { name, value }
        one_sentence(line_of(name, value, value))
        one_sentence(line_of(name, "--", value))
        t:ok(one_sentence { value, name } ~= 0 or value == "-y" or value == "--", shown { value, name })
      end
    end
    for _, value in ipairs(VALUES) do
      for _, line in ipairs { { "config", "get", value }, { "config", "unset", value },
        { "config", "set", value, "1" }, { "config", "set", value .. "=1" }, { "models", "info", value },
        { "logs", value }, { "logs", "-n", value }, { "help", value }, { "ack", value }, { value .. ".lua" },
        { "--" .. value } } do
        one_sentence(line)
      end
    end
  end)

  t:case("in JSON every command, right or wrong, answers one object that says "
    .. "whether money is running", function()
    local json = require "base.json"
    for _, name in ipairs(commands.names()) do
      local lines = { { name }, { name, "surplus", "words" }, { name, "--no-such" }, { name, "-C", "" },
        { name, "--help" }, { "help", name } }
      for _, line in ipairs(lines) do
        line[#line + 1] = "--output=json"
        local code, out, _, acted, left = run(line)
        local object = json.decode(out, true) -- null is an answer: not known
        local silent = name == "repl" and code == 0 and #line == 2 -- nothing was typed
        t:ok(silent or type(object) == "table" and object.money_running ~= nil,
          shown(line) .. " printed: " .. out)
        t:ok(require("answers").check(line, out))
        t:ok(code == 0 or object.status ~= "failed" or object.error.exit_code == code, out)
        t:equal({ acted, left }, { {}, {} }, shown(line))
      end
    end
  end)

  t:case("every setting × every hostile value, by config set, .env and environment: "
    .. "refused, or what is read is sane", function()
    local config = require "config.effective"
    local taken = 0
    for _, row in ipairs(config.settings) do
      for _, value in ipairs(VALUES) do
        local parsed, why = config.parse(row.name, value)
        if type(parsed) == "number" then
          t:ok(parsed == parsed and math.abs(parsed) < 1e9,
            ("%s=%s is %s"):format(row.name, shown { value }, tostring(parsed)))
        end
        t:ok(parsed ~= nil or why:find("[^%s]"), row.name .. " is refused without a word")
        if not (row.secret or row.secret_url) then
          local code, _, err, acted, left = run { "config", "set", row.name, value }
          t:equal({ code == 0, acted }, { #left == 1, {} }, row.name .. " " .. shown { value } .. ": " .. err)
          taken = taken + (code == 0 and 1 or 0)
        end
      end
    end
    t:ok(taken > 0, "nothing is taken")
  end)
end
