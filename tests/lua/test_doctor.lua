-- SPDX-License-Identifier: MIT
-- What doctor says: one row per check, with the way out; it changes nothing.
local json = require "base.json"

local HOME = "/home/user/.continueplz"
local KEY = "good-key-0123456789abcdef"

return function(t)
  local fake = t:load("fakehost")

  local function http(options)
    return function(request)
      if options.down then
        return { error = "Could not connect", code = "connect", sent = false }
      end
      if request.method == "HEAD" then
        if options.heads then table.insert(options.heads, { request.url, request.ca_file }) end
        return { status = 404, headers = { Date = options.date } }
      end
      if request.path:find("users/current", 1, true) then
        return { json = { id = 7, username = "ada", credit = 12.5 } }
      end
      return { body = json.encode { success = true, instances = json.array(options.instances or {}) } }
    end
  end

  -- Runs `doctor --output=json`. → rows by name (the last of a name), exit code, sim, all texts in one
  local function examine(options)
    options = options or {}
    local s = fake.new { env = { HOME = "/home/user" }, http = http(options) }
    for name, value in pairs(options.shell or {}) do s.env[name] = value end -- order: free
    s.disk[HOME .. "/.env"] = { data = options.env or "VAST_API_KEY=" .. KEY .. "\n",
      mode = options.mode or 384, mtime = 0 }
    for path, text in pairs(options.files or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = text, mode = 384, mtime = 0 }
    end
    if options.prepare then
      local p = s:start(options.prepare)
      s:run()
      p:result()
    end
    local before = {}
    for path, file in pairs(s.disk) do before[path] = file.data or "" end -- order: free
    local p = s:start(function(require) return require("cli").main { "doctor", "--output=json" } end,
      { bare = true })
    s:run()
    for path, file in pairs(s.disk) do -- order: free
      t:equal(file.data or "", before[path], "doctor changed " .. path)
    end
    t:ok(not p.out:find(KEY, 1, true), "the key is shown")
    local rows, texts = {}, {}
    local object = assert(json.decode(p.out))
    for index, row in ipairs(object.checks) do
      rows[row.name] = row
      texts[index] = ("%s %s: %s; %s"):format(row.state, row.name, row.text, row.way_out or "")
    end
    t:equal(p:result(), object.status == "problem" and 1 or 0)
    return rows, object, s, table.concat(texts, "\n")
  end

  local function has(text, ...)
    for _, part in ipairs { ... } do t:ok(text:find(part, 1, true), ("%q in %s"):format(part, text)) end
  end

  -- The Date header of the replaced world's own time plus some seconds (it begins on 2026-11-20T08:00:00Z and
  -- stays within that hour here).
  local function date(seconds)
    local at = fake.EPOCH + seconds
    local clock = require "base.clock"
    return ("Fri, %s Nov 2026 %s GMT"):format(clock.iso(at):sub(9, 10), clock.iso(at):sub(12, 19))
  end

  t:case("a healthy folder: every row is ok, the clock is compared", function()
    local rows, object, _, text = examine { date = date(2) }
    for name, row in pairs(rows) do -- order: free
      t:ok(row.state == "ok" or name == "disk" or name == "udp", text)
    end
    t:equal(rows["key vast"].text:match("^ada, balance $12.50, 0 machines in the account"),
      "ada, balance $12.50, 0 machines in the account")
    t:ok(object.status ~= nil)
  end)

  t:case("proxies and certificates of the shell are told, a password in them is not", function()
    local rows, _, _, texts = examine { shell = { https_proxy = "http://me:pw@proxy.corp:3128",
      NO_PROXY = "corp.example", SSL_CERT_FILE = "/no/such.pem" } }
    t:ok(rows.proxy.text:find("http://me:[hidden]@proxy.corp:3128, but not to corp.example", 1, true)
      and not texts:find(":pw@", 1, true), rows.proxy.text)
    t:equal({ rows.certificates.state, rows.certificates.text },
      { "problem", "/no/such.pem does not exist, so no cloud is trusted" })
    rows = examine { shell = { CURL_CA_BUNDLE = HOME .. "/.env" } }
    t:equal({ rows.certificates.state, rows.proxy }, { "ok" })
    rows = examine {}
    t:equal({ rows.certificates, rows.proxy }, {})
  end)

  t:case("a cluster is asked with its own authority, and what only its pods reach is not asked", function()
    local heads = {}
    examine { heads = heads, date = date(2), env = "COREWEAVE_API_KEY=k\n"
      .. "COREWEAVE_API_SERVER=https://cluster.example\nCOREWEAVE_CA_FILE=/home/user/ca.pem\n" }
    t:equal(heads, { { "https://registry.ollama.ai/" }, { "https://cluster.example/", "/home/user/ca.pem" } })
    heads = {}
    examine { heads = heads, date = date(2), env = "COREWEAVE_API_KEY=k\n"
      .. "COREWEAVE_API_SERVER=https://cluster.example\n" }
    t:equal(heads[2], { "https://cluster.example/" })
  end)

  t:case("the clock: how far and which way", function()
    local rows = { { 29, "ok", "agrees" }, { 100, "warning", "behind that of" },
      { -100, "warning", "ahead of" }, { 3600, "problem", "1h 00m" } }
    for _, row in ipairs(rows) do
      local clock = examine({ date = date(row[1]) }).clock
      t:equal(clock.state, row[2], clock.text)
      has(clock.text, row[3])
    end
    for _, nonsense in ipairs { "", "Fri, 20 Foo 2026 08:00:00 GMT", "yesterday" } do
      t:equal(examine({ date = nonsense }).clock.state, "warning", nonsense)
    end
    local silent = examine { down = true }
    t:equal({ silent.clock.state, silent.network.state, silent["key vast"].state },
      { "warning", "problem", "problem" })
  end)

  t:case("settings, keys, permissions", function()
    local _, _, _, text = examine { env = "VAST_API_KEY=" .. KEY .. "\nMAX_PRICE=much\nnonsense\n" }
    has(text, "problem settings: " .. HOME .. "/.env line 2: MAX_PRICE: 'much' is not a number",
      "line 3: this is not NAME=value")
    _, _, _, text = examine { mode = 420 }
    has(text, "problem .env: ", "chmod 600", "problem keys: no cloud has a key", "continueplz init")
    _, _, _, text = examine { env = "COREWEAVE_API_KEY=abcdefgh\n" }
    has(text, "problem key coreweave", "put COREWEAVE_API_SERVER and COREWEAVE_API_KEY")
  end)

  t:case("scripts of the user's: broken and refused ones are named, good ones counted", function()
    local _, _, _, text = examine { files = { ["policy.lua"] = "return function( end",
      ["ui/money.lua"] = "return {",
      ["engines/none.lua"] = "error 'oh'", ["reactions.lua"] = "return work" } }
    has(text, HOME .. "/policy.lua",
      HOME .. "/reactions.lua:1: undefined global 'work'; mend it; what needs it",
      HOME .. "/engines/none.lua:1: oh; mend it; what needs it", HOME .. "/ui/money.lua:1:",
      "stop and the agent use the built-in one")
    local rows = examine { files = { ["policy.lua"] = "return require 'builtin.policies.cheapest'" } }
    t:equal({ rows.scripts.state, rows.scripts.text }, { "ok", "1 of your own, all can be loaded" })
  end)

  local function instance(id, label)
    return { id = id, label = label, actual_status = "running", start_date = 1795161000 }
  end

  t:case("machines in the account against the records", function()
    local function prepare(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire())
      for index, token in ipairs { "cplz-0a-open", "cplz-0a-over", "cplz-0a-intent" } do
        journal:append("intent", token, { provider = "vast" })
        if index < 3 then
          journal:append("sent", token)
          journal:append("bound", token, { id = tostring(index) })
        end
      end
      journal:append("closed", "cplz-0a-over", { outcome = "proven" })
      journal:release()
    end
    local _, _, _, text = examine { prepare = prepare, files = { ["home.id"] = "0a\n" },
      instances = { instance(1, "cplz-0a-open"), instance(2, "cplz-0a-over"), instance(3, "cplz-0a-open"),
        instance(4, "cplz-0a-none"), instance(5, "cplz-0b-else"), instance(6, "somebody's") } }
    has(text, "machine 2 is in the account though its record says that it is over",
      "machine 3 carries the token of 1: it was created twice",
      "machine 4 carries this folder's token and the journal does not know it",
      "warning machines: Vast.ai: machine 5 was started from another folder",
      "https://cloud.vast.ai/instances/", "the create of cplz-0a-intent was never sent",
      "problem agent: none runs, and machine 1 does")
    t:ok(not text:find("machine 1 is", 1, true) and not text:find("machine 6", 1, true), text)
  end)

  t:case("a damaged journal, a newer one, rests of writes and of an agent", function()
    local _, _, _, text = examine { files = { journal = "nonsense\n", [".env.77.tmp"] = "x",
      ["agent.sock"] = "" } }
    has(text, "the checksum of line 1 is wrong", ".env.77.tmp is left from a write",
      "agent.sock is left from an agent that is gone")
    _, _, _, text = examine { files = { [".continueplz.state"] = '{"version":99}' } }
    has(text, "problem records", "newer")
  end)
end
