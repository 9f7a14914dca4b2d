-- SPDX-License-Identifier: MIT
-- The startup script of a virtual machine without cloud-init, run for real in a directory of its own: what it
-- writes, starts and never holds (facts/paperspace.md §4.7).
local files = require "base.files"
local keys = require "base.keys"
local subprocess = require "base.subprocess"

local HOME = "/home/user/.continueplz"
local KEY = 'paperspace_canary"$`\\0123'
local TOKEN = "cplz-12345678-0123456789ab"

return function(t)
  local fake = t:load("fakehost")

  -- The order of a machine in a replaced world. → order, the made machine's secret, its ports, the blob
  local function render(guard)
    local s = fake.new { env = { HOME = "/home/user", PAPERSPACE_API_KEY = KEY,
      GUARD_ACCOUNT_KEY = guard == "account-key" and "yes" or nil } }
    s.disk[HOME] = { dir = true }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local machine = require "start.machine"
      local made = machine.prepare(require "providers.paperspace", require "engines.ollama",
        keys.fresh():public(), guard)
      local order = machine.order(made, { offer = {} }, {
        context = 32768, model = { name = "m" }, disk_gb = 40 }, TOKEN)
      return order, made.key:secret(), made.ports, made.bundle.blob
    end, { home = HOME })
    s:run()
    return p:result()
  end

  -- Runs a script as a machine would. → the directory below which its paths are, what systemctl was told
  local function run(script)
    local dir = t:directory()
    assert(files.mkdir(dir .. "/bin"))
    assert(files.mkdir(dir .. "/etc/systemd/system"))
    local tool = ("#!/bin/sh\necho \"$(basename $0) $*\" >>%s/said\n"):format(dir)
    for _, name in ipairs { "systemctl", "ufw" } do
      assert(files.write(dir .. "/bin/" .. name, tool, tonumber("755", 8)))
    end
    local text = script:gsub("/opt/continueplz", dir .. "/opt/continueplz"):gsub("/etc/systemd", dir
      .. "/etc/systemd")
    assert(files.write(dir .. "/script", text))
    local result = subprocess.run({ "/bin/sh", "-e", dir .. "/script" }, nil,
      { env = { "PATH=" .. dir .. "/bin:/usr/bin:/bin" }, seconds = 30 })
    t:equal({ result.code, result.out }, { 0, "" })
    return dir, files.read(dir .. "/said")
  end

  local function at(dir, name) return dir .. "/opt/continueplz/.continueplz-guest/" .. name end

  t:case("it is small, writes keys for root alone, and starts the guard before all else", function()
    local order, secret, ports = render("account-key")
    t:ok(#order.script < 12000, #order.script .. " bytes")
    t:equal({ order.life, order.script:sub(1, 10) }, { 43200, "#!/bin/sh\n" })
    local dir, said = run(order.script)
    t:equal(files.read(at(dir, "environment")),
      ("CPLZ_KEY=%s\nCPLZ_ACCOUNT_KEY=\"paperspace_canary\\\"\\$\\`\\\\0123\"\n"):format(secret))
    for _, name in ipairs { "environment", "start.sh", "last_resort.json", "last_resort.py", "engine.sh" } do
      local mode = files.stat(at(dir, name)).mode & 511
      t:ok(mode & 63 == 0, ("%s is %o"):format(name, mode))
    end
    t:equal(said, ("ufw allow %d/udp\nufw allow %d/tcp\nsystemctl daemon-reload\n"):format(ports.listen,
      ports.push) .. "systemctl enable --now continueplz-guest.service continueplz-last-resort.service\n")
    local unit = files.read(dir .. "/etc/systemd/system/continueplz-guest.service")
    for _, line in ipairs { "Restart=always", "ExecStart=/bin/sh start.sh",
      "Environment=HOME=" .. dir .. "/opt/continueplz" } do
      t:ok(unit:find(line, 1, true), line)
    end
    t:equal(files.read(at(dir, "engine.sh")):match("D=(%S+)"), "'./engine'")
    t:equal({ subprocess.run({ "/bin/sh", "-n", at(dir, "start.sh") }, nil, { seconds = 9 }).code,
      select(2, order.script:gsub("paperspace_canary", "")) }, { 0, 1 })
  end)

  t:case("the program is pushed without a secret, and asks for its own end by its token", function()
    local order, secret, _, blob = render("account-key")
    t:ok(not blob:find("canary", 1, true) and not blob:find(secret, 1, true), "a secret travels")
    t:ok(blob:find("\nterminate-method DELETE\n", 1, true)
      and blob:find("/v1/machines?limit=120&name=" .. TOKEN, 1, true), "its configuration")
    t:ok(order.script:find("fire() { exit 1; }", 1, true), "the script itself does not switch it off")
  end)

  t:case("without consent: no key, and what nobody guards switches itself off", function()
    local order = render("none")
    t:ok(not order.script:find("paperspace_canary", 1, true), "no key")
    t:ok(not order.script:find("last-resort", 1, true), "no last resort that could do nothing")
    t:ok(order.script:find("fire() { poweroff; exit 1; }", 1, true), "off")
  end)
end
