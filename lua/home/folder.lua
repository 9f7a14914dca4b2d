-- SPDX-License-Identifier: MIT
-- What a folder's files say without being read into records: is it there, was anything ever rented from it, and are journal and
-- history the very files that continueplz left? Whoever writes them seals them into the state file by inode, time of the last change
-- (ctime, in ns, which nobody can set) and length: a file that was copied, restored, rolled back, edited or deleted does not fit its
-- seal. (Not by device: its number changes from boot to boot on some file systems.) See docs/home.md.
local files = require "base.files"
local world = require "sandbox.world"

--- VERSION: of the state file.
local folder = { VERSION = 1 }

local function path(home, name) return files.join(home, name) end

-- "-": there is none, "?": it cannot be looked at.
local function identity(home, name)
  local stat, _, code = files.stat(path(home, name))
  return stat and stat.identity or code == "missing" and "-" or "?"
end

--- The seal of the files as they are.
function folder.seal(home)
  return identity(home, "journal") .. " " .. identity(home, "history")
end

--- Splits a state file's text. → its seal or nil; unix seconds from which on there is nothing left to tell of, or nil
function folder.sealed(state)
  local seal, quiet = state:match('"seal":"(%S+ [^%s"]+)([^"]*)"')
  return seal, quiet and tonumber(quiet)
end

local NOTHING = "- -"

--- The seal of a record that something was taken from: it fits nothing until the clouds were asked.
folder.CUT = "cut cut"

-- The length of the journal in a seal, 0 when there was none.
local function length_in(seal) return tonumber(seal:match("^%S*%-(%d+) ")) or 0 end

--- Is the journal certainly shorter than continueplz left it? (A crash leaves it longer than its seal, never shorter.)
function folder.is_cut(home)
  local state = files.read(path(home, ".continueplz.state"))
  local sealed = state and folder.sealed(state)
  return sealed ~= nil and (sealed == folder.CUT or length_in(sealed) > length_in(folder.seal(home)))
end

--- Was nothing ever rented from here? Then there is no journal, no history, no name for machines, and no seal of any of them.
function folder.fresh(home)
  if folder.seal(home) ~= NOTHING or files.exists(path(home, "home.id")) then return false end
  local state, _, code = files.read(path(home, ".continueplz.state"))
  if not state then return code == "missing" end
  local seal = folder.sealed(state)
  return (not seal or seal == NOTHING) and state:find('"instance":null', 1, true) ~= nil
end

local function fits(home)
  local state = files.read(path(home, ".continueplz.state"))
  local now = state and folder.seal(home)
  if not state or now == NOTHING then return folder.fresh(home) end
  return not now:find("?", 1, true) and folder.sealed(state) == now
end

local TRIES = 5000 -- a moment: between a record and its seal lies one write to the disk

-- Is another process at work in this home? Between its record and its seal neither fits the other.
local function being_written(home)
  local holder = files.owner(path(home, "home.lock"))
  return holder and holder ~= require("base.process").pid()
end

--- Are journal and history certainly as continueplz left them, or was nothing ever rented? False: what they do not tell of may run all the same.
function folder.intact(home)
  for _ = 1, TRIES do
    if fits(home) then return true end
    if not being_written(home) then break end
  end
  return fits(home)
end

--- Is everything over, certainly, and nothing left to tell of? False: the journal must be asked.
function folder.at_rest(home)
  local state = files.read(path(home, ".continueplz.state"))
  local seal, quiet = nil, nil
  if state then seal, quiet = folder.sealed(state) end
  if seal and quiet and seal ~= NOTHING and seal == folder.seal(home) then
    return quiet == 0 or require("base.clock").wall() >= quiet
  end
  return folder.fresh(home)
end

--- Why nothing can be running for a folder that does not exist, and the way out; nil when it exists.
function folder.missing(home)
  local _, _, code = files.stat(home)
  if code ~= "missing" then
    return nil
  end
  if world.home_origin == "default" then
    return ("the folder %s does not exist yet, so no machine is known for it; `continueplz init` makes it"):format(home)
  end
  return ("the folder %s does not exist, so no machine is known for it; look at the path, or make it with `continueplz -C %s init`"):format(home, home)
end

return folder
