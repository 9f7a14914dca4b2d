-- SPDX-License-Identifier: MIT
-- Pieces of text that several screens share. Pure but for the terminal's own answers about width and style.
local clock = lazy "base.clock"
local term = require "base.term"

local format = {}

--- "$0.450/h".
function format.hourly(amount)
  return ("$%.3f/h"):format(amount)
end

--- "$2.93".
function format.dollars(amount)
  return ("$%.2f"):format(amount)
end

--- "$2.93 (≈ €2.70)": dollars are what is billed; euros are shown at a rate that somebody set.
-- rate: { per_dollar=, date=, source=, assumed= nobody set it }.
function format.both(amount, rate)
  if not rate or rate.assumed then return format.dollars(amount) end
  return ("$%.2f (≈ €%.2f)"):format(amount, amount * rate.per_dollar)
end

--- The rate in a JSON answer: nil when nobody set one.
function format.rate_object(rate)
  return rate and not rate.assumed and { per_dollar = rate.per_dollar, date = rate.date,
    source = rate.source } or nil
end

--- "€1.00 per dollar of 2026-11-01 (built-in, ...)".
function format.rate(rate)
  return ("€%.2f per dollar of %s (%s)"):format(rate.per_dollar, rate.date, rate.source)
end

--- "A100 80GB" of "a100-80"; "2 × A100 80GB" for several.
function format.gpu(name, count)
  local row = require("facts.gpus").find(name)
  local title = row and row.title or name or "?"
  return count and count > 1 and ("%d × %s"):format(count, title) or title
end

--- What is rented: the same of an offer, or "2 replicas of 4 × H100 80GB on 1 node". each: gpu, gpus (of one
-- replica), replicas, nodes
function format.machine(each)
  local cards = format.gpu(each.gpu, each.gpus)
  if not each.nodes then return cards end
  return ("%d replica%s of %s on %d node%s"):format(each.replicas, each.replicas == 1 and "" or "s", cards,
    each.nodes, each.nodes == 1 and "" or "s")
end

--- "4h 28m", or "off".
function format.limit(seconds)
  return seconds and seconds > 0 and clock.duration(seconds) or "off"
end

--- A moment in local time as one says it at `now`: "17:00", "tomorrow 02:12", "2026-12-03 02:12". Unix
-- seconds.
function format.moment(t, now)
  local day, time = clock.local_time(t):match("^(%S+) (%d+:%d+)")
  if day == clock.local_time(now):sub(1, 10) then return time end
  if day == clock.local_time(now + 86400):sub(1, 10) then return "tomorrow " .. time end
  return day .. " " .. time
end

--- "18.6 GB" of bytes.
function format.bytes(bytes)
  if bytes >= 1e9 then return ("%.1f GB"):format(bytes / 1e9) end
  if bytes >= 1e6 then return ("%.0f MB"):format(bytes / 1e6) end
  return ("%.0f kB"):format(bytes / 1e3)
end

--- Pads to a width in columns.
function format.pad(text, width, right)
  local space = (" "):rep(math.max(0, width - term.width(text)))
  return right and space .. text or text .. space
end

--- Rows of cells as aligned lines. align: letters l or r, one per column.
function format.columns(rows, align)
  local widths = {}
  for _, row in ipairs(rows) do
    for column, cell in ipairs(row) do
      widths[column] = math.max(widths[column] or 0, term.width(cell))
    end
  end
  local lines = {}
  for index, row in ipairs(rows) do
    local cells = {}
    for column, cell in ipairs(row) do
      cells[column] = format.pad(cell, widths[column], align:sub(column, column) == "r")
    end
    lines[index] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return lines
end

