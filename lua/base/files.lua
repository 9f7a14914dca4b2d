-- SPDX-License-Identifier: MIT
-- Private files and paths. Functions answer nil, sentence, code when the system refuses.

local host = ...

local state = host.state

local files = {}

--- from: the first byte that is read, negative from the end.
function files.read(path, max, from) return state.read(path, max, from) end

--- `size` bytes of a file from the byte `from` on, or what there is of them.
function files.piece(path, from, size) return state.read(path, size, from, nil, true) end

--- A file of the system's, or one that the user names, which may well be a link (/etc/localtime is).
function files.read_system(path, max) return state.read(path, max, nil, true) end

--- Atomic and durable; mode is 0600 unless given.
function files.write(path, text, mode) return state.write(path, text, mode) end

--- Atomic and 0600, but nobody waits for the disk: for what is of no use after a crash of the computer.
function files.replace(path, text) return state.replace(path, text) end

--- Durable; the file is born 0600.
function files.append(path, text) return state.append(path, text) end

function files.exists(path) return state.stat(path) ~= nil end
function files.stat(path) return state.stat(path) end
function files.list(path) return state.list(path) end
function files.remove(path) return state.remove(path) end
function files.chmod(path, mode) return state.chmod(path, mode) end

--- What can be read whenever something in a directory was changed. → connection, or nil, sentence, code
function files.changes(directory)
  local socket, sentence, code = state.changes(directory)
  if not socket then return nil, sentence, code end
  return require("base.net").wrap(socket)
end

--- Makes a directory (0700), and those above it. → true, or nil, sentence, code
function files.mkdir(path)
  local above = files.dirname(path)
  if above ~= path and not state.stat(above) then
    local ok, sentence, code = files.mkdir(above)
    if not ok then return nil, sentence, code end
  end
  return state.mkdir(path)
end

--- Removes a file, or a directory with all it holds (links are not followed). → true, or nil, sentence, code
function files.remove_tree(path)
  local ok, sentence, code = state.remove(path)
  if ok or code == "missing" then return true end
  local names = state.list(path)
  if not names then return nil, sentence, code end
  for _, name in ipairs(names) do
    local done, why, which = files.remove_tree(path .. "/" .. name)
    if not done then return nil, why, which end
  end
  return state.remove(path)
end

-- PID WORD BOOT SPACE START: always of one length over the old text, so that a lock works on a full disk. An
-- older program reads the pid.
local LOCK_TEXT = "%-20d %-11.11s %-36.36s %-20d %-20d\n"
local pid, boot, space, start -- who we are

local function ourselves()
  if pid then return end
  pid = host.process.pid()
  boot, space, start = host.process.identity(pid)
  if boot == "" then boot = "-" end
end

--- A handle with release(), or nil, sentence, "busy". Never waits.
-- word: what the holder is at, for others to see.
function files.lock(path, word)
  word = word or "-"
  if word == "" or word:find("%s") then error(("lock wants one word, not %q"):format(word), 2) end
  ourselves()
  local lock, sentence, code = state.lock(path, LOCK_TEXT:format(pid, word, boot, space, start))
  local holder = code == "busy" and files.owner(path)
  return lock, holder and ("%s: held by process %d"):format(path, holder) or sentence, code
end

-- Why the process that a lock names may be another one than its number here means; nil when it is certainly
-- that one.
local function stranger(holder, its_boot, its_space, its_start)
  ourselves()
  if not its_start or its_start == "0" or start == 0 or space == 0 or boot == "-" then
    return "it cannot be told which process that is"
  end
  if its_boot ~= boot then return "it runs on another computer, or ran before this one was started" end
  if its_space ~= ("%d"):format(space) then return "it runs in another container" end
  local _, _, began = host.process.identity(holder)
  return ("%d"):format(began) ~= its_start and "that number is another process now" or nil
end

--- The process that holds the lock, what it is at, and a sentence when that number may be another
-- process here; or nil, sentence, code.
function files.owner(path)
  local text, sentence, code = state.held(path)
  if not text then return nil, sentence, code end
  local holder, word, rest = text:match("^(%d+)%s*(%S*)(.*)")
  holder = math.tointeger(holder)
  if not holder or holder == 0 then return nil, path .. ": nobody says that they hold it", "missing" end
  return holder, word ~= "" and word or "-", stranger(holder, rest:match("^%s+(%S+)%s+(%d+)%s+(%d+)%s*$"))
end

--- Signals the process that holds the lock, if it is certainly that one. → true, or nil, sentence,
-- "foreign" or "missing"
function files.signal(path, name)
  local holder, word, why = files.owner(path)
  if not holder then return nil, word, why end
  if why then
    return nil, ("%s: held by process %d, which is not signalled: %s"):format(path, holder, why), "foreign"
  end
  return host.process.kill(holder, name)
end

--- a/b; an absolute b stands alone.
function files.join(a, b, ...)
  local path
  if b:sub(1, 1) == "/" or a == "" then
    path = b
  else
    path = a:sub(-1) == "/" and a .. b or a .. "/" .. b
  end
  if ... then return files.join(path, ...) end
  return path
end

function files.dirname(path)
  local dir = path:match("^(.*)/[^/]*$")
  if not dir then return "." end
  return dir == "" and "/" or dir
end

function files.basename(path) return path:match("([^/]*)$") end

--- The working directory's absolute form of a path.
function files.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return files.join(assert(host.process.cwd()), path)
end

return files
