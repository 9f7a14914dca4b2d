-- SPDX-License-Identifier: MIT
-- What scheduled runs keep of the shell in which the schedule was made: its proxies and certificates
-- (base.surroundings), since cron and timers have none of it. They stand in a private file, not in the
-- lines, for a proxy's address may hold a password.
local fail = require "base.fail"
local files = require "base.files"
local surroundings = require "base.surroundings"
local dotenv = require "config.dotenv"

local unattended = {}

--- The file in a home directory.
function unattended.path(home) return files.join(home, "schedule.env") end

--- Keeps what this shell has; an older file goes. → array of the names that are kept
-- @raise kind `config` when it cannot be written
function unattended.keep(home)
  local lines, names = { "# Written by `continueplz schedule add`: what its runs have of that shell." }, {}
  for _, each in ipairs(surroundings.list()) do
    local value, why = dotenv.quoted(each.value)
    if not value then
      fail.raise("config", ("%s cannot be kept for the schedule: %s"):format(each.name, why))
    end
    lines[#lines + 1], names[#names + 1] = each.name .. "=" .. value, each.name
  end
  if #names == 0 then
    unattended.forget(home)
    return names
  end
  if not files.exists(home) then files.mkdir(home) end
  local ok, why = files.write(unattended.path(home), table.concat(lines, "\n") .. "\n")
  if not ok then
    fail.raise("config", ("the schedule cannot keep %s: %s"):format(table.concat(names, ", "), why))
  end
  return names
end

--- Takes the file away.
function unattended.forget(home) files.remove(unattended.path(home)) end

--- Brings what was kept into force for this run, where its own environment says nothing.
function unattended.adopt(home)
  local text = files.read(unattended.path(home), 65536)
  local values = {}
  for _, entry in ipairs(text and (dotenv.parse(text)) or {}) do values[entry.name] = entry.value end
  surroundings.adopt(values)
end

return unattended