--- Rows of cells as aligned lines that fit `width`: columns of `order` (by their headings, the first row) are
-- left out one after the other until they do. → lines, headings that were left out
function format.fitted(rows, align, width, order)
  local dropped = {}
  local function widest(lines)
    local most = 0
    for _, line in ipairs(lines) do
      most = math.max(most, term.width(line))
    end
    return most
  end
  local lines = format.columns(rows, align)
  for _, heading in ipairs(order) do
    if widest(lines) <= width then break end
    for column, cell in ipairs(rows[1]) do
      if cell == heading then
        for _, row in ipairs(rows) do
          if row[column] then
            table.remove(row, column)
          end
        end
        align = align:sub(1, column - 1) .. align:sub(column + 1)
        dropped[#dropped + 1] = heading
        break
      end
    end
    lines = format.columns(rows, align)
  end
  return lines, dropped
end

--- "32k" of 32768 tokens, the number itself where it is no whole number of thousands.
function format.tokens(count)
  return count % 1024 == 0 and ("%dk"):format(count // 1024) or ("%d"):format(count)
end

-- How many columns a line may take: those of the terminal, 80 without one or on a wider one.
local function columns()
  return term.is("out") and math.min(80, math.max(20, (term.size()))) or 80
end
format.width = columns

--- How many lines a terminal has beside `others`; nil without one.
function format.room(others)
  return term.is("out") and select(2, term.size()) - others or nil
end

--- Breaks a text into lines of at most `width` columns, at blanks; lines after the first begin with `hang`.
function format.wrap(text, width, hang)
  hang = hang or ""
  if term.width(text) <= width and not text:find("%S%s%s") then
    return { (text:gsub("%s+$", "")) }
  end
  local lines, line = {}, text:match("^%s*")
  local fresh = true
  for word in text:gmatch("%S+") do
    if not fresh and term.width(line) + 1 + term.width(word) > width then
      lines[#lines + 1] = line
      line, fresh = hang, true
    end
    line = fresh and line .. word or line .. " " .. word
    fresh = false
  end
  lines[#lines + 1] = line
  return lines
end

--- A horizontal line.
function format.rule()
  return ("─"):rep(math.min(72, columns()))
end

--- Amounts as dollars whose sum is what is shown as the sum: the first one takes what rounding left over.
function format.parts(total, ...)
  local cents, rest = {}, math.floor(total * 100 + 0.5)
  for index, amount in ipairs { ... } do
    cents[index] = math.floor(amount * 100 + 0.5)
    rest = rest - cents[index]
  end
  cents[1] = math.max(0, cents[1] + rest)
  for index, each in ipairs(cents) do
    cents[index] = format.dollars(each / 100)
  end
  return table.unpack(cents)
end

--- A number for JSON, without the noise of its last digits.
function format.rounded(number, digits)
  local scale = 10 ^ digits
  return number and math.floor(number * scale + 0.5) / scale or nil
end

--- A box around lines; long ones are wrapped, numbered ones below their first word. style: name for
--- term.style of the border, or `alarm`: red and blinking (PRD §8.3).
function format.box(lines, style)
  local most = columns() - 4
  local width, flat = math.min(60, most), {}
  for _, line in ipairs(lines) do
    local hang = (" "):rep(#(line:match("^%s*%d+%.%s+") or line:match("^%s*")))
    for _, piece in ipairs(term.width(line) <= most and { line } or format.wrap(line, most, hang)) do
      flat[#flat + 1] = piece
      width = math.max(width, term.width(piece))
    end
  end
  local function edge(text)
    local styled = style and term.style(style == "alarm" and "red" or style, text) or text
    return style == "alarm" and styled:gsub("^\27%[31m", "\27[5;31m") or styled
  end
  local boxed = { edge("╭" .. ("─"):rep(width + 2) .. "╮") }
  for _, line in ipairs(flat) do
    boxed[#boxed + 1] = edge("│") .. " " .. format.pad(line, width) .. " " .. edge("│")
  end
  boxed[#boxed + 1] = edge("╰" .. ("─"):rep(width + 2) .. "╯")
  return boxed
end

return format
