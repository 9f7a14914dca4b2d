-- SPDX-License-Identifier: MIT
-- From typed text to a function, and from a failure to lines that say where and why.
local chunk = require "sandbox.chunk"
local conceal = require "base.conceal"
local fail = require "base.fail"

local evaluate = {}

local FRAMES = 8
-- With something to close there are no tail calls, so that the line is in every trace.
local EXPRESSION = "local __line <close> = nil; return "

local function is_cut_off(message) return message:find("near <eof>$") ~= nil end

--- Compiles an expression, or else statements. → function; or nil, message, whether more text could mend it
function evaluate.compile(text, name, env)
  local expression, why = chunk.compile(EXPRESSION .. text, name, env)
  if expression then return expression end
  local statements, message = chunk.compile(text, name, env)
  if statements then return statements end
  return nil, message, is_cut_off(why) or is_cut_off(message)
end

--- The names that the text declares as locals where it begins.
function evaluate.locals(text)
  local names = {}
  local list = text:match("^%s*local%s+function%s+([%a_][%w_]*)")
    or text:match("^%s*local%s+([%a_][%w_%s,<>]*)")
  for name in (list or ""):gsub("<[^>]*>", ""):gmatch("[%a_][%w_]*") do
    names[#names + 1] = name
  end
  return names
end

-- Does a source that a traceback names (long paths are cut at the front) belong to one of `files`?
local function belongs(source, files)
  local tail = source:match("^%.%.%.(.*)$")
  for _, path in ipairs(files) do
    if source == path or tail and path:sub(-#tail) == tail then return true end
  end
  return false
end

-- The lines of a trace that lie in `files`.
local function frames(trace, files)
  local list = {}
  for source, line, rest in (trace or ""):gmatch("\n%s+([^\n]-):(%d+): in ([^\n]*)") do
    if belongs(source, files) and #list < FRAMES then
      list[#list + 1] = ("  %s:%s in %s"):format(source, line, rest)
    end
  end
  return list
end

--- What a failure says, as lines. files: the sources whose frames are of interest.
-- name: what the chunk is called.
function evaluate.explain(failure, files)
  local message = conceal.text(fail.message(failure)):gsub("[%z\1-\8\11-\31\127]", "?")
  if not fail.is(failure, "internal") then
    if failure.kind == "usage" then return { message } end
    local notes = { failure.kind }
    notes[#notes + 1] = failure.status and "HTTP " .. failure.status
    notes[#notes + 1] = failure.code and tostring(failure.code)
    return { ("%s (%s)"):format(message, table.concat(notes, ", ")) }
  end
  local lines, list = { message }, frames(failure.trace, files)
  local place = #list == 1 and list[1]:match("^  (.-:%d+) in")
  if place and message:sub(1, #place) == place then
    return lines -- the message says it already
  end
  return table.move(list, 1, #list, 2, lines)
end

return evaluate
