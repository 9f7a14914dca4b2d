-- SPDX-License-Identifier: MIT
-- Keys as people paste them and as editors save them: cleaned where there is no doubt, else a sentence that
-- shows nothing of the key.
local config = require "config.effective"
local dotenv = require "config.dotenv"
local pasted = require "config.pasted"

local KEY = "sk_0123456789abcdef.XYZ-9"
local HOME = "/home/user/.continueplz"

local CLEANED = {
  KEY, " " .. KEY .. "\r", KEY .. "\r\n", "\t" .. KEY .. " \n", '"' .. KEY .. '"', "'" .. KEY .. "'",
  "`" .. KEY .. "`", "“" .. KEY .. "”", "„" .. KEY .. "“", "‘" .. KEY .. "’", "<" .. KEY .. ">", "\27[200~"
    .. KEY .. "\27[201~", "\239\187\191" .. KEY, "VAST_API_KEY=" .. KEY, "VAST_API_KEY = '" .. KEY .. "'",
  "export VAST_API_KEY=\"" .. KEY .. "\"\r\n", "vast_api_key=" .. KEY, "MY_KEY=" .. KEY, "Bearer " .. KEY,
  "Authorization: Bearer " .. KEY, "\"Authorization: Bearer " .. KEY .. "\"",
  "\27[200~ export VAST_API_KEY='Bearer " .. KEY .. "'\r\n\27[201~",
}

local REFUSED = {
  { "LAMBDA_API_KEY=" .. KEY, "the line of LAMBDA_API_KEY, and VAST_API_KEY is wanted" },
  { "\255\254s\0k\0", "UTF-16" }, { "s\0k\0_\0", "UTF-16" }, { '"' .. KEY, "a quote at one end" },
  { KEY .. "”", "a quote at one end" }, { KEY .. "'", "a quote at one end" }, { '""', "there is no key" },
  { "VAST_API_KEY=", "there is no key" }, { "VAST_API_KEY=''", "there is no key" },
  { "sk_01234 56789", "a blank in its middle" },
  { KEY .. "\n" .. KEY, "several lines" }, { "sk–0123456789abcdef", "no key has" },
  { "sk\1920123456789abcdef", "no key has" }, { "\27[A" .. KEY, "control character" },
  { KEY .. "\xe2\x80\x8b", "no key has" },
}

return function(t)
  local fake = t:load("fakehost")

  t:case("what surely is not the key goes", function()
    for _, text in ipairs(CLEANED) do
      t:equal({ pasted.key(text, "VAST_API_KEY") }, { KEY }, ("%q"):format(text))
    end
    t:equal(pasted.key("uS7+/Q==", "VAST_API_KEY"), "uS7+/Q==", "padding is no assignment")
  end)

  t:case("what is in doubt has its own sentence, without a word of the key", function()
    for _, row in ipairs(REFUSED) do
      local key, why = pasted.key(row[1], "VAST_API_KEY")
      t:equal(key, nil, row[1])
      t:ok(why:find(row[2], 1, true) and not why:find("0123", 1, true), ("%q: %s"):format(row[1], why))
    end
  end)

  -- The settings of a world whose home has this .env and whose environment holds more. → secret, problems
  local function loaded(env_text, env)
    local s = fake.new { env = env or {} }
    s.env.HOME = "/home/user"
    if env_text then s.disk[HOME .. "/.env"] = { data = env_text, mode = 384, mtime = 0 } end
    local require = s:world().require
    local problems = require("config.effective").load(HOME)
    local messages = {}
    for index, each in ipairs(problems) do messages[index] = each.message end
    return require("config.effective").secret "VAST_API_KEY", table.concat(messages, "\n")
  end

  t:case("from the environment, and from the file, the same", function()
    for _, text in ipairs(CLEANED) do
      t:equal({ loaded(nil, { VAST_API_KEY = text }) }, { KEY, "" }, ("%q"):format(text))
    end
    for _, row in ipairs(REFUSED) do
      local key, said = loaded(nil, { VAST_API_KEY = row[1] })
      t:ok((key == nil or row[1] == '""') and not said:find("0123", 1, true) and said:find(row[2], 1, true),
        ("%q: %s"):format(row[1], said))
    end
    for _, text in ipairs { "VAST_API_KEY=" .. KEY .. "\r\nMAX_PRICE=2\r\n", "\239\187\191VAST_API_KEY="
        .. KEY, "VAST_API_KEY=“" .. KEY .. "”\n", "\27[200~VAST_API_KEY=" .. KEY .. "\27[201~\n",
      "VAST_API_KEY=Bearer " .. KEY .. "  \n", "export VAST_API_KEY='" .. KEY .. "' # mine\n" } do
      t:equal({ loaded(text) }, { KEY, "" }, ("%q"):format(text))
    end
    local utf16 = ("VAST_API_KEY=" .. KEY .. "\n"):gsub(".", "%0\0")
    for _, row in ipairs { { "\255\254" .. utf16, "UTF-16" }, { utf16, "UTF-16" },
      { "VAST_API_KEY=" .. KEY .. "\rMAX_PRICE=2\r", "control character" }, { "VAST_API_KEY=" .. KEY
          .. "\27[D\n", "control character" }, { "VAST_API_KEY=\"" .. KEY .. "\n", "a quote is opened" } } do
      local key, said = loaded(row[1])
      t:ok(key == nil and said:find(row[2], 1, true) and not said:find("0123", 1, true),
        ("%q: %s"):format(row[1], said))
    end
  end)

  t:case("a value that breaks lines makes no sentence of its own", function()
    local _, said = loaded(nil,
      { MAX_PRICE = "5\nMoney: none is running\27[2J\xff", REGISTRY_URL = "http://x\n" .. ("y"):rep(5000) })
    t:ok(utf8.len(said) and #said < 2500 and not said:find("\nMoney:", 1, true) and not said:find "\27", said)
  end)

  t:case("a line with marks of a paste is the line that is changed", function()
    local text = "\27[200~A=1\27[201~\nB=2\n"
    t:equal(#dotenv.parse(assert(dotenv.merge(text, { { name = "A", value = "3" } }))), 2)
    t:equal(dotenv.parse(assert(dotenv.merge(text, { { name = "A", value = "3" } })))[1].value, "3")
    t:ok(config.settings, "loaded")
  end)
end
