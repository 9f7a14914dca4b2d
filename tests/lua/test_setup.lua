-- SPDX-License-Identifier: MIT
-- Guided setup: keys are judged in different sentences, prompts and their absence, .env is merged.
local json = require "base.json"
local keys = require "base.keys"

local HOME = "/home/user/.continueplz"
local KEY = "good-key-0123456789abcdef" -- the one that setup_world's Vast knows
local PAGE = "<!DOCTYPE html><html>sign in</html>"

-- A second cloud, whose machines need the account's key; its adapter is a script of the user's.
local TOY = [[
local fail = require "base.fail"
local config = require "config.effective"
return { name = "lambda", title = "Lambda", console = "https://cloud.lambda.ai/instances",
  key_setting = "LAMBDA_API_KEY", capabilities = { guard = "account-key" }, timing = {},
  account = function()
    if config.secret "LAMBDA_API_KEY" ~= "toy-key-0123456789" then
      fail.raise("auth", "no", { status = 401, body = '{"error":{"message":"API key was invalid."}}' })
    end
    return { id = "w1", currency = "USD" }
  end,
  list = function() return {} end, offers = function() return {} end }
]]

return function(t)
  local fake, world = t:load("fakehost"), t:load("setup_world")(t)
  local _
  local vast, words, run, env_of, says = world.vast, world.words, world.run, world.env_of, world.says

  t:case("a key is judged in different sentences, and nothing is saved unless it is right", function()
    local rows = {
      { nil, "wrong-key-0123456789", 3, "does not know this key (it said: Invalid user key)" },
      { { ["users/current"] = { status = 401, json = { success = false, error = "auth_error",
        msg = "This key lacks the permission user_read" } } }, KEY, 3,
        "knows this key, but it may not do what is needed (it said: This key lacks the permission user_read)",
        "instance_write" },
      { { ["v1/instances"] = { status = 401, json = { error = "auth_error",
        msg = "lacks the permission instance_read" } } }, KEY, 3, "may not do" },
      { { [""] = { status = 200, body = PAGE } }, KEY, 5, "Not Vast.ai answered but something in between",
        "(HTTP 200)", "https_proxy" },
      { { [""] = { status = 403, body = PAGE } }, KEY, 5, "something in between", "(HTTP 403)" },
      { { [""] = { status = 302, headers = { location = "http://hotel/" }, body = "" } }, KEY, 5,
        "something in between" },
      { { [""] = { status = 407, body = "" } }, KEY, 5, "something in between" },
      { { [""] = { error = "CONNECT tunnel failed, response 403", code = "connect", sent = false } }, KEY, 5,
        "something in between" },
      { { [""] = { error = "certificate is not trusted", code = "tls", sent = false } }, KEY, 5,
        "not to be trusted", "clock" },
      { { [""] = { error = "Could not resolve host", code = "resolve", sent = false } }, KEY, 5,
        "could not be asked", "not judged" },
      { { [""] = { status = 502, body = PAGE } }, KEY, 5, "could not be asked" },
    }
    for _, row in ipairs(rows) do
      local code, out, err, s = run("init -y", { env = { VAST_API_KEY = row[2] }, http = vast(row[1]) })
      t:equal(code, row[3], err)
      says(err, "VAST_API_KEY: ", "nothing was saved", table.unpack(row, 4))
      t:ok(not err:find(row[2], 1, true) and not out:find(row[2], 1, true), "the key is shown")
      for path in pairs(s.disk) do t:ok(false, "written: " .. path) end -- order: free
    end
  end)

  t:case("no credit is a warning: the key is right", function()
    local broke = { ["users/current"] = { json = { id = 7, username = "ada", credit = 0 } } }
    local code, out, _, s = run("init -y", { env = { VAST_API_KEY = KEY }, http = vast(broke) })
    t:equal(code, 0)
    says(out, "The key is right, but the account at Vast.ai has no credit", "https://cloud.vast.ai/billing/")
    t:equal(env_of(s).VAST_API_KEY, KEY)
  end)

  t:case("unattended: environment, flags, standard input; what is missing is named", function()
    local code, out, err, s = run("init --tier=small --max-hours=90m",
      { env = { VAST_API_KEY = KEY, MAX_PRICE = "1.5" } })
    t:equal(code, 0, err)
    local values = env_of(s)
    t:equal({ values.VAST_API_KEY, values.DEFAULT_TIER, values.MAX_HOURS, values.MAX_PRICE,
      values.IDLE_MINUTES, values.PREFER_SPOT }, { KEY, "small", "90m", "1.5", "60", "true" })
    t:equal(keys.load(values.WIREGUARD_PRIVATE_KEY):public(), values.WIREGUARD_PUBLIC_KEY)
    t:ok(not out:find(values.WIREGUARD_PRIVATE_KEY, 1, true))
    t:ok(s.disk[HOME .. "/.continueplz.state"], "state file")
    code, _, err, s = run("init --provider=vast", { input = ' "' .. KEY .. '" \n' })
    t:equal({ code, env_of(s).VAST_API_KEY }, { 0, KEY }, err)
    for _, input in ipairs { "", "\n" } do
      code, _, err, s = run("init --provider=vast", { input = input })
      t:equal({ code, s.disk[HOME .. "/.env"] }, { 3, nil })
      says(err, "no key was given", "VAST_API_KEY", "standard input", "nothing was saved")
    end
    code, _, err = run("init --provider=vast", { input = "two words\n" })
    t:equal(code, 3)
    says(err, "a blank in its middle")
    code, _, err = run("init --provider=mars")
    t:equal(code, 2)
    says(err, "'mars'", "vast")
    code, out = run("init --output=json", { env = { VAST_API_KEY = KEY } })
    local object = json.decode(out)
    t:equal({ code, object.status, object.file, object.created, object.providers[1].state,
      object.providers[1].balance }, { 0, "saved", HOME .. "/.env", true, "good", 12.5 })
    t:ok(not out:find(KEY, 1, true) and object.offers_problem, out)
  end)

  t:case("an existing .env is merged: order, comments and unknown lines stay, a "
    .. "second run changes nothing", function()
    local text = "# mine\nMAX_PRICE=2   # dear\n\nVAST_API_KEY='old-key-000000000000'\nnonsense here\n"
      .. "DEFAULT_TIER=large\n"
    local code, _, _, s = run("init --tier=small",
      { env = { VAST_API_KEY = KEY }, files = { [".env"] = text } })
    local merged = s.disk[HOME .. "/.env"].data
    t:equal(code, 0)
    t:equal(merged:match("^(.-)WIREGUARD"),
      "# mine\nMAX_PRICE=2   # dear\n\nVAST_API_KEY=" .. KEY .. "\nnonsense here\nDEFAULT_TIER=small\n")
    t:ok(merged:find("WIREGUARD_PRIVATE_KEY=", 1, true) and not merged:find("IDLE_MINUTES", 1, true), merged)
    local out
    code, out, _, s = run("init -y", { files = { [".env"] = merged } })
    t:equal({ code, s.disk[HOME .. "/.env"].data }, { 0, merged })
    says(out, "nothing was changed")
  end)

  t:case("a tunnel key that is there is taken; a disk that refuses leaves the old file", function()
    local pair = keys.fresh()
    local code, _, _, s = run("init -y",
      { env = { VAST_API_KEY = KEY }, files = { ["tunnel.key"] = pair:secret() .. "\n" } })
    t:equal({ code, env_of(s).WIREGUARD_PRIVATE_KEY }, { 0, nil })
    code, _, _, s = run("init -y", { env = { VAST_API_KEY = KEY, WIREGUARD_PRIVATE_KEY = pair:secret() } })
    t:equal({ code, env_of(s).WIREGUARD_PUBLIC_KEY }, { 0, pair:public() })
    s = fake.new { env = { HOME = "/home/user", VAST_API_KEY = KEY }, http = vast(),
      hook = function(name, _, path)
        return name == "state.write" and path:find("%.env$")
          and { code = "full", error = "No space left" } or nil
      end }
    s.disk[HOME .. "/.env"] = { data = "MAX_PRICE=2\n", mode = 384, mtime = 0 }
    local p = s:start(function(require) return require("cli").main { "init", "-y" } end, { bare = true })
    s:run()
    t:equal({ p:result(), s.disk[HOME .. "/.env"].data }, { 3, "MAX_PRICE=2\n" })
    says(p.err, "No space left", "nothing was changed")
  end)

  t:case("asked on a terminal: two answers for one cloud, and one more for which", function()
    local code, out, err, s = run("init --provider=vast", { tty = true, input = KEY .. "\n\n" })
    t:equal(code, 0, err)
    says(out, "continueplz setup", "Vast.ai key valid - account: ada, balance $12.50",
      "medium: qwen3-coder:30b", "Ends itself after silence of 10h 00m", "Saved in")
    says(err, "Vast.ai API key (not shown; Enter: leave it out):", "Enter saves; a number changes that line:")
    t:equal({ env_of(s).VAST_API_KEY, env_of(s).MAX_PRICE }, { KEY, "3" })
    t:ok(not out:find(KEY, 1, true) and not err:find(KEY, 1, true))
  end)

  t:case("asked: a wrong key again, a line changed, a tunnel key given", function()
    local pair = keys.fresh()
    local code, out, err, s = run("init --provider=vast",
      { tty = true, input = table.concat({ "bad key", "wrong-key-0123456789", "VAST_API_KEY=" .. KEY,
        "4", "much", "off", "8", "0.9", "seven", "9", "nonsense", "9", pair:secret(), "" }, "\n") .. "\n" })
    t:equal(code, 0, err)
    local values = env_of(s)
    t:equal({ values.VAST_API_KEY, values.MAX_PRICE, values.WIREGUARD_PUBLIC_KEY },
      { KEY, "off", pair:public() })
    t:ok(values.EUR_RATE:match("^0%.9@20%d%d%-%d%d%-%d%d$"), values.EUR_RATE)
    says(out, "a blank in its middle", "does not know this key", "'much' is not a number",
      "'seven' is neither", "no WireGuard private key", "the one you gave")
  end)

  t:case("leaving a prompt writes nothing", function()
    for _, input in ipairs { "", KEY .. "\n", "wrong-key-0123456789\n", KEY .. "\n4\n" } do
      local code, _, err, s = run("init --provider=vast",
        { tty = true, input = input, files = { [".env"] = "MAX_PRICE=2\n" } })
      t:equal({ code, s.disk[HOME .. "/.env"].data }, { 130, "MAX_PRICE=2\n" }, input)
      says(err, "the input ended; nothing was saved")
    end
    local code, _, err, s = run("init --provider=vast", { tty = true, input = "\n" })
    t:equal({ code, s.disk[HOME .. "/.env"] }, { 3, nil })
    says(err, "no cloud has a key", "nothing was saved")
  end)

  t:case("a key that could not be judged is kept only when a person says so", function()
    local down = { [""] = { error = "Could not resolve host", code = "resolve", sent = false } }
    local code, _, _, s = run("init --provider=vast",
      { tty = true, http = vast(down), input = KEY .. "\ny\n\n" })
    t:equal({ code, env_of(s).VAST_API_KEY }, { 0, KEY })
    code, _, _, s = run("init --provider=vast", { tty = true, http = vast(down), input = KEY .. "\n\n\n" })
    t:equal({ code, s.disk[HOME .. "/.env"] }, { 3, nil })
  end)

  t:case("several clouds, and the consent for the account's key where a cloud needs it", function()
    local files = { ["providers/lambda.lua"] = TOY }
    local code, out, err, s = run("init", { tty = true, files = files,
      input = "mars\n" .. KEY .. "\n2, vast\nwrong-toy-0123456\ntoy-key-0123456789\n" .. KEY .. "\nyes\n" })
    t:equal(code, 0, err)
    local values = env_of(s)
    t:equal({ values.VAST_API_KEY, values.LAMBDA_API_KEY, values.GUARD_ACCOUNT_KEY },
      { KEY, "toy-key-0123456789", "yes" })
    says(out, "1 Vast.ai", "2 Lambda", "'mars' is none of these", "looks like a key: it is asked for next",
      "API key was invalid.", "Lambda key valid - account: w1", "GUARD_ACCOUNT_KEY",
      "only with the key of your account")
    says(err, "yes allows the key and saves")
    t:ok(not (out .. err):find(KEY, 1, true), "the key is shown")
    for _, typed in ipairs { "y\n\n", "Y\n\n", "ye\n\n", "yep\n\n" } do
      code, out, _, s = run("init",
        { tty = true, files = files, input = "lambda\ntoy-key-0123456789\n" .. typed })
      t:equal({ code, env_of(s).GUARD_ACCOUNT_KEY }, { 0, nil }, typed)
      says(out, typed:lower() == "y\n\n" and "type the whole word yes"
        or "neither Enter nor the number of a line")
    end
    code, _, err, s = run("init", { tty = true, files = files, input = "lambda\ntoy-key-0123456789\n\n" })
    t:equal({ code, env_of(s).GUARD_ACCOUNT_KEY }, { 0, nil }, err)
    says(err, "Lambda is left out when renting until GUARD_ACCOUNT_KEY=yes")
    code, out = run("init", { tty = true, files = files, input = "1\n" .. KEY .. "\n\n" })
    t:equal(code, 0)
    t:ok(not out:find("GUARD_ACCOUNT_KEY", 1, true), "asked for a cloud that does not need it")
    code, _, err = run("init", { files = files, input = KEY .. "\n" })
    t:equal(code, 3)
    says(err, "VAST_API_KEY or LAMBDA_API_KEY", "--provider=NAME")
    code, _, err, s = run("init --provider=lambda", { files = files, input = "toy-key-0123456789\n" })
    t:equal({ code, env_of(s).LAMBDA_API_KEY, env_of(s).DEFAULT_PROVIDER },
      { 0, "toy-key-0123456789", nil }, err)
  end)

  t:case("the key of another account is not taken while a machine may bill that it could not end", function()
    local function attempt(line, account, input)
      local s = fake.new { env = { HOME = "/home/user" }, http = vast() }
      s.disk[HOME .. "/.env"] = { data = "MAX_PRICE=2\n", mode = 384, mtime = 0 }
      s:start(function(require)
        local journal = require("home.journal").open(HOME)
        assert(journal:acquire())
        journal:append("intent", "cplz-0a-1", { provider = "vast", account = account })
        journal:append("sent", "cplz-0a-1")
        journal:append("bound", "cplz-0a-1", { id = "31" })
        journal:release()
      end)
      s:run()
      local p = s:start(function(require) return require("cli").main(words(line)) end,
        { bare = true, input = input })
      s:run()
      return p:result(), p.err, s.disk[HOME .. "/.env"].data
    end
    for _, row in ipairs { { "init --provider=vast", "8" }, { "config set VAST_API_KEY", "7" } } do
      local code, err, text = attempt(row[1], row[2], KEY .. "\n")
      t:equal({ code, text }, { 6, "MAX_PRICE=2\n" }, err)
      says(err, "Vast.ai still has 31", "account " .. row[2], "continueplz stop")
    end
    t:equal({ (attempt("config unset VAST_API_KEY", "7")) }, { 6 })
    local code, err, text = attempt("init --provider=vast", "7", KEY .. "\n")
    t:equal(code, 0, err)
    t:ok(text:find("VAST_API_KEY=" .. KEY, 1, true), text)
  end)

  t:case("keys on the command line are refused, whatever the flag is called", function()
    for _, flag in ipairs { "--key=x", "--api-key", "--vast-api-key=x", "--VAST_API_KEY=x", "--token=x",
      "--password=x" } do
      local code, _, err = run("init " .. flag)
      t:equal(code, 2)
      says(err, flag:match("^[^=]*") .. " is refused", "continueplz init", "standard input")
    end
    local code, _, err = run("init --keep")
    t:equal(code, 2)
    says(err, "unknown option --keep")
  end)

  t:case("without a key every command points to init", function()
    for _, line in ipairs { "offers", "--cheapest", "--cheapest --provider=vast" } do
      local code, _, err = run(line)
      t:equal(code, 3)
      says(err, "continueplz init")
    end
    local _, out = run ""
    says(out, "Begin with: continueplz init")
    _, out = run("", { env = { VAST_API_KEY = KEY } })
    t:ok(not out:find("Begin with", 1, true))
  end)
end
