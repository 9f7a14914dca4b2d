-- SPDX-License-Identifier: MIT
-- What was typed, kept in the home as `repl.history`: one entry per line, secrets hidden.
local files = require "base.files"
local log = require "base.log"

local history = {}
history.__index = history

local KEPT, LARGEST, PRIVATE = 1000, 4 << 20, 384 -- entries; bytes; mode 0600

local function encode(text) return (text:gsub("\\", "\\\\"):gsub("\n", "\\n")) end

local function decode(line)
  return (line:gsub("\\(.)", function(letter) return letter == "n" and "\n" or letter end))
end

--- The history of a home. → it, with the array `entries` (oldest first), and why it cannot
-- be kept (nil: it can)
function history.open(home)
  local self = setmetatable({ entries = {}, path = files.join(home, "repl.history") }, history)
  local text, sentence, code = files.read(self.path, LARGEST)
  if not text and code ~= "missing" or not files.exists(home) then
    self.path = nil
    return self, sentence or home .. " does not exist"
  end
  for line in (text or ""):gmatch("[^\n]+") do
    self.entries[#self.entries + 1] = decode(line)
  end
  if #self.entries > KEPT or text and files.stat(self.path).mode ~= PRIVATE then
    self:rewrite()
  end
  return self
end

--- Writes the last entries anew.
function history:rewrite()
  local first = math.max(1, #self.entries - KEPT + 1)
  self.entries = table.move(self.entries, first, #self.entries, 1, {})
  local lines = {}
  for index, text in ipairs(self.entries) do
    lines[index] = encode(log.redact(text)) .. "\n"
  end
  return files.write(self.path, table.concat(lines), PRIVATE)
end

--- Adds what was typed; the same once more is not kept twice. → nil, or why it could not be written
function history:add(text)
  if text:find("^%s*$") or self.entries[#self.entries] == text then
    return nil
  end
  local last = self.entries[#self.entries]
  self.entries[#self.entries + 1] = text
  if not self.path or last and log.redact(last) == log.redact(text) then
    return nil
  end
  local ok, sentence = files.append(self.path, encode(log.redact(text)) .. "\n")
  if not ok then
    self.path = nil
    return sentence
  end
end

return history
