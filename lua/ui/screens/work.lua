-- SPDX-License-Identifier: MIT
-- A start or a stop under way. model: { kind = "up" | "stop", told = of home.progress or nil, exit = how its
--   process ended or nil, said = its last sentence, undoing = bool, over = bool, now, began = unix seconds }
local clock = require "base.clock"
local format = require "ui.format"
local rows = require "ui.screens.rows"
local words_of = require "ui.moving"

local work = {}

local BAR = 24
local TITLES = { up = "Starting", stop = "Stopping" }

local function seconds(value) return value and clock.duration(math.max(0, value)) or "" end

local function took_of(list, index)
  for _, each in ipairs(list.done or {}) do
    if each.step == index then return each.seconds end
  end
end

-- One step: its sign, its title, what it took, takes or usually takes.
local function step_row(model, list, index, width, look)
  local title, g, took = list.titles[index], look.glyph, took_of(list, index)
  local usual = list == model.told and model.told.expected and model.told.expected[index]
  if took then
    return rows.both({ " ", { "green", g.check .. " " }, title }, { { "dim", seconds(took) .. " " } }, width,
      look)
  elseif index ~= list.step then
    return rows.both({ " ", { "dim", g.off .. " " .. title } },
      { { "dim", usual and "about " .. seconds(usual) .. " " or "" } }, width, look)
  elseif model.over then
    return rows.line({ " ", { "red", g.cross .. " " }, title }, width, look)
  end
  local since = seconds(model.now - (list.since or model.now))
  return rows.both({ " ", { "bold yellow", g.pointer .. " " }, { "bold", title } },
    { { "bold", since .. (usual and (" of about %s"):format(seconds(usual)) or "") .. " " } }, width, look)
end

-- What moves at this moment: words, a bar, the rate.
local function moving_rows(moving, width, look)
  local words = (moving.text or moving.status or "") .. (moving.detail and " (" .. moving.detail .. ")" or "")
  local out = { rows.line({ "     ", words }, width, look) }
  if not moving.fraction then return out end
  local amount = moving.bytes and moving.total and moving.total > 0
    and (" %s of %s"):format(format.bytes(moving.bytes), format.bytes(moving.total)) or ""
  local bar = rows.bar(moving.fraction, math.min(BAR, math.max(4, width // 3)), look)
  out[2] = rows.line({ "     ", { "green", bar }, (" %d%%"):format(math.floor(moving.fraction * 100)),
    { "dim", amount .. words_of.rate(moving) .. words_of.left(moving) } }, width, look)
  return out
end

local function step_rows(model, list, width, look)
  local out = {}
  for index in ipairs(list.titles) do
    out[#out + 1] = step_row(model, list, index, width, look)
    if index == list.step and model.told.moving and not model.over then
      for _, line in ipairs(moving_rows(model.told.moving, width, look)) do out[#out + 1] = line end
    end
  end
  return out
end

local OUTCOMES = {
  ready = { "green bold", "READY" },
  proven = { "green bold", "STOPPED, and proven" },
  unverifiable = { "yellow bold", "ENDED, but its cloud gives no proof: look at its console, then close the "
    .. "record with :ack" },
  unproven = { "red bold", "NOT PROVEN ENDED: money may still be running; the agent tries on" },
  unresolved = { "red bold", "NOT KNOWN whether something was rented; it is looked for" },
  unfinished = { "red bold", "it was given up while it was undone; what was rented may bill" },
  unknown = { "red bold", "NOT KNOWN whether anything runs" },
  kept = { "yellow bold", "the machine whose start failed is kept, and bills" },
  nothing = { "bold", "nothing was there to be ended" }, declined = { "bold", "nothing was rented" },
}

-- → names of the style, what came of it, the sentence of what went wrong
local function outcome_of(model)
  local told = model.told
  local ended = told and told.ended
  if ended then
    local known = OUTCOMES[ended.outcome] or { ended.code == 0 and "green bold" or "red bold", ended.outcome
      or ("ended with %s"):format(tostring(ended.code)) }
    local words = known[2]
    if model.kind == "up" and ended.code ~= 0 then
      words = ended.outcome == "proven" and "NOT STARTED; what was rented is ended, and that is proven"
        or ended.outcome == "nothing" and "NOT STARTED; nothing was rented" or words
    end
    local names = ended.code ~= 0 and known[1]:find "green" and "red bold" or known[1]
    return names, words, ended.code ~= 0 and ended.message or nil
  elseif told and told.stale then
    return "red bold", "its process is gone; what it began is undone by the agent or the next command"
  end
  local code = model.exit and (model.exit.status or model.exit.signal)
  return code == 0 and "green bold" or "red bold", code == 0 and "done" or model.said
    or ("it ended with %s"):format(tostring(code))
end

local function add(out, names, text, width, look, lead)
  for index, line in ipairs(format.wrap(text, math.max(10, width - 4))) do
    out[#out + 1] = rows.line({ " ", { names, (index == 1 and lead or "  ") .. line } }, width, look)
  end
end

local function ended_rows(model, width, look)
  local names, words, why = outcome_of(model)
  local out, g = {}, look.glyph
  add(out, names, words, width, look, (names:find "green" and g.check or names:find "red" and g.cross or "!")
    .. " ")
  if why then add(out, "", why, width, look, "  ") end
  local ended = model.told and model.told.ended
  if ended and ended.cost then
    out[#out + 1] = rows.line({ "   It cost ", { "bold", (ended.at_most and "at most " or "")
      .. ("$%.2f"):format(ended.cost) } }, width, look)
  end
  return out
end

local SIGNS = { ["✓"] = { "green", "check" }, ["✗"] = { "red", "cross" }, ["⚠"] = { "yellow", "!" } }

local function note_rows(notes, room, width, look)
  local out = {}
  for index = math.max(1, #notes - room + 1), #notes do
    local sign, text = notes[index]:match "^(%S+) (.*)$"
    local known = SIGNS[sign] or { "dim", "-" }
    out[#out + 1] = rows.line({ "   ", { known[1], look.glyph[known[2]] or known[2] },
      { "dim", " " .. (text or notes[index]) } }, width, look)
  end
  return out
end

local function join(into, more) return table.move(more, 1, #more, #into + 1, into) end

--- → rows
function work.draw(model, width, height, look)
  local told = model.told
  local title = ("%s, %s%s"):format(TITLES[model.kind] or model.kind, seconds(model.now - model.began),
    model.undoing and not model.over and ", being undone" or "")
  local out = { rows.rule(title, width, look) }
  if told then
    join(out, step_rows(model, told, width, look))
    if told.undoing then
      out[#out + 1] = rows.rule("Undoing it", width, look)
      join(out, step_rows(model, told.undoing, width, look))
    end
  elseif not model.over then
    out[2] = rows.line({ "  beginning ..." }, width, look)
  end
  if model.over then join(out, ended_rows(model, width, look)) end
  local room = height - #out - 1
  if room > 0 then
    out[#out + 1] = rows.rule("", width, look)
    join(out, note_rows(told and told.notes or {}, room, width, look))
  elseif #out > height then -- what happens now is what counts
    table.move(out, #out - height + 2, #out, 2)
  end
  return rows.fill(out, width, height)
end

return work
