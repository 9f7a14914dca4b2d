-- SPDX-License-Identifier: MIT
-- Random, log, terminal, processes, scripts and tunnel of the replaced world.

local function hide(sim, text)
  for _, secret in ipairs(sim.secrets) do
    local from = 1
    while true do
      local first, last = text:find(secret, from, true)
      if not first then break end
      text = text:sub(1, first - 1) .. "[hidden]" .. text:sub(last + 1)
      from = first + 8
    end
  end
  return text
end

local function random(sim, count)
  local real, out = sim.real.crypto, {}
  for _ = 1, (count + 31) // 32 do
    sim.drawn = sim.drawn + 1
    out[#out + 1] = real.sha256(sim.seed .. ":" .. sim.drawn)
  end
  return table.concat(out):sub(1, count)
end

local function crypto_of(p)
  local sim = p.sim
  local real = sim.real.crypto
  return {
    random = function(count) return random(sim, count) end,
    key = function(text) return real.key(text or real.base64(random(sim, 32))) end,
    sealed = function() return random(sim, 32) end,
    sha256 = real.sha256, base64 = real.base64, unbase64 = real.unbase64, equal = real.equal,
  }
end

-- {level=, message=, fields={"key=value", …}} of a line of the log
local function log_record(line)
  local level, rest = line:match("^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d+Z (%u+) +(.*)\n$")
  local record = { level = level, fields = {} }
  local function field(before, key, value)
    rest = before
    table.insert(record.fields, 1, key .. "=" .. value)
    return true
  end
  repeat
    local before, key, plain = rest:match('^(.*) ([^ ="]+)=([^ ="]+)$')
    local outer, name, quoted = rest:match('^(.-) ([^ ="]+)="([^"]*)"$')
    if not outer then outer, name, quoted = rest:match('^(.*) ([^ ="]+)="(.*)"$') end
    local more = before and field(before, key, plain)
      or outer and field(outer, name, (quoted:gsub("\\(.)", function(c)
        return ({ n = "\n", r = "\r", t = "\t" })[c] or c
      end)))
  until not more
  record.message = rest
  return record
end

local function log_of(p)
  local sim = p.sim
  return {
    open = function() return true end,
    write = function(line)
      local record = log_record(line)
      record.at, record.pid = sim.now, p.pid
      table.insert(sim.log, record)
      return true
    end,
    hide = function(secret)
      if #secret < 6 then return end
      table.insert(sim.secrets, secret)
      table.sort(sim.secrets, function(a, b) return #a > #b end)
    end,
    redact = function(text) return hide(sim, text) end,
  }
end

local function terminal_of(p)
  local sim = p.sim
  return {
    write = function(stream, text) p[stream] = p[stream] .. text end,
    is = function(name) return p.tty[name] == true end,
    size = function()
      local size = p.size or { 80, 24 }
      return size[1], size[2]
    end,
    raw = function() return true end,
    screen = function(enter, leave)
      p.out = p.out .. (enter or p.leave or "")
      p.leave = leave
      return true
    end,
    echo = function() return true end,
    stdin = function() return p.stdin or sim:pipe_of(p.input) end,
    tty = function()
      if not p.tty.person then
        return nil, "there is no terminal to ask at", "missing"
      end
      local line, rest = p.tty.person:match("^([^\n]*\n?)(.*)$") -- one answer for each question
      local socket = sim:pipe_of(line)
      function socket.write(_, text)
        p.asked, p.tty.person = (p.asked or "") .. text, rest
        return #text
      end
      return socket
    end,
  }
end

local function find(sim, pid)
  for _, p in ipairs(sim.processes) do
    if p.pid == pid and p.state ~= "done" and p.state ~= "killed" then
      return p
    end
  end
end

-- What sim.spawn makes of the options is a main function for a process of this world;
-- without, the child never ends.
local function spawn(p, options)
  local sim = p.sim
  table.insert(sim.spawned, { options = options, by = p.pid })
  local id = sim:id()
  local main, more = nil, nil
  if sim.spawn then main, more = sim.spawn(options, p, sim) end
  more = more or {}
  more.parent, more.exit_id, more.argv = p, id, options.argv
  if more.daemon == nil then more.daemon = true end
  local mine = nil
  if options.stdin == "pipe" then
    mine, more.stdin = sim:pair_of()
    table.insert(p.at_end, function() -- whoever dies lets go of its pipes
      if mine.closed then return end
      mine:shutdown()
      mine:close()
    end)
  end
  local child = sim:start(main or function(require) require("base.task").sleep(1e9) end, more)
  local function stream(kind, text) return options[kind] == "pipe" and sim:pipe_of(text) or nil end
  return { id = id, pid = child.pid, stdin = mine, stdout = stream("stdout", ""),
    stderr = stream("stderr", "") }
end

local function process_of(p)
  local sim = p.sim
  return {
    spawn = function(options) return spawn(p, options) end,
    kill = function(pid, signal)
      local target = find(sim, pid)
      if not target then
        return nil, ("process %d: No such process"):format(pid), "missing"
      end
      if signal ~= 0 then target:signal(signal) end
      return true
    end,
    pid = function() return p.pid end,
    identity = function(pid) return "boot", 1, find(sim, pid) and pid or 0 end,
    uid = function() return 1000 end,
    cwd = function() return p.cwd end,
    getenv = function(name) return p.env[name] end,
    environ = function()
      local list = {}
      for name, value in pairs(p.env) do list[#list + 1] = name .. "=" .. value end -- order: free
      table.sort(list)
      return list
    end,
  }
end

local function script_of(p)
  local sim = p.sim
  local real = sim.real.script
  return {
    has = real.has, load = real.load, module = real.module, names = real.names, compile = real.compile,
    embedded = function(name) return sim.assets and sim.assets[name] or real.embedded(name) end,
    read = function(path)
      local file = sim.disk[path]
      if not file and path:sub(1, #p.home + 1) == p.home .. "/" then
        return nil, path .. ": No such file or directory", "missing"
      end
      if not file then return real.read(path) end
      if file.mode & 18 ~= 0 then
        return nil, path .. ": can be written by others", "permissions"
      end
      return file.data
    end,
  }
end

return function(host, p)
  host.crypto, host.log, host.terminal = crypto_of(p), log_of(p), terminal_of(p)
  host.process, host.script = process_of(p), script_of(p)
  host.tunnel = {
    open = function(options)
      if not p.sim.tunnel then
        return nil, "the replaced world has no tunnel", "refused"
      end
      return p.sim.tunnel(options, p)
    end,
  }
end
