-- SPDX-License-Identifier: MIT
-- The end-to-end rig: a simulator of its own and a fresh home per case;
-- the real binary is run as a user would.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local process = require "base.process"
local identity = require "home.identity"
local task = require "base.task"

-- of this run alone: others may be at work on this computer
local ACCOUNT_KEY = "canary-account-key-" .. keys.random_hex(6)
local GIVE_UP = 120

-- The local port of a home decides on the ports of its machines, and here all machines are this computer: no
-- two homes have the same.
local slot = keys.random_int(0, 3999)

local rig = { account_key = ACCOUNT_KEY }
rig.__index = rig

--- A local port that no other home of this run has, and nobody else.
function rig.next_port()
  repeat slot = (slot + 1) % 4000 until identity.free(16000 + slot)
  return 16000 + slot
end

function rig.settle_port(home)
  assert(files.write(files.join(home, "local.port"), rig.next_port() .. "\n"))
end

local function plain_environment(extra)
  local env = {}
  local said = "\n" .. table.concat(extra or {}, "\n")
  for _, name in ipairs { "PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS" } do
    if process.getenv(name) and not said:find("\n" .. name .. "=", 1, true) then
      env[#env + 1] = name .. "=" .. process.getenv(name)
    end
  end
  for _, line in ipairs(extra or {}) do env[#env + 1] = line end
  return env
end

local function wait_for(what, seconds, f)
  local until_ = clock.now() + seconds
  repeat
    local result = f()
    if result then return result end
    task.sleep(0.02)
  until clock.now() > until_
  error("gave up waiting for " .. what)
end
rig.wait_for = wait_for

--- Starts a simulator and an empty home with a key.
-- @param options { scale = how much faster than life (default 50), env = {NAME = value} for .env, cloud =
--   "vast" (default), another one, several as in "vast+lambda", or "all", patience = seconds for a command
--     (default 120), simulator = { more words for its command line } }
function rig.new(options)
  options = options or {}
  local base = process.getenv("TMPDIR") or "/tmp"
  local self = setmetatable({ dir = files.join(base, "cplz-e2e-" .. keys.random_hex(6)), scale = options.scale
      or 50, cloud = options.cloud or "vast", patience = options.patience or GIVE_UP }, rig)
  assert(files.mkdir(files.join(self.dir, "home")))
  self.home = files.join(self.dir, "home")
  rig.settle_port(self.home)
  local root = process.cwd()
  local env = plain_environment { "CONTINUEPLZ_SCRIPTS=" .. root .. "/tests",
    "CONTINUEPLZ_HOME=" .. files.join(self.dir, "simhome"), "HOME=" .. self.dir }
  self.sim = process.spawn { cwd = root, env = env, stdout = "null",
    stderr = "file:" .. files.join(self.dir, "sim.err"), stdin = "null", session = true, argv = { process.exe,
      "tests/cloudsim/main.lua", "--dir=" .. files.join(self.dir, "sim"), "--parent=" .. process.pid(),
      "--scale=" .. self.scale, "--key=" .. ACCOUNT_KEY, table.unpack(options.simulator or {}) } }
  self.address = wait_for("the simulator's address", GIVE_UP, function()
    local text = files.read(files.join(self.dir, "sim", "address.json"))
    return text and json.decode(text)
  end)
  self:write_env(options.env)
  return self
end

local CLOUDS = {
  vast = function(address) return { VAST_API_KEY = ACCOUNT_KEY, VAST_BASE_URL = address.vast } end,
  lambda = function(address)
    return { LAMBDA_API_KEY = ACCOUNT_KEY, LAMBDA_BASE_URL = address.lambda,
      OLLAMA_DOWNLOAD_URL = address.registry .. "/download", GUARD_ACCOUNT_KEY = "yes" }
  end,
  runpod = function(address)
    return { RUNPOD_API_KEY = ACCOUNT_KEY, RUNPOD_BASE_URL = address.runpod,
      OLLAMA_DOWNLOAD_URL = address.registry .. "/download" }
  end,
  paperspace = function(address)
    return { PAPERSPACE_API_KEY = ACCOUNT_KEY, PAPERSPACE_BASE_URL = address.paperspace,
      OLLAMA_DOWNLOAD_URL = address.registry .. "/download", GUARD_ACCOUNT_KEY = "yes" }
  end,
  coreweave = function(address)
    return { COREWEAVE_API_KEY = ACCOUNT_KEY, COREWEAVE_API_SERVER = address.coreweave,
      COREWEAVE_INSIDE_SERVER = address.coreweave, COREWEAVE_WHOLE_NODES = "yes", MAX_PRICE = "60" }
  end,
}

--- Writes the home's .env: the keys, the simulator's addresses, and what is asked for.
function rig:write_env(extra)
  local values, lines = { REGISTRY_URL = self.address.registry, TIME_SCALE = self.scale }, {}
  local function take(more)
    for name, value in pairs(more) do values[name] = tostring(value) end -- order: free
  end
  for name, settings in pairs(CLOUDS) do -- order: free
    local wanted = self.cloud == "all" or self.cloud:find("%f[%w]" .. name .. "%f[%W]")
    if wanted then take(settings(self.address)) end
  end
  take(extra or {})
  for name, value in require("base.sorted")(values) do lines[#lines + 1] = name .. "=" .. value end
  assert(files.write(files.join(self.home, ".env"), table.concat(lines, "\n") .. "\n", 384))
end

--- Starts the binary in this home, with `more_env` ({"NAME=value"}) besides and `input` as its standard
-- input. Returns the child; `finish(child)` collects it.
function rig:start(...)
  self:check_processes()
  local argv = { process.exe, "-C", self.home }
  for _, word in ipairs { ... } do argv[#argv + 1] = word end
  local began = clock.wall()
  local env = { "HOME=" .. self.dir, table.unpack(self.more_env or {}) }
  local planted = process.getenv("CONTINUEPLZ_PLANTED") -- files with a mistake, of dst/mutants.lua
  if planted then env[#env + 1] = "CONTINUEPLZ_SCRIPTS=" .. planted end
  -- without a terminal: nobody can be asked
  local child = process.spawn { argv = argv, env = plain_environment(env),
    stdin = self.input and "pipe" or "null", stdout = "pipe", stderr = "pipe", cwd = "/", session = true }
  if self.input then
    child.stdin:write(self.input)
    child.stdin:close()
  end
  child.began, child.words = began, { ... }
  child.pieces = { {}, {} }
  child.readers = {}
  for i, conn in ipairs { child.stdout, child.stderr } do
    child.readers[i] = task.spawn(function()
      while true do
        local ok, data = fail.try(conn.read, conn)
        if not ok or not data then return end
        table.insert(child.pieces[i], data)
      end
    end)
  end
  return child
end

--- What the child printed so far.
function rig.said(child) return table.concat(child.pieces[1]), table.concat(child.pieces[2]) end

--- Waits for the child's end: { code, signal, out, err, began= unix seconds }.
function rig:finish(child)
  local exit = task.deadline(self.patience, function() return child:wait() end, "the command did not end")
  for _, reader in ipairs(child.readers) do task.await(reader) end
  local out, err = rig.said(child)
  self:check_answer(child.words, out)
  return { code = exit.status, signal = exit.signal, out = out, err = err, began = child.began }
end

--- An answer in JSON is as its command's table tells, unless scripts of the user's may have made it.
function rig:check_answer(words, out)
  for _, name in ipairs { "commands", "ui", "init.lua" } do
    if files.exists(files.join(self.home, name)) then return end
  end
  require("answers").check(words, out)
end

--- Runs the binary to its end.
function rig:run(...) return self:finish(self:start(...)) end

--- A request to the simulator's control address; returns the decoded answer.
function rig:control(method, path, body)
  return http.request { method = method, url = self.address.control .. path, json = body, timeout = 10,
    max_bytes = 1 << 24 }.json()
end

function rig:fault(fault) return self:control("POST", "/fault", fault) end

--- Takes back every fault that was ordered.
function rig:heal() return self:control("DELETE", "/fault") end

function rig:ledger() return self:control("GET", "/ledger") end

--- Rows of the ledger that bill at this moment.
function rig:billing() return self:ledger().open end

--- Instances the cloud still knows, as an array.
function rig:instances()
  local list = {}
  for _, row in ipairs(self:control("GET", "/machines").machines) do
    if not row.destroyed then list[#list + 1] = row end
  end
  return list
end

--- SSH keys, rulesets and machines that were made and still are there.
function rig:leftovers() return self:control("GET", "/leftovers") end

--- How machines of this cloud are rented when spot is preferred.
function rig:kind()
  return (self.cloud == "vast" or self.cloud == "coreweave") and "spot" or "on-demand"
end

--- How a stop ends at this cloud when all is well: the outcome, and words of it.
function rig:outcome()
  if self.cloud == "paperspace" then return "unverifiable", "MANUAL CHECK NEEDED" end
  return "proven", "Confirmed"
end

--- What `status` and the line about money say at this cloud when nothing of ours is left.
function rig:nothing()
  if self.cloud == "paperspace" then return "ended, but its cloud gives no proof", "Money: not known" end
  return "None active", "Money: none is running"
end

--- The same line after a stop.
function rig:no_money() return (select(2, self:nothing())) end

--- The agent's pid from its lock file, nil when none runs.
function rig:agent() return files.owner(files.join(self.home, "agent.lock")) end

--- Puts a file into the home, as a user would. → its path
function rig:put(name, text)
  local path = files.join(self.home, name)
  assert(files.mkdir(files.dirname(path)))
  assert(files.write(path, text, 384))
  return path
end

--- A file of the rented machine's own folder, as the simulator keeps it. → text, "" when it is not there
function rig:on_machine(name)
  local id = tostring(self:instances()[1].id)
  return files.read(files.join(self.dir, "sim", "instances", id, "home", ".continueplz-guest", name)) or ""
end

--- What was recorded: the history (sessions that are over) and the journal.
function rig:journal()
  return (files.read(files.join(self.home, "history")) or "")
    .. (files.read(files.join(self.home, "journal")) or "")
end

function rig:log() return files.read(files.join(self.home, "continueplz.log")) or "" end

local function tool(...)
  return process.spawn({ argv = { ... }, stdin = "null", stdout = "null",
    stderr = "null" }):wait().status == 0
end

--- Runs fn with the home on a file system of its own of `kilobytes`.
-- Returns a sentence when that is not possible here.
function rig:on_small_disk(kilobytes, fn)
  if process.uid() ~= 0 then
    return "needs root to mount a small file system"
  end
  local small, home = files.join(self.dir, "small"), self.home
  files.mkdir(small)
  if not tool("mount", "-t", "tmpfs", "-o", ("size=%dk,mode=700"):format(kilobytes), "tmpfs", small) then
    return "mount is not allowed here"
  end
  assert(files.write(files.join(small, ".env"), assert(files.read(files.join(home, ".env"))), 384))
  self.home = small
  rig.settle_port(small)
  local ok, problem = fail.try(fn)
  local pid = self:agent()
  if pid then process.kill(pid, "KILL") end
  tool("umount", "-l", small)
  self.home = home
  if not ok then error(problem, 0) end
end

--- Leaves no room on the home's file system.
function rig:fill_disk()
  local chunk, n = ("x"):rep(4096), 0
  while files.append(files.join(self.home, "filler"), chunk) do n = n + 1 end
  return n
end

-- The account's key must be in no process's arguments or environment; the simulator's own arguments aside,
-- which name it.
function rig:check_processes()
  for _, name in ipairs(files.list("/proc") or {}) do
    if name:match("^%d+$") and tonumber(name) ~= self.sim.pid then
      for _, kind in ipairs { "cmdline", "environ" } do
        local text = files.read("/proc/" .. name .. "/" .. kind)
        -- of a guard, by consent
        local machine = text and kind == "environ" and text:find("CPLZ_ACCOUNT_KEY=", 1, true)
        if text and text:find(ACCOUNT_KEY, 1, true) and not text:find("cloudsim", 1, true)
          and not machine then
          self.exposed = ("the account's key is in the %s of process %s"):format(kind, name)
        end
      end
    end
  end
end

--- Ends everything; returns a sentence when something was left running or a secret was found
-- in what was written.
function rig:close()
  self:check_processes()
  local pid = self:agent()
  if pid then process.kill(pid, "KILL") end
  local leak = self:canary()
  self.sim:kill("TERM")
  task.deadline(GIVE_UP, function() return self.sim:wait() end, "the simulator did not end")
  return leak
end

--- Looks for the account's key in everything the product wrote, `.env` aside.
function rig:canary()
  if self.exposed then return self.exposed end
  for _, name in ipairs(files.list(self.home) or {}) do
    local stat = files.stat(files.join(self.home, name))
    if name ~= ".env" and stat and stat.kind == "file" then
      local text = files.read(files.join(self.home, name)) or ""
      if text:find(ACCOUNT_KEY, 1, true) then
        return "the account's key is in " .. name
      end
    end
  end
end

return rig
