-- SPDX-License-Identifier: MIT
-- What a case does with the machine behind the simulated Lambda: its shell, and waiting for what it shows.
local fail = require "base.fail"
local files = require "base.files"
local net = require "base.net"
local task = require "base.task"
local rig = require "e2e.rig"

local machine = {}

local PATIENCE = 900 -- seconds
local MARK = "end of the script:"

local function path(r, id, name) return files.join(r.dir, "sim", "instances", tostring(id), name) end

--- The only machine of the rig that is not destroyed, once there is one and it is started.
function machine.wait(r)
  return rig.wait_for("the machine to be started", PATIENCE, function()
    local row = r:instances()[1]
    local port = row and (files.read(path(r, row.id, "firewall")) or ""):match("udp (%d+)")
    return port and { id = row.id, pid = row.pid, port = math.tointeger(tonumber(port)), rig = r } or nil
  end)
end

-- One script through the machine's shell. → what it printed, its exit code; nil when the shell was not
-- reached or left in the midst
local function attempt(port, script)
  local ok, text = fail.try(function()
    local conn = net.connect { host = "127.0.0.1", port = port }
    local _ <close> = setmetatable({}, { __close = function() conn:close() end })
    conn:write(("exec 2>&1\n{ %s\n} </dev/null\necho; echo '%s' $?; exit\n"):format(script, MARK))
    local pieces = {}
    for piece in function() return conn:read(nil, 120) end do pieces[#pieces + 1] = piece end
    return table.concat(pieces)
  end)
  local said, code = (ok and text or ""):match("^(.-)\n?\n" .. MARK .. " (%d+)\n$")
  return said and said:gsub("^%s+", ""):gsub("%s+$", ""), math.tointeger(tonumber(code))
end

--- Runs a script (repeatable: the shell may be lost in its midst) as root in the machine.
-- → what it printed, its exit code
function machine.try(vm, script)
  return table.unpack(rig.wait_for("the machine's shell", PATIENCE, function()
    local said, code = attempt(vm.port, script)
    if not said then task.sleep(1) end
    return said and { said, code }
  end))
end

--- As machine.try, but the script must succeed. → what it printed
function machine.run(vm, script)
  local said, code = machine.try(vm, script)
  if code ~= 0 then
    error(("in the machine, with code %d: %s\n%s"):format(code, script, said), 2)
  end
  return said
end

--- A script whose end nobody sees: it takes the machine's shell away.
function machine.tell(vm, script) attempt(vm.port, script) end

--- Waits until a script succeeds. → what it printed
function machine.until_true(vm, what, script)
  return rig.wait_for(what, PATIENCE, function()
    local said, code = machine.try(vm, script)
    if code == 0 then return said end
    task.sleep(2)
  end)
end

--- The last that machines printed, for a case that failed.
function machine.console(r)
  local pieces = {}
  for _, id in ipairs(files.list(files.join(r.dir, "sim", "instances")) or {}) do
    pieces[#pieces + 1] = ("--- console of %s\n%s"):format(id,
      (files.read(path(r, id, "log")) or ""):sub(-3000))
  end
  return table.concat(pieces, "\n")
end

return machine
