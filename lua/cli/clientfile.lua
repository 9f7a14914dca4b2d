-- SPDX-License-Identifier: MIT
-- `endpoint --for CLIENT --write`: puts the configuration into the client's own file. What is there stays;
-- what would be replaced is asked.
local clean = require "base.clean"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local process = require "base.process"
local term = require "base.term"
local jsontext = require "base.jsontext"
local exitcodes = require "facts.exitcodes"
local clients = require "ui.clients"

local clientfile = {}

local NEW_FILE = 420 -- 0644: it holds no secret

local function refuse(message) fail.raise("config", message .. "; nothing was changed") end

--- The file of a client as it is, and as people write it ("~/…"); nil for a client without one.
function clientfile.path(name)
  local path = clients.file(name, process.getenv, files.exists)
  local home = process.getenv "HOME"
  local within = path and home and home ~= "" and path:sub(1, #home + 1) == home .. "/"
  return path, within and "~" .. path:sub(#home + 1) or path
end

-- The text of a file that may be changed, and its mode; nil when there is none.
local function present(path)
  local info, why, code = files.stat(path)
  if not info and code == "missing" then return nil end
  if not info then refuse(why) end
  if info.kind ~= "file" then refuse(path .. " is no file") end
  local text, reason = files.read(path, 1 << 20)
  if not text then
    local link = reason:lower():find("symbolic link", 1, true)
    refuse(link and path .. " is a symbolic link; change the file that it leads to by hand" or reason)
  end
  if not utf8.len(text) then refuse(path .. " is no UTF-8 text") end
  return text, info.mode & 511
end

-- The same value, however it is written?
local function same(old, value)
  local was = json.decode("[" .. old .. "]")
  return was ~= nil and json.encode(was[1]) == json.encode(value)
end

-- Members put into a text. → text, what is replaced: array of { name=, old= }
local function merged(path, text, list)
  local replaced = {}
  for _, member in ipairs(list) do
    local made, old = jsontext.set(text, member.path, member.value)
    if not made then
      refuse(("%s cannot be read as JSON (%s); put that right, or put in by hand what endpoint prints")
        :format(path, old))
    end
    if not old then
      text = made
    elseif not member.mild and not same(old, member.value) then
      text = made
      replaced[#replaced + 1] = { name = table.concat(member.path, "."), old = clean.line(old, 100) }
    end
  end
  return text, replaced
end

-- The new text of the file. → text (nil: it says all of it already), mode, what is replaced
local function plan(name, path, endpoint)
  local text, mode = present(path)
  local whole = table.concat(clients.find(name)(endpoint), "\n") .. "\n"
  local list = clients.members(name, endpoint)
  if not text or not text:find "%S" then return whole, mode or NEW_FILE, {} end
  if text == whole then return nil end
  if not list then
    refuse(("%s exists already and cannot be merged; put in by hand what endpoint --for %s prints")
      :format(path, name))
  end
  local made, replaced = merged(path, text, list)
  return made ~= text and made or nil, mode, replaced
end

-- May what is there be replaced? → true, or false when a person said no
local function agreed(ctx, path, replaced)
  if #replaced == 0 or ctx.yes then return true end
  local told = {}
  for index, each in ipairs(replaced) do told[index] = ("%s is %s"):format(each.name, each.old) end
  if not ctx.asks then
    refuse(("in %s %s, and there is nobody to ask; say -y to replace it"):format(path,
      table.concat(told, ", ")))
  end
  ctx.print(("In %s:\n  %s"):format(path, table.concat(told, "\n  ")))
  return term.agrees(term.ask "Replace it? [y/N] ")
end

--- Writes it. → exit code, and fields for JSON
-- @raise kind `usage` for a client without a file, `config` when its file cannot be used
function clientfile.write(ctx, name, endpoint)
  local path, shown = clientfile.path(name)
  if not path then
    fail.raise("usage", ("--write: %s reads no file of its own but its environment; "
      .. "run what `continueplz endpoint --for %s` prints"):format(name, name))
  end
  if path:sub(1, 1) ~= "/" then
    refuse("HOME is not set, so nobody knows where the file of " .. name .. " is")
  end
  local text, mode, replaced = plan(name, path, endpoint)
  local code, status = 0, "written"
  if not text then
    status = "unchanged"
    ctx.print(shown .. " says it already")
  elseif not agreed(ctx, path, replaced) then
    code, status = exitcodes.code "failed", "refused"
    ctx.problem(shown .. " stays as it is")
  else
    local made, why = files.mkdir(files.dirname(path))
    if made then made, why = files.write(path, text, mode) end
    if not made then refuse(why) end
    ctx.print("Written: " .. shown)
  end
  if clients.besides(name) then ctx.print(clients.besides(name)) end
  return code, { file = path, written = status == "written" }
end

return clientfile
