-- SPDX-License-Identifier: MIT
-- How the guest reaches a virtual machine: the user data as cloud-init takes it, what is in it and what is
-- not, and the scripts in it, run for real.
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local keys = require "base.keys"
local assets = require "sandbox.assets"
local net = require "base.net"
local process = require "base.process"
local server = require "base.server"
local subprocess = require "base.subprocess"
local task = require "base.task"
local template = require "base.template"

local HOME = "/home/user/.continueplz"
local KEY = "secret_canary_0123456789abcdef"
local TOKEN = "cplz-12345678-0123456789ab"
local DIRECTORY = "/opt/continueplz/"

local function tool(argv, env)
  local result = subprocess.run(argv, nil, { env = env, seconds = 60 })
  return result.code, result.out
end

local function exists(name)
  return tool { "/bin/sh", "-c", "command -v " .. name } == 0
end

return function(t)
  local fake = t:load("fakehost")

  -- The order for a machine of Lambda in a replaced world. → order, its parts by path, the document,
  -- the made machine's secrets
  local function render(guard, env, disk, capabilities)
    local all = { HOME = "/home/user", LAMBDA_API_KEY = KEY, CA_FILE = "/ca.pem",
      GUARD_ACCOUNT_KEY = guard == "account-key" and "yes" or nil }
    for name, value in pairs(env or {}) do -- order: free
      all[name] = value
    end
    local s = fake.new { env = all }
    s.disk[HOME] = { dir = true }
    s.disk["/ca.pem"] = { data = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
      mode = 420, mtime = 0 }
    for path, text in pairs(disk or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = text, mode = 384, mtime = 0 }
    end
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local machine = require "start.machine"
      local provider = setmetatable({}, { __index = require "providers.lambda" })
      provider.capabilities = setmetatable(capabilities or {},
        { __index = require("providers.lambda").capabilities })
      local made = machine.prepare(provider, require "engines.ollama",
        keys.fresh():public(), guard)
      local order = machine.order(made, { offer = {} }, {
        context = 32768, model = { name = "m" }, disk_gb = 40 }, TOKEN)
      return order, made.key:secret(), made.ports.listen
    end, { home = HOME })
    s:run()
    local order, secret, port = p:result()
    local document = assert(json.decode(order.user_data:match("^#cloud%-config\n(.*)$")))
    local parts = {}
    for _, file in ipairs(document.write_files) do
      parts[file.path] = file
    end
    return order, parts, document, secret, port
  end

  t:case("the guard first, nothing installed before it, all files private", function()
    local order, parts, document, secret, port = render("account-key")
    t:equal({ order.user_data:sub(1, 15), #order.user_data < 1000000, order.ports },
      { "#cloud-config\n{", true, { { port = port, protocol = "udp" }, { port = port, protocol = "tcp" } } })
    for name in pairs(document) do -- order: free
      t:ok(({ bootcmd = true, write_files = true, runcmd = true })[name], name .. " is expected")
    end
    t:equal(document.bootcmd, { { "install", "-d", "-m", "0700", "/opt/continueplz" } })
    t:equal(document.runcmd[2],
      { "systemctl", "enable", "--now", "continueplz-guest.service", "continueplz-last-resort.service" })
    for path, file in pairs(parts) do -- order: free
      local private = file.permissions == "0600" or file.permissions == "0700"
      t:ok(private and path:sub(1, #DIRECTORY) == DIRECTORY
        or path:find("^/etc/systemd/system/continueplz%-"), path .. " " .. file.permissions)
    end
    local unit = parts["/etc/systemd/system/continueplz-guest.service"].content
    for _, line in ipairs { "ExecStart=/opt/continueplz/guest config", "Restart=always",
      "EnvironmentFile=/opt/continueplz/environment" } do
      t:ok(unit:find(line, 1, true), line)
    end
    t:ok(parts[DIRECTORY .. "engine.sh"].content:find("curl -fsSL -A 'continueplz/" .. require("base.version")
      .. "' ", 1, true), "the boot script's name")
    local config = parts[DIRECTORY .. "config"].content
    for _, line in ipairs { "token " .. TOKEN, "find-token " .. TOKEN,
      "find-url https://cloud.lambda.ai/api/v1/instances", "find-pause 2",
      "terminate-method POST", "key-env CPLZ_ACCOUNT_KEY", "listen-port " .. port,
      "engine-arg /opt/continueplz/engine.sh", 'terminate-body {"instance_ids":["${ID}"]}' } do
      t:ok(("\n" .. config):find("\n" .. line .. "\n", 1, true), line)
    end
    t:equal(parts[DIRECTORY .. "environment"].content,
      ("CPLZ_KEY=%s\nCPLZ_ACCOUNT_KEY=%s\n"):format(secret, KEY))
    local _, count = order.user_data:gsub(KEY, "")
    t:equal({ count, parts[DIRECTORY .. "environment"].permissions }, { 1, "0600" })
  end)

  t:case("over TCP, as the cloud or the user says: UDP is neither open nor listened to", function()
    for _, each in ipairs { { { TUNNEL_CARRIER = "tcp" } }, { {}, { udp = false } } } do
      local order, parts, _, _, port = render("none", each[1], nil, each[2])
      local config = parts[DIRECTORY .. "config"].content
      t:equal({ order.ports, config:match("listen%-tcp (%d+)\n"), config:find("listen-port", 1, true) },
        { { { port = port, protocol = "tcp" } }, tostring(port), nil })
    end
  end)

  t:case("without consent there is no account key and no last resort that needs it", function()
    local order, parts, document = render("none")
    t:ok(not order.user_data:find(KEY, 1, true), "no key")
    t:equal({ parts[DIRECTORY .. "last_resort.py"], #document.runcmd[2] }, { nil, 4 })
    t:ok(parts[DIRECTORY .. "environment"].content:match("^CPLZ_KEY=[%w+/=]+\n$"), "the tunnel's key only")
  end)

  t:case("the program arrives whole", function()
    local _, parts = render("none")
    local file = parts[DIRECTORY .. "guest"]
    t:equal({ file.encoding, file.permissions }, { "gz+b64", "0700" })
    local path = files.join(t:directory(), "guest.gz")
    local packed = keys.unbase64(file.content)
    t:ok(packed == assets.guest(), "what is built in")
    assert(files.write(path, packed))
    local status, program = tool { "/bin/sh", "-c", "gzip -dc " .. path }
    t:equal({ status, program:sub(1, 4) }, { 0, "\127ELF" })
  end)

  t:case("cloud-init accepts it", function()
    if not exists "cloud-init" then t:skip("cloud-init is not installed") end
    local dir = t:directory()
    for _, guard in ipairs { "account-key", "none" } do
      local path = files.join(dir, guard)
      assert(files.write(path, (render(guard)).user_data))
      local status, said = tool { "/bin/sh", "-c", "cloud-init schema --config-file " .. path .. " 2>&1" }
      t:ok(status == 0 and said:find("Valid", 1, true) and not said:lower():find("deprecat"), said)
    end
    local path = files.join(dir, "wrong")
    assert(files.write(path, '#cloud-config\n{"runcmd": 5}\n'))
    t:ok(tool { "cloud-init", "schema", "--config-file", path } ~= 0, "the check can fail")
  end)

  t:case("a key with odd characters is quoted for systemd", function()
    local _, parts = render("account-key", { LAMBDA_API_KEY = 'a"b\\c$d`e#f' })
    t:ok(parts[DIRECTORY
      .. "environment"].content:find('CPLZ_ACCOUNT_KEY="a\\"b\\\\c\\$d\\`e#f"\n', 1, true), "quoted")
  end)

  t:case("the user's template takes the place of ours, and can build on it", function()
    local _, _, document = render("none", nil, { ["templates/cloud_init.lua"] = [[
      local base = require "builtin.templates.cloud_init"
      return function(parts)
        local made = base(parts)
        made.timezone = "Europe/Brussels"
        return made
      end]] })
    t:equal({ document.timezone, #document.runcmd }, { "Europe/Brussels", 2 })
  end)

  t:case("the guard trusts what this computer trusts, and what its shell "
    .. "trusts besides, each once", function()
    local function certificate(name)
      return "-----BEGIN CERTIFICATE-----\n" .. name .. "\n-----END CERTIFICATE-----\n"
    end
    local system, corporate = certificate "a" .. certificate "b",
      "# ours\n" .. certificate "b" .. certificate "corp"
    local rows = {
      { {}, { ["/etc/ssl/certs/ca-certificates.crt"] = system }, system },
      { {}, { ["/etc/pki/tls/certs/ca-bundle.crt"] = system }, system },
      { { SSL_CERT_FILE = "/corp.pem" }, { ["/etc/ssl/cert.pem"] = system, ["/corp.pem"] = corporate },
        system .. certificate "corp" },
      { { CURL_CA_BUNDLE = "/corp.pem" }, { ["/corp.pem"] = corporate }, corporate },
      { { SSL_CERT_FILE = "/none" }, { ["/etc/ssl/cert.pem"] = system }, system },
    }
    for index, row in ipairs(rows) do
      local env = { HOME = "/home/user", LAMBDA_API_KEY = KEY }
      for name, value in pairs(row[1]) do env[name] = value end -- order: free
      local s = fake.new { env = env }
      s.disk[HOME] = { dir = true }
      for path, text in pairs(row[2]) do -- order: free
        s.disk[path] = { data = text, mode = 420, mtime = 0 }
      end
      local p = s:start(function(require)
        require("config.effective").load(HOME)
        local machine = require "start.machine"
        local made = machine.prepare(require "providers.lambda", require "engines.ollama",
          keys.fresh():public(), "none")
        return machine.order(made, { offer = {} }, {
        context = 1, model = { name = "m" }, disk_gb = 40 }, TOKEN)
      end)
      s:run()
      local data = p:result().user_data
      t:ok(data:find(json.encode(row[3]):sub(2, -2), 1, true), "row " .. index)
      t:ok(#row[3] == #system or select(2, data:gsub("BEGIN CERTIFICATE", "")) == select(2,
        row[3]:gsub("BEGIN CERTIFICATE", "")), "each once")
    end
  end)

  t:case("user data that is too big is refused before anything is sent", function()
    local s = fake.new { env = { HOME = "/home/user", LAMBDA_API_KEY = KEY, CA_FILE = "/ca.pem" } }
    s.disk[HOME] = { dir = true }
    s.disk["/ca.pem"] = { data = ("x"):rep(900000), mode = 420, mtime = 0 }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local machine = require "start.machine"
      local made = machine.prepare(require "providers.lambda", require "engines.ollama",
        keys.fresh():public(), "none")
      return require("base.fail").try(machine.order, made, { offer = {} },
        { context = 1, model = {}, disk_gb = 40 }, TOKEN)
    end)
    s:run()
    local ok, problem = p:result()
    t:ok(not ok and tostring(problem):find("1000000 are taken", 1, true), tostring(problem))
  end)

  -- A cloud of one account on loopback. → base address, requests as they came
  local function cloud(list, refused)
    local listener, seen = net.listen { host = "127.0.0.1", port = 0 }, {}
    local service = server.serve(listener, function(request)
      seen[#seen + 1] = { request.method .. " " .. request.path, request.headers.authorization, request.body,
        request.headers["user-agent"] }
      if request.method == "GET" then
        return { status = 200, json = { data = list } }
      end
      if refused and request.body:find('"' .. refused .. '"', 1, true) then
        return { status = 500, json = {} }
      end
      return { status = 200, json = { data = { terminated_instances = json.array {} } } }
    end)
    local _, port = listener:name()
    return "http://127.0.0.1:" .. tostring(port), seen, service
  end

  -- Runs the last resort until the cloud saw `count` requests.
  local function run_last_resort(base, seen, service, count)
    local dir = t:directory()
    local request = { method = "POST", url = base .. "/end",
      headers = { "Authorization: Bearer ${CPLZ_ACCOUNT_KEY}", "Content-Type: application/json" },
      body = '{"instance_ids":["${ID}"]}' }
    assert(files.write(files.join(dir, "last_resort.py"), (assets.template "last_resort.py")))
    assert(files.write(files.join(dir, "last_resort.json"),
      json.encode { seconds = 2, retry = 1, agent = "continueplz/1", terminate = request, find = { url = base
          .. "/list", headers = { "Authorization: Bearer ${CPLZ_ACCOUNT_KEY}" }, token = TOKEN } }))
    local child = process.spawn { argv = { "/usr/bin/env", "python3", "last_resort.py" }, cwd = dir,
      stdin = "null", stdout = "null", stderr = "null",
      env = { "PATH=/usr/bin:/bin", "CPLZ_ACCOUNT_KEY=" .. KEY } }
    local until_ = clock.now() + 30
    while #seen < count and clock.now() < until_ do task.sleep(0.05) end
    child:kill("KILL")
    child:wait(10)
    child:close()
    service.stop()
  end

  local function need_last_resort()
    for _, name in ipairs { "curl", "python3" } do
      if not exists(name) then t:skip(name .. " is not installed") end
    end
  end

  t:case("the last resort tells what turned it away, and goes on", function()
    need_last_resort()
    local answers, asked = { { status = 403, body = "error code: 1010" },
      { status = 401, body = '{"error":"key"}' } }, 0
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local service = server.serve(listener, function()
      asked = asked + 1
      return answers[asked] or { status = 200, body = "{}" }
    end)
    local _, port = listener:name()
    local dir = t:directory()
    assert(files.write(files.join(dir, "last_resort.py"), (assets.template "last_resort.py")))
    assert(files.write(files.join(dir, "last_resort.json"),
      json.encode { seconds = 2, retry = 1, agent = "continueplz/1",
        terminate = { method = "DELETE", url = ("http://127.0.0.1:%d/i"):format(port) } }))
    local said = files.join(dir, "said")
    local child = process.spawn { argv = { "/usr/bin/env", "python3", "last_resort.py" }, cwd = dir,
      stdin = "null", stdout = "file:" .. said, stderr = "null", env = { "PATH=/usr/bin:/bin" } }
    local until_ = clock.now() + 30
    while asked < 4 and clock.now() < until_ do task.sleep(0.05) end
    child:kill("KILL")
    child:wait(10)
    child:close()
    service.stop()
    t:equal(assert(files.read(said)),
      "the machine could not be ended yet: OSError HTTP 403: error code: 1010\n"
        .. 'the machine could not be ended yet: OSError HTTP 401: {"error":"key"}\n')
    t:ok(asked >= 4, "it goes on")
  end)

  t:case("the last resort ends the machine that bears the token, when no guard ever ran", function()
    need_last_resort()
    local base, seen, service = cloud { { id = "other", name = "x" },
      { id = "mine", tags = { { key = "cplz:run", value = TOKEN } } } }
    run_last_resort(base, seen, service, 4)
    for n = 1, 3, 2 do -- it goes on, whatever the answer is
      t:equal(seen[n], { "GET /list", "Bearer " .. KEY, "", "continueplz/1" })
      t:equal(seen[n + 1], { "POST /end", "Bearer " .. KEY, '{"instance_ids":["mine"]}', "continueplz/1" })
    end
  end)

  t:case("the last resort ends every machine of the token, its own last, and one that "
    .. "cannot be ended keeps no other", function()
    need_last_resort()
    local status, address = tool { "/usr/bin/env", "python3", "-c",
      'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("192.0.2.1", 9)); '
        .. 'print(s.getsockname()[0])' }
    if status ~= 0 then t:skip("this computer has no network, so it has no address of its own") end
    local base, seen, service = cloud({ { id = "mine", name = TOKEN, private_ip = address:match("%S+") },
      { id = "twin", name = TOKEN } }, "twin")
    run_last_resort(base, seen, service, 3)
    t:equal({ seen[2][3], seen[3][3] }, { '{"instance_ids":["twin"]}', '{"instance_ids":["mine"]}' })
  end)

  t:case("the guard's questions to the model are no work, and what it may "
    .. "try before it must is told", function()
    local _, parts = render("account-key")
    local config = "\n" .. parts[DIRECTORY .. "config"].content
    t:ok(config:find("\nexpose 11434 %d+ counted\n")
      and config:find("\nexpose 11435 %d+ uncounted\n"), config)
    t:ok(config:find("\nlife (%d+)\n") == nil
      or config:match("\nlife (%d+)\n") == config:match("\nlife%-max (%d+)\n"), config)
    t:ok(tonumber(config:match("\nlife%-max (%d+)\n")) > 0, config)
    local payload = require "start.bootstrap.bundle"
    local rehearsed = payload.config { token = TOKEN, client_public = keys.fresh():public(), listen_port = 1,
      push_port = 2, engine_port = 3, retry_seconds = 1, limits = { silence = 1, idle = 1, life = 1 },
      engine = { argv = { "x" }, env = {} }, terminate = { method = "DELETE", url = "https://x/1",
        headers = { "A: b" }, rehearse = { url = "https://x/2", headers = { "A: c" } } } }
    t:ok(rehearsed:find("\nrehearse-url https://x/2\nrehearse-header A: c\n", 1, true), rehearsed)
  end)

  t:case("the model server is fetched once, unpacked and started; what goes wrong is said", function()
    for _, name in ipairs { "curl", "zstd" } do
      if not exists(name) then t:skip(name .. " is not installed") end
    end
    local dir = t:directory()
    local release = files.join(dir, "release")
    assert(files.mkdir(files.join(release, "bin")))
    assert(files.write(files.join(release, "bin/ollama"),
      "#!/bin/sh\necho started $1 on $OLLAMA_HOST\n", 493))
    t:equal(tool { "/bin/sh", "-c", ("tar -C %s -cf - bin | zstd -q >%s/archive"):format(release, dir) }, 0)
    local archive, asked, agents = assert(files.read(files.join(dir, "archive"), 1 << 20)), 0, {}
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local service = server.serve(listener, function(request)
      asked = asked + 1
      agents[asked] = request.headers["user-agent"]
      if request.path == "/bad" then
        return { status = 200, body = "no archive" }
      end
      return request.path == "/good" and { status = 200, body = archive } or { status = 404, body = "" }
    end)
    local _, port = listener:name()
    local function start(path)
      local script = template.render((assets.template "ollama.sh"), { directory = files.join(dir, "engine"),
        url = ("http://127.0.0.1:%d/%s"):format(port, path), agent = "continueplz/1" })
      assert(files.write(files.join(dir, "engine.sh"), script))
      return tool({ "/bin/sh", files.join(dir, "engine.sh") },
        { "PATH=/usr/bin:/bin", "OLLAMA_HOST=127.0.0.1:5" })
    end
    local status, said = start "missing"
    t:ok(status == 1 and said:find("could not be fetched from http://127.0.0.1", 1, true), said)
    status, said = start "bad"
    t:ok(status == 1 and said:find("is no Ollama", 1, true), said)
    status, said = start "good"
    t:ok(status == 0 and said:find("started serve on 127.0.0.1:5", 1, true), said)
    t:equal(agents, { "continueplz/1", "continueplz/1", "continueplz/1" })
    local before = asked
    status, said = start "good"
    t:equal({ status, said, asked - before }, { 0, "started serve on 127.0.0.1:5\n", 0 })
    service.stop()
  end)
end
