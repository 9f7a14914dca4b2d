-- SPDX-License-Identifier: MIT
-- What doctor found. rows: array of { name=, state= "ok" | "warning" | "problem", text=, way= (out, or nil) }
-- → lines, object. Pure.
local term = require "base.term"
local format = require "ui.format"

local doctor = {}

local STYLE = { ok = "green", warning = "yellow", problem = "red" }

--- The worst state among rows.
function doctor.worst(rows)
  local worst = "ok"
  for _, row in ipairs(rows) do
    if row.state == "problem" or worst == "ok" then
      worst = row.state
    end
  end
  return worst
end

--- One line per row; on a terminal as many as its width asks for.
function doctor.lines(rows)
  local lines, column = {}, 0
  for _, row in ipairs(rows) do
    column = math.max(column, term.width(row.name))
  end
  for _, row in ipairs(rows) do
    local text = row.text .. (row.way and "; " .. row.way or "")
    local head = format.pad(row.state, 9) .. format.pad(row.name, column + 2)
    local wrapped = term.is("out") and format.wrap(text, format.width() - #head) or { text }
    for index, line in ipairs(wrapped) do
      local first = term.style(STYLE[row.state], format.pad(row.state, 9)) .. format.pad(row.name, column + 2)
      lines[#lines + 1] = (index == 1 and first or (" "):rep(#head)) .. line
    end
  end
  return lines
end

function doctor.object(rows, home)
  local checks = {}
  for index, row in ipairs(rows) do
    checks[index] = { name = row.name, state = row.state, text = row.text, way_out = row.way }
  end
  return { status = doctor.worst(rows), home = home, checks = require("base.json").array(checks) }
end

return doctor
