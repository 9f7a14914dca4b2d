-- SPDX-License-Identifier: MIT
-- What a key does: in the line that is typed, on the screen on top, and on every screen.
local clock = require "base.clock"
local prompt = require "tui.prompt"
local terminal = require "tui.terminal"

local keys = {}

local READING_SECONDS = 0.3 -- after which a question that is shown can have been read

local function filter(app, screen)
  if screen.filter == nil then return app:say "there is nothing to filter here" end
  local before = screen.filter
  app:ask(prompt.new { sign = "/", text = before,
    typed = function(text) screen.filter = text end,
    given_up = function() screen.filter = "" end })
end

local function copy(app, screen)
  local text, what
  if screen.copy then text, what = screen:copy() end
  if not text then return app:say "there is nothing to copy here" end
  local ok, why = terminal.copy(text)
  app:say(ok and "copied: " .. (what or text) or why)
end

-- Escape clears what was filtered, then leaves.
local function escape(app, screen)
  if screen.filter and screen.filter ~= "" then
    screen.filter = ""
  elseif #app.stack > 1 then
    app:pop()
  end
end

--- The keys that every screen has: name → { words=, act = function(app, screen) }
keys.common = {
  { key = "?", words = "all keys", act = function(app) app:push(require("tui.help").new(app:top())) end },
  { key = "/", words = "filter", act = filter },
  { key = "y", words = "copy", act = copy },
  { key = ":", words = "any command", act = function(app) require("tui.command").ask(app) end },
  { key = "ctrl-l", words = "draw anew", act = function(app) app:redraw() end },
  { key = "escape", words = "clear the filter, then back", act = escape },
  { key = "q", words = "back, or leave", act = function(app) app:pop() end },
}

local function name_of(key) return key.name or key.text end

local ALSO = { space = " " }

local function perform(list, name, app, screen)
  for _, each in ipairs(list) do
    if each.key == name or ALSO[each.key] == name then
      if each.off then
        app:say(each.off)
      else
        each.act(app, screen)
      end
      return true
    end
  end
  return false
end

local function mouse(app, screen, key)
  if not app.mouse then return end
  if key.mouse:find "^wheel" then
    if screen.wheel then screen:wheel(key.mouse == "wheel-up" and -3 or 3) end
  elseif key.mouse == "press" and key.button == 1 and screen.click then
    for _, zone in ipairs(app.zones or {}) do
      if zone.y == key.y and key.x >= zone.x and key.x <= zone.to then return screen:click(zone.what) end
    end
  end
end

-- What was typed before a question could be read answers none.
local function too_soon(line)
  return line.options.letters and (not line.asked or clock.now() < line.asked + READING_SECONDS)
end

local function to_prompt(app, key)
  local line = app.prompt
  if key.mouse or too_soon(line) then return end
  local outcome = line:press(key)
  if not outcome then return end
  app.prompt = nil
  if outcome == "done" then
    if line.options.done then line.options.done(line:text()) end
  elseif line.options.given_up then
    line.options.given_up()
  end
end

local function one(app, key)
  if app.prompt then return to_prompt(app, key) end
  local screen = app:top()
  if not screen then return end
  app.message = nil
  if key.mouse then return mouse(app, screen, key) end
  if screen.key and screen:key(key) then return end
  local name = name_of(key)
  if perform(screen:keys(), name, app, screen) or perform(keys.common, name, app, screen) then return end
  if name == "ctrl-c" then app:pop() end
end

--- Works on a key of base.keyboard. What was typed at once outside of a line is so many keys; a paste there
-- is none: nobody pastes a yes.
function keys.press(app, key)
  if not key.text or app.prompt and not app.prompt.options.letters then return one(app, key) end
  if key.pasted then return app:say "what is pasted is no key; press : for a command" end
  for _, code in utf8.codes(key.text) do one(app, { text = utf8.char(code) }) end
end

return keys
