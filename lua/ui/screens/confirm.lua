-- SPDX-License-Identifier: MIT
-- The sum, above its question. model: { lines = texts, dearer = bool: the price rose since it was shown }
local format = require "ui.format"
local rows = require "ui.screens.rows"

local confirm = {}

local MOST = 76 -- columns of the box

--- → rows
function confirm.draw(model, width, height, look)
  local wide, inner = math.min(MOST, width), {}
  for _, line in ipairs(model.lines) do
    for _, piece in ipairs(format.wrap(line, math.max(10, wide - 4))) do
      inner[#inner + 1] = { { line:find "^%u%u" and "red bold" or "", piece } }
    end
  end
  if wide < 8 or height < #inner + 2 then
    local plain = {}
    for index, spans in ipairs(inner) do plain[index] = rows.line(spans, width, look) end
    return rows.fill(plain, width, height)
  end
  local out, left = {}, (" "):rep((width - wide) // 2)
  for _ = 1, (height - #inner - 2) // 2 do out[#out + 1] = (" "):rep(width) end
  for _, line in ipairs(rows.box(inner, wide, look, model.dearer and "red bold" or "yellow")) do
    out[#out + 1] = left .. line .. (" "):rep(width - wide - #left)
  end
  return rows.fill(out, width, height)
end

return confirm
