-- SPDX-License-Identifier: MIT
-- What a pod gets in its ConfigMap, and the command that copies, verifies and runs it, run for real in a
-- directory of its own (facts/coreweave.md §3.7).
local clock = require "base.clock"
local files = require "base.files"
local keys = require "base.keys"
local process = require "base.process"
local subprocess = require "base.subprocess"
local task = require "base.task"

local HOME = "/home/user/.continueplz"
local TOKEN = "cplz-12345678-0123456789ab"
local CA = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

-- Stands for the guest: tells what it was started with, and keeps a record as the guest does.
local GUEST = "#!/bin/sh\nmkdir -p state\necho x >state/guard\n"
  .. "echo $1 $(wc -c <$1) $(wc -c <ca.pem) $CPLZ_KEY >>started\nexec sleep 60\n"
local SILENT = "#!/bin/sh\necho $1 >>started\nexec sleep 60\n" -- and one that never keeps a record

return function(t)
  local fake = t:load "fakehost"

  local function guest_order(more)
    local order = { token = TOKEN, client_public = keys.fresh():public(), listen_tcp = 20001,
      engine_port = 28001, retry_seconds = 5, limits = { silence = 1, idle = 1, life = 1 }, ca_pem = CA,
      last_resort_seconds = 1800, engine = { argv = { "ollama" }, env = {} },
      terminate = { method = "DELETE", url = "https://x/1", headers = {}, leave = true } }
    for name, value in pairs(more or {}) do order[name] = value end -- order: free
    return order
  end

  -- Builds what is sent, in a replaced world with a program. → config_map's `build`, as fail.try gives it
  local function build(order, program, own)
    local s = fake.new { env = { HOME = "/home/user" }, assets = { ["asset/guest.gz"] = program } }
    s.disk[HOME] = { dir = true }
    if own then
      s.disk[HOME .. "/templates"] = { dir = true }
      s.disk[HOME .. "/templates/pod.sh"] = { data = own, mode = 384, mtime = 0 }
    end
    local p = s:start(function(require)
      local way = require "start.bootstrap.config_map"
      local ok, built = require("base.fail").try(way.build, {}, order)
      return ok, built, ok and way.order { bundle = built, key = keys.fresh(), carrier = "tcp",
        ports = { listen = 20001, push = 24001 } }
    end, { home = HOME })
    s:run()
    return p:result()
  end

  local function packed(text)
    local path = files.join(t:directory(), "guest")
    assert(files.write(path, text))
    t:equal(subprocess.run({ "gzip", "-kn", path }, nil, { seconds = 9 }).code, 0)
    return assert(files.read(path .. ".gz"))
  end

  -- Lays an order out as a kubelet does. → the command as it is there, the directories of files and of work
  local function mounted(order)
    local dir = t:directory()
    local at, work = dir .. order.files.at, dir .. order.files.work
    assert(files.mkdir(at))
    for _, file in ipairs(order.files) do assert(files.write(files.join(at, file.name), file.content)) end
    local script = order.script:gsub(order.files.at, at):gsub(order.files.work, work)
    return script, at, work
  end

  local function start(script, out)
    return process.spawn { argv = { "/bin/sh", "-c", script }, env = { "PATH=/usr/bin:/bin", "CPLZ_KEY=k" },
      stdin = "null", stdout = "file:" .. out, stderr = "file:" .. out, session = true }
  end

  local function wait_for(what, seen)
    local limit = clock.now() + 30
    while not seen() do
      if clock.now() > limit then error("gave up waiting for " .. what) end
      task.sleep(0.05)
    end
  end

  t:case("what is sent: program, configuration, authorities, script; a port for the tunnel, no secret",
    function()
      local ok, built, order = build(guest_order(), "gz")
      t:equal({ ok, order.ports, #order.files, order.files[4] }, { true,
        { { port = 20001, protocol = "tcp" } }, 4,
        { name = "guest.gz", content = "gz", binary = true } })
      local config = "\n" .. order.files[2].content
      t:ok(config:find("\nlisten-tcp 20001\n", 1, true) and config:find("\ntoken " .. TOKEN .. "\n", 1, true))
      local secret = order.env.CPLZ_KEY
      for _, file in ipairs(order.files) do
        t:ok(not file.content:find(secret, 1, true), file.name)
        local line = ("%s  %s\n"):format(keys.sha256_hex(file.content), file.name)
        t:ok(order.script:find(line, 1, true), file.name)
      end
      t:ok(not order.script:find(secret, 1, true) and built.own == nil)
    end)

  t:case("it is copied, verified and run; a guest that dies runs again", function()
    local _, _, order = build(guest_order(), packed(GUEST))
    local script, _, work = mounted(order)
    local child = start(script, work:match "^(.*)/var" .. "/out")
    local function started() return select(2, (files.read(work .. "/started") or ""):gsub("\n", "\n")) end
    wait_for("the guest", function() return started() == 1 end)
    t:equal(files.read(work .. "/started"),
      ("config %d %d k\n"):format(#order.files[2].content, #CA))
    t:equal(files.stat(work .. "/config").mode & 63, 0)
    process.kill(tonumber(files.read(work .. "/pid")), "KILL")
    wait_for("the guest to come again", function() return started() == 2 end)
    child:kill("KILL", true)
    child:wait()
  end)

  t:case("any byte that is another one ends the pod before anything of it ran", function()
    local _, _, order = build(guest_order(), packed(GUEST))
    for _, file in ipairs(order.files) do
      local script, at, work = mounted(order)
      local changed = file.content:gsub("^.", function(first) return first == "#" and ":" or "#" end)
      assert(files.write(files.join(at, file.name), changed))
      local result = subprocess.run({ "/bin/sh", "-c", script }, nil,
        { env = { "PATH=/usr/bin:/bin" }, seconds = 9 })
      local pid, t_file = files.stat(work .. "/pid"), files.stat(work .. "/t")
      t:equal({ result.code, pid, t_file }, { 1, nil, nil }, file.name)
      t:ok(result.err:find("are not those that were sent", 1, true), file.name)
    end
  end)

  t:case("a pod without a guest that keeps its record ends after the last resort's time", function()
    for _, program in ipairs { SILENT, "#!/bin/sh\nexit 1\n" } do
      local _, _, order = build(guest_order { last_resort_seconds = 4 }, packed(program))
      local script, _, work = mounted(order)
      local child = start(script, work:match "^(.*)/var" .. "/out")
      t:equal(child:wait().status, 1, "the cluster is told so")
      t:ok(tonumber(files.read(work .. "/t")) >= 4)
    end
  end)

  t:case("what no ConfigMap takes is refused with its size, and by what", function()
    local ok, why = build(guest_order { ca_pem = ("x"):rep(1048576) }, "gz")
    t:equal({ ok, why.kind }, { false, "config" })
    t:ok(why.message:find("takes 1048576 at most: 1048576 of them are certificates; put a file with fewer",
      1, true), why.message)
    local _, small = build(guest_order { ca_pem = "" }, "gz")
    local rest = 0
    for _, file in ipairs(small.files) do rest = rest + #file.content end
    t:equal((build(guest_order { ca_pem = ("x"):rep(1048576 - rest) }, "gz")), true, "to the last byte")
    t:equal((build(guest_order(), "")), false, "without a program nothing is sent")
  end)

  t:case("the user's own pod.sh is used and named; one that cannot be filled in is refused", function()
    local _, built, order = build(guest_order(), "gz", "echo mine {{last_resort:raw}}\n")
    t:equal({ built.own, order.files[1].content }, { HOME .. "/templates/pod.sh", "echo mine 1800\n" })
    local ok, why = build(guest_order(), "gz", "echo {{nothing:raw}}\n")
    t:equal({ ok, why.kind }, { false, "config" })
    t:ok(why.message:find("templates/pod.sh", 1, true) and why.message:find("nothing", 1, true), why.message)
  end)
end
