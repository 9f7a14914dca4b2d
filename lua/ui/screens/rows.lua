-- SPDX-License-Identifier: MIT
-- Pieces of full screens: rows of exactly so many columns. Pure. A span is a text, or { names of
-- ui.screens.style, text }; texts may be anybody's: they are cleaned here.
local clean = require "base.clean"
local term = require "base.term"

local rows = {}

local LONGEST = 2000 -- bytes of a text that are looked at

local function safe(text)
  text = tostring(text)
  if #text > LONGEST then text = clean.cut(text, LONGEST) end
  return text:find "[^ -~]" and clean.row(text) or text
end

--- A text in exactly `width` columns, cut with the style's sign where it is longer. align: "l" or "r"
function rows.cell(text, width, look, align)
  text = safe(text)
  if width <= 0 then return "" end
  local wide = term.width(text)
  if wide > width then
    local kept, used = term.start(text, width - 1)
    return kept .. look.glyph.cut .. (" "):rep(width - 1 - used)
  end
  local space = (" "):rep(width - wide)
  return align == "r" and space .. text or text .. space
end

-- Pieces in a row; neighbours that look the same are painted as one.
local function painted(pieces, look)
  local out, names, held = {}, nil, {}
  for _, piece in ipairs(pieces) do
    if piece.names ~= names and #held > 0 then
      out[#out + 1] = look.paint(names, table.concat(held))
      held = {}
    end
    names, held[#held + 1] = piece.names, piece.text
  end
  out[#out + 1] = look.paint(names, table.concat(held))
  return table.concat(out)
end

--- A row of exactly `width` columns from spans; what does not fit is cut. under: names for all of it
function rows.line(spans, width, look, under)
  local pieces, left = {}, width
  for _, span in ipairs(spans) do
    if left <= 0 then break end
    local names, text = under or "", span
    if type(span) == "table" then
      names, text = under and span[1] ~= "" and under .. " " .. span[1] or under or span[1], span[2]
    end
    text = safe(text)
    local wide = term.width(text)
    if wide > left then
      local kept, used = term.start(text, left - 1)
      text, wide = kept .. look.glyph.cut, used + 1
    end
    if wide > 0 then pieces[#pieces + 1] = { names = names, text = text } end
    left = left - wide
  end
  if left > 0 then pieces[#pieces + 1] = { names = under or "", text = (" "):rep(left) } end
  return painted(pieces, look)
end

--- Spans at the left and at the right of one row; the left ones give way.
function rows.both(left, right, width, look)
  local wide = 0
  for _, span in ipairs(right) do
    wide = wide + term.width(safe(type(span) == "table" and span[2] or span))
  end
  wide = math.min(wide, width)
  return rows.line(left, width - wide, look) .. rows.line(right, wide, look)
end

--- A row with a heading in a rule.
function rows.rule(title, width, look, names)
  if width <= 0 then return "" end
  local text = title == "" and "" or " " .. safe(title) .. " "
  local lead = look.glyph.rule
  if term.width(text) + 2 > width then text = rows.cell(text, math.max(0, width - 2), look) end
  local rest = math.max(0, width - 1 - term.width(text))
  return look.paint(names or "dim", lead) .. look.paint(names and names .. " bold" or "bold", text)
    .. look.paint(names or "dim", look.glyph.rule:rep(rest))
end

--- Rows in a frame of `width` columns; border: names of the style.
function rows.box(inner, width, look, border)
  local g, list = look.glyph, {}
  list[1] = look.paint(border, g.top_left .. g.rule:rep(width - 2) .. g.top_right)
  for _, spans in ipairs(inner) do
    list[#list + 1] = look.paint(border, g.wall) .. " " .. rows.line(spans, width - 4, look) .. " "
      .. look.paint(border, g.wall)
  end
  list[#list + 1] = look.paint(border, g.bottom_left .. g.rule:rep(width - 2) .. g.bottom_right)
  return list
end

--- Exactly `height` rows: blank ones are added, those beyond are left out.
function rows.fill(list, width, height)
  local blank = (" "):rep(width)
  for index = #list + 1, height do list[index] = blank end
  for index = height + 1, #list do list[index] = nil end
  return list
end

--- The first of `count` things shown in `room` rows, such that `at` is among them and the view moves as
-- little as it must from `from`.
function rows.window(from, at, count, room)
  from = math.max(1, math.min(from or 1, math.max(1, count - room + 1)))
  if at < from then return at end
  if at >= from + room then return math.max(1, at - room + 1) end
  return from
end

--- The items of a list that `room` rows hold; the screen is told which they are, for its keys.
-- model: { items, at, from, told } of tui.list → array, the place of the first
function rows.part(model, room)
  local from = rows.window(model.from, model.at, #model.items, math.max(1, room))
  model.told(from, math.max(1, room))
  return table.move(model.items, from, math.min(#model.items, from + room - 1), 1, {}), from
end

--- Adds a row for each item of such a part: draw(item, is it the chosen one?). → zones for the mouse
function rows.list(out, shown, from, at, width, draw)
  local zones = {}
  for index, item in ipairs(shown) do
    local place = from + index - 1
    out[#out + 1] = draw(item, place == at)
    zones[index] = { y = #out, x = 1, to = width, what = { item = place } }
  end
  return zones
end

--- A bar of `width` columns; fraction: 0 to 1.
function rows.bar(fraction, width, look)
  local full = math.floor(math.max(0, math.min(1, fraction)) * width + 0.5)
  return look.glyph.full:rep(full) .. look.glyph.empty:rep(width - full)
end

--- Columns that fit. columns: array of { title, need = least order to be left out (1: last to go), align,
-- text = function(item) → text or span }. items: those that are shown.
-- → { columns that are kept, each with its width }
function rows.fit_columns(columns, items, width, gap)
  local kept, sum = {}, -gap
  for index, column in ipairs(columns) do
    local wide = term.width(column.title)
    for _, item in ipairs(items) do
      local text = column.text(item)
      wide = math.max(wide, term.width(safe(type(text) == "table" and text[2] or text)))
    end
    kept[index] = setmetatable({ width = math.min(wide, column.most or wide) }, { __index = column })
    sum = sum + kept[index].width + gap
  end
  while sum > width and #kept > 1 do
    local last, at = -1, #kept
    for index, column in ipairs(kept) do
      if column.need >= last then last, at = column.need, index end
    end
    sum = sum - kept[at].width - gap
    table.remove(kept, at)
  end
  return kept
end

--- The cells of one item (nil: the headings) as spans with gaps.
function rows.cells(kept, item, gap, look)
  local spans = {}
  for index, column in ipairs(kept) do
    local value = item and column.text(item) or not item and column.title or ""
    local names = type(value) == "table" and value[1] or nil
    local text = rows.cell(type(value) == "table" and value[2] or value, column.width, look, column.align)
    spans[#spans + 1] = names and { names, text } or text
    if index < #kept then spans[#spans + 1] = (" "):rep(gap) end
  end
  return spans
end

return rows
