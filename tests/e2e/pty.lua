-- SPDX-License-Identifier: MIT
-- A person at a terminal: runs a command on a pseudo-terminal (util-linux' script) and types at its prompts.
local fail = require "base.fail"
local process = require "base.process"
local task = require "base.task"

local SECONDS = 120

local pty = {}

local function quoted(words)
  local list = {}
  for index, word in ipairs(words) do list[index] = "'" .. word:gsub("'", "'\\''") .. "'" end
  return table.concat(list, " ")
end

-- The rule whose text comes first in what is not answered yet. → rule, where its text ends
local function next_rule(rules, text, from)
  local best, first, last
  for _, rule in ipairs(rules) do
    local a, b = text:find(rule[1], from, true)
    if a and rule.used < #rule.answers and (not first or a < first) then best, first, last = rule, a, b end
  end
  return best, last
end

local function prepare(dialogue)
  local rules = {}
  for index, each in ipairs(dialogue) do
    rules[index] = { each[1], used = 0, answers = { table.unpack(each, 2) } }
  end
  return rules
end

local function converse(child, rules)
  local text, from, typed = "", 1, {}
  while true do
    local ok, piece = fail.try(child.stdout.read, child.stdout)
    if not ok or not piece then return text, typed end
    text = text .. piece
    local rule, last = next_rule(rules, text, from)
    while rule do
      rule.used = rule.used + 1
      typed[#typed + 1] = rule[1]
      child.stdin:write(rule.answers[rule.used])
      from = last + 1
      rule, last = next_rule(rules, text, from)
    end
  end
end

--- Runs words on a terminal. dialogue: array of { text that is waited for, what is typed then (with its
-- "\r"), what at the next time, … }; a text that never comes is simply not answered.
-- options: { env = {"NAME=value"}, shell = true (words is a shell's line), seconds= }. →
-- { code=, out= (what the terminal showed, lines ending in "\n"), err = "", typed = texts that were answered,
-- in order }
function pty.run(words, dialogue, options)
  options = options or {}
  local line = options.shell and words or quoted(words)
  local env = { "PATH=" .. process.getenv("PATH"), "TERM=xterm", "LANG=C.UTF-8", "COLUMNS=80" }
  for _, each in ipairs(options.env or {}) do env[#env + 1] = each end
  local child = process.spawn { argv = { "script", "-qec", line, "/dev/null" }, stdin = "pipe",
    stdout = "pipe", stderr = "null", cwd = "/", env = env }
  local ok, text, typed = fail.try(task.deadline, options.seconds or SECONDS,
    function() return converse(child, prepare(dialogue)) end, "the command on the terminal did not end")
  if not ok then child:kill("KILL") end
  child:close()
  local exit = child:wait()
  if not ok then error(text, 0) end
  return { code = exit.status, signal = exit.signal, out = text:gsub("\r\n", "\n"), err = "", typed = typed }
end

return pty
