-- SPDX-License-Identifier: MIT
-- Files of the replaced world: sim.disk maps a path to {data=, mode=, mtime=} or {dir=true}. Directories
-- exist when something lies in them or mkdir made them.

local function missing(path) return nil, path .. ": No such file or directory", "missing" end

local function parent_of(path) return path:match("^(.*)/[^/]*$") or "" end

local function is_dir(disk, path)
  if path == "" or path == "/" or disk[path] and disk[path].dir then
    return true
  end
  for other in pairs(disk) do -- order: free
    if other:sub(1, #path + 1) == path .. "/" then return true end
  end
  return false
end

local function names_in(disk, path)
  local seen, names = {}, {}
  for other in pairs(disk) do -- order: free
    local name = other:sub(1, #path + 1) == path .. "/" and other:sub(#path + 2):match("^[^/]+")
    if name and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local written = setmetatable({}, { __mode = "k" }) -- entry of a disk → what the product wrote

local function put(sim, path, data, mode)
  if not is_dir(sim.disk, parent_of(path)) then return missing(path) end
  if is_dir(sim.disk, path) then
    return nil, path .. ": Is a directory", "io"
  end
  sim.disk[path] = { data = data, mode = mode, mtime = sim.now + sim.skew }
  written[sim.disk[path]] = { inode = sim:id(), data = data }
  return true
end

-- What only a file that nobody copied, restored or edited keeps. A test that puts a file on the disk
-- itself gives it none.
local function identity(file)
  local own = written[file]
  return ("%s-%d%s"):format(own and own.inode or "strange", #file.data,
    own and own.data ~= file.data and "-edited" or "")
end

-- A test makes a holder a stranger: sim.locks[path].stranger = true
local function held(sim, path)
  local lock = sim.locks[path]
  if not lock then return missing(path) end
  return ("%d %s %s 1 %d\n"):format(lock.process.pid, lock.word, lock.stranger and "elsewhere" or "boot",
    lock.process.pid)
end

local function lock(p, path, text)
  local sim = p.sim
  if sim.locks[path] then return nil, path .. ": held by another process", "busy" end
  local mine = { process = p, word = text:match("^%d+%s+(%S+)") }
  sim.locks[path] = mine
  if not sim.disk[path] then
    local ok, sentence, code = put(sim, path, "", 384)
    if not ok then return nil, sentence, code end
  end
  function mine:release()
    if sim.locks[path] == self then sim.locks[path] = nil end
    return true
  end
  return mine
end

local function stat(sim, path)
  local file = sim.disk[path]
  if file and not file.dir then
    return { size = #file.data, mode = file.mode, uid = 1000, mtime = file.mtime, kind = "file",
      identity = identity(file) }
  end
  if sim.listeners[path] then
    return { size = 0, mode = 384, uid = 1000, mtime = 0, kind = "socket" }
  end
  if is_dir(sim.disk, path) then
    return { size = 0, mode = 448, uid = 1000, mtime = 0, kind = "dir" }
  end
  return missing(path)
end

return function(host, p)
  local sim = p.sim
  local disk = sim.disk
  host.state = {
    read = function(path, max, from, _, piece)
      local file = disk[path]
      if not file or file.dir then return missing(path) end
      local data = file.data:sub((from or 0) < 0 and from or (from or 0) + 1)
      if max and #data > max and piece then return data:sub(1, max) end
      if max and #data > max then
        return nil, ("%s: is longer than %d bytes"):format(path, max), "toolarge"
      end
      return data
    end,
    write = function(path, data, mode) return put(sim, path, data, mode or 384) end,
    replace = function(path, data) return put(sim, path, data, 384) end,
    append = function(path, data)
      local file = disk[path]
      return put(sim, path, (file and file.data or "") .. data, file and file.mode or 384)
    end,
    lock = function(path, text) return lock(p, path, text) end,
    held = function(path) return held(sim, path) end,
    stat = function(path) return stat(sim, path) end,
    list = function(path)
      if not is_dir(disk, path) then return missing(path) end
      return names_in(disk, path)
    end,
    mkdir = function(path)
      while path ~= "" do
        if disk[path] and not disk[path].dir then
          return nil, path .. ": File exists", "exists"
        end
        disk[path] = disk[path] or { dir = true }
        path = parent_of(path)
      end
      return true
    end,
    remove = function(path)
      if not disk[path] then return missing(path) end
      if disk[path].dir and #names_in(disk, path) > 0 then
        return nil, path .. ": Directory not empty", "exists"
      end
      disk[path] = nil
      return true
    end,
    changes = function(path) return nil, "changes of " .. path .. " cannot be waited for here", "missing" end,
    chmod = function(path, mode)
      if not disk[path] then return missing(path) end
      disk[path].mode = mode
      return true
    end,
  }
end
