-- SPDX-License-Identifier: MIT
-- Requests and answers as lines to read, without anything secret in them.
local conceal = require "base.conceal"
local json = require "base.json"
local sorted = require "base.sorted"
local pretty = require "ui.pretty"

local trace = {}

local LINES, TEXT = 40, 2000 -- of a body

local function add(lines, list, indent)
  for _, line in ipairs(list) do
    lines[#lines + 1] = indent .. line
  end
end

local function add_body(lines, body, width)
  if not body or body == "" then return end
  local value = json.decode(body, true)
  if type(value) ~= "table" then
    local text = conceal.text(body):gsub("[%c]+", " ")
    local stop = #text > TEXT and utf8.len(text) and utf8.offset(text, TEXT + 1)
    add(lines, pretty.lines(stop and text:sub(1, stop - 1) .. "…" or text, { width = width - 4 }), "    ")
    return
  end
  local list = pretty.lines(value, { width = width - 4 })
  local more = #list - LINES
  if more > 1 then
    list = table.move(list, 1, LINES, 1, {})
    list[LINES + 1] = ("… and %d more lines"):format(more)
  end
  add(lines, list, "    ")
end

local function header(name, value)
  return name:lower() .. ": "
    .. (conceal.is_secret(name) and conceal.HIDDEN or (conceal.text(value):gsub("%c", "?")))
end

-- The address with its query, but no secret in it, nor the user's name and password.
local function address(text)
  return (conceal.text(text:gsub("//[^/@]*@", "//")):gsub("%c", "?"))
end

--- A request that leaves. request: as of http.watch. → lines
function trace.request(request, width)
  local lines = { "→ " .. request.method .. " " .. address(request.url) }
  for _, line in ipairs(request.headers) do
    lines[#lines + 1] = "    " .. header(line:match("^([^:]+): ?(.*)$"))
  end
  add_body(lines, request.body, width)
  return lines
end

--- An answer that has come, or why none came. → lines
function trace.answer(answer, width)
  if answer.body then
    conceal.learn(json.decode(answer.body))
  end
  local time = ("%.2f s"):format(answer.seconds)
  if answer.error then
    return { ("← no answer after %s: %s"):format(time, (conceal.text(answer.error):gsub("%c", " "))) }
  end
  local size = answer.streamed and "streamed" or #(answer.body or "") .. " bytes"
  local lines = { ("← %d in %s, %s"):format(answer.status, time, size) }
  for name, value in sorted(answer.headers or {}) do
    lines[#lines + 1] = "    " .. header(name, tostring(value))
  end
  add_body(lines, answer.body, width)
  return lines
end

return trace
