-- SPDX-License-Identifier: MIT
-- What a folder's files say without being read into records: is it there, was anything ever rented from it,
-- and are journal and history the very files that continueplz left? Whoever writes them notes their
-- fingerprint in the state file: inode, time of the last change (ctime, in ns, which nobody can set) and
-- length of both. A file that was copied, restored, rolled back, edited or deleted has another one. (The
-- device is left out: its number changes from boot to boot on some file systems.)
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

--- The fingerprint of journal and history as they are.
function folder.fingerprint(home)
  return identity(home, "journal") .. " " .. identity(home, "history")
end

--- The fingerprint that a state file's text notes, or nil. The first release called it `seal`,
-- with a time behind it.
function folder.noted(state)
  return state:match('"fingerprint":"(%S+ [^%s"]+)"') or state:match('"seal":"(%S+ [^%s"]+)')
end

local NOTHING = "- -"

--- The fingerprint of a record that something was taken from: no files have it until the clouds were asked.
folder.CUT = "cut cut"

local function state_of(home) return files.read(path(home, ".continueplz.state")) end

-- Lengths of journal and history in a fingerprint, 0 where there was none.
local function lengths(fingerprint)
  local journal, history = fingerprint:match("^(%S+) (%S+)$")
  return tonumber(journal:match("%-(%d+)$")) or 0, tonumber(history:match("%-(%d+)$")) or 0
end

--- Is the journal certainly shorter than continueplz left it? (A crash leaves it longer than the state file
-- notes, never shorter, but for one between the moving of closed sessions to the history and the note of it.)
-- @param moved function → does the journal go on behind the last line of the history?
function folder.is_cut(home, moved)
  local state = state_of(home)
  local noted = state and folder.noted(state)
  if not noted or noted == folder.CUT then return noted ~= nil end
  local journal_then, history_then = lengths(noted)
  local journal_now, history_now = lengths(folder.fingerprint(home))
  return journal_now < journal_then and not (history_now > history_then and moved())
end

--- Was nothing ever rented from here? Then there is no journal, no history, no name for machines, and no
-- fingerprint of any of them.
function folder.fresh(home)
  if folder.fingerprint(home) ~= NOTHING or files.exists(path(home, "home.id")) then
    return false
  end
  local state, _, code = state_of(home)
  if not state then return code == "missing" end
  local noted = folder.noted(state)
  return (not noted or noted == NOTHING) and state:find('"instance":null', 1, true) ~= nil
end

local function fits(home)
  local state = state_of(home)
  local now = state and folder.fingerprint(home)
  if not state or now == NOTHING then return folder.fresh(home) end
  return not now:find("?", 1, true) and folder.noted(state) == now
end

local TRIES = 5000 -- a moment: between a record and the note of it lies one write to the disk

-- Is another process at work in this home? Between its record and the note of it neither fits the other.
local function being_written(home)
  local holder = files.owner(path(home, "home.lock"))
  return holder and holder ~= require("base.process").pid()
end

--- Are journal and history certainly as continueplz left them, or was nothing ever rented? False: what they
-- do not tell of may run all the same.
function folder.intact(home)
  for _ = 1, TRIES do
    if fits(home) then return true end
    if not being_written(home) then break end
  end
  return fits(home)
end

--- Why nothing can be running for a folder that does not exist, and the way out; nil when it exists.
function folder.missing(home)
  local _, _, code = files.stat(home)
  if code ~= "missing" then return nil end
  if world.home_origin == "default" then
    return ("the folder %s does not exist yet, so no machine is known for it; `continueplz init` makes it")
      :format(home)
  end
  return ("the folder %s does not exist, so no machine is known for it; look at the path, or make it with "
    .. "`continueplz -C %s init`"):format(home, home)
end

return folder
