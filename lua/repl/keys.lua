-- SPDX-License-Identifier: MIT
-- The keys of the line editor, by what they do there. Pure.
local keyboard = require "base.keyboard"

local keys = {}

local MEANINGS = {
  left = "left", right = "right", up = "up", down = "down", home = "home", ["end"] = "end", tab = "tab",
  enter = "enter", backspace = "backspace", delete = "delete",
  ["ctrl-a"] = "home", ["ctrl-b"] = "left", ["ctrl-d"] = "delete-or-end", ["ctrl-e"] = "end",
  ["ctrl-f"] = "right", ["ctrl-g"] = "abort", ["ctrl-k"] = "kill-end", ["ctrl-l"] = "clear",
  ["ctrl-n"] = "down", ["ctrl-p"] = "up", ["ctrl-r"] = "search", ["ctrl-u"] = "kill-start",
  ["ctrl-w"] = "kill-word", ["ctrl-y"] = "yank",
  ["alt-b"] = "word-left", ["alt-f"] = "word-right", ["alt-d"] = "kill-next-word",
  ["alt-backspace"] = "kill-word", ["alt-enter"] = "newline",
}
local WORDS = { left = "word-left", right = "word-right", delete = "kill-next-word", up = "up", down = "down",
  home = "home", ["end"] = "end" }

keys.clean = keyboard.clean

local function meant(key)
  if key.text then return key end
  local name = key.name and (MEANINGS[key.name] or WORDS[key.name:match "[^-]*$"])
  return name and { name = name }
end

--- A reader of keys: feed(bytes) → array of { name= } or { text=, pasted= }.
function keys.reader()
  local reader = keyboard.reader()
  return function(bytes)
    local list = {}
    for _, key in ipairs(reader:feed(bytes)) do list[#list + 1] = meant(key) end
    return list
  end
end

return keys
