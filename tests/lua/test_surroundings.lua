-- SPDX-License-Identifier: MIT
-- Proxies and trusted certificates of the environment: one list for requests, the agent and scheduled runs.
local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")
  local names = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
    "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE" }

  -- What a request to a cloud is started with in an environment; then(require) may do something before.
  local function options_of(env, before, url)
    env.HOME = "/home/user"
    local s = fake.new { env = env, http = function() return { status = 200, body = "{}" } end }
    local p = s:start(function(require)
      if before then before(require) end
      require("base.http").request { url = url or "https://cloud.example/x" }
    end)
    s:run()
    p:result()
    local sent = s.requests[1].options
    return { proxy = sent.proxy, no_proxy = sent.no_proxy, file = sent.ca_file, dir = sent.ca_dir }, s
  end

  t:case("requests go as the environment says", function()
    local rows = {
      { {}, {} }, { { https_proxy = "http://p:1", ALL_PROXY = "http://q:1" }, { proxy = "http://p:1" } },
      { { HTTPS_PROXY = "http://p:1" }, { proxy = "http://p:1" } },
      { { all_proxy = "socks5h://p:1" }, { proxy = "socks5h://p:1" } },
      { { ALL_PROXY = "http://q:1", NO_PROXY = "a,b" }, { proxy = "http://q:1", no_proxy = "a,b" } },
      { { HTTP_PROXY = "http://x:1", http_proxy = "http://y:1" }, {} },
      { { https_proxy = "", ALL_PROXY = "http://q:1" }, { proxy = "http://q:1" } },
      { { SSL_CERT_FILE = "/f", SSL_CERT_DIR = "/d" }, { file = "/f", dir = "/d" } },
      { { SSL_CERT_DIR = "/d" }, { dir = "/d" } },
      { { CURL_CA_BUNDLE = "/c", SSL_CERT_FILE = "/f", SSL_CERT_DIR = "/d" }, { file = "/c" } },
    }
    for index, row in ipairs(rows) do t:equal((options_of(row[1])), row[2], "row " .. index) end
  end)

  t:case("a password in a proxy's address is a secret", function()
    local _, s = options_of { https_proxy = "http://me:verysecret1@proxy:3128" }
    t:equal(s:world().require("base.log").redact "no way through http://me:verysecret1@proxy:3128",
      "no way through http://me:[hidden]@proxy:3128")
  end)

  t:case("the agent gets all of them and no key", function()
    local env = { HOME = "/home/user", PATH = "/bin", VAST_API_KEY = "account-key-1", TZ = "CET-1",
      ALERT_WEBHOOK_URL = "https://hooks.example/T/hook-secret-2" }
    for _, name in ipairs(names) do env[name] = "/v-" .. name end
    local s = fake.new { env = env, spawn = function() return function() end end }
    s:start(function(require)
      require("config.effective").load(HOME)
      require("base.fail").try(require("home.agent_client").ensure)
    end)
    s:run(1)
    local given = "\n" .. table.concat(s.spawned[1].options.env, "\n") .. "\n"
    for _, name in ipairs(names) do
      t:ok(given:find("\n" .. name .. "=/v-" .. name .. "\n", 1, true), name)
    end
    t:ok(given:find("\nTZ=CET-1\n", 1, true) and not given:find("account-key", 1, true)
      and not given:find("hook-secret", 1, true), given)
  end)

  t:case("a schedule keeps them for its runs, which have no shell", function()
    local s = fake.new { env = { HOME = "/home/user", https_proxy = "http://me:geheim55@p:1",
      NO_PROXY = "10.0.0.0/8, x", SSL_CERT_FILE = "/corp ca.pem" } }
    local p = s:start(function(require)
      require("base.files").mkdir(HOME)
      return require("schedule.unattended").keep(HOME)
    end)
    s:run()
    t:equal(p:result(), { "https_proxy", "NO_PROXY", "SSL_CERT_FILE" })
    local kept = s.disk[HOME .. "/schedule.env"]
    t:equal(kept.mode, 384, "nobody else reads it")
    local function run(env)
      local found, later = options_of(env, function(require)
        require("base.files").mkdir(HOME)
        assert(require("base.files").write(HOME .. "/schedule.env", kept.data))
        require("schedule.unattended").adopt(HOME)
      end)
      return found, later
    end
    t:equal(run {}, { proxy = "http://me:geheim55@p:1", no_proxy = "10.0.0.0/8, x", file = "/corp ca.pem" })
    t:equal(run { https_proxy = "http://mine:1" }.proxy, "http://mine:1",
      "what the run itself has goes before")
    t:equal(run { https_proxy = "" }.proxy, nil, "nothing is something as well")
    s.env.https_proxy, s.env.NO_PROXY, s.env.SSL_CERT_FILE = nil, nil, nil
    p = s:start(function(require) return #require("schedule.unattended").keep(HOME) end)
    s:run()
    t:equal({ p:result(), s.disk[HOME .. "/schedule.env"] }, { 0 }, "a schedule without any leaves no file")
  end)

  t:case("NO_PROXY for programs that ask the local address", function()
    for _, row in ipairs { { nil, "127.0.0.1,localhost" },
      { "corp.example", "corp.example,127.0.0.1,localhost" }, { "127.0.0.1, a", "127.0.0.1, a,localhost" },
      { "*", "*" }, { "localhost,127.0.0.1", "localhost,127.0.0.1" } } do
      local s = fake.new { env = { HOME = "/home/user", NO_PROXY = row[1] } }
      t:equal(s:world().require("base.surroundings").no_proxy(), row[2])
    end
  end)
end
