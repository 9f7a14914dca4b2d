-- SPDX-License-Identifier: MIT
-- A folder at rest: every session is closed and there is nothing to tell of. Whoever closes the last session seals that into the state
-- file with the journal's length and the digits of its last line, to which all lines before are chained. As long as both files fit,
-- nothing needs to be read into records.
local files = require "base.files"
local world = require "base.world"

local TAIL = 2048 -- bytes that hold the last line; a longer one is not sealed

--- VERSION: of the state file, which work.statefile writes for everything that is not at rest.
local rest = { VERSION = 1 }

-- The digits that begin the last line, which must be whole.
local function last_digits(data)
  local tail, from = data:sub(-TAIL), nil
  local next_end = tail:find("\n", 1, true)
  while next_end and next_end < #tail do
    from = next_end + 1
    next_end = tail:find("\n", from, true)
  end
  return from and next_end and tail:match("^%x+", from)
end

--- The state file of a folder at rest whose journal holds `data`; nil when that does not end in a whole line.
function rest.seal(data)
  local digits = last_digits(data)
  return digits and ('{"instance":null,"seal":"%d-%s","version":%d}\n'):format(#data, digits, rest.VERSION)
end

--- Is this folder certainly at rest? False: the journal must be asked.
function rest.holds(home)
  local state, _, code = files.read(files.join(home, ".continueplz.state"))
  local data, _, gone = files.read(files.join(home, "journal"))
  if not data then
    return gone == "missing" and code == "missing"
  end
  return state ~= nil and state == rest.seal(data)
end

--- Why nothing can be running for a folder that does not exist, and the way out; nil when it exists.
function rest.no_folder(home)
  local _, _, code = files.stat(home)
  if code ~= "missing" then
    return nil
  end
  if world.home_origin == "default" then
    return ("the folder %s does not exist yet, so no machine is known for it; `continueplz init` makes it"):format(home)
  end
  return ("the folder %s does not exist, so no machine is known for it; look at the path, or make it with `continueplz -C %s init`"):format(home, home)
end

return rest
