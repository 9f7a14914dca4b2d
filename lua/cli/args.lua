-- SPDX-License-Identifier: MIT
-- Reads the words of a command line by the tables of options. Pure: (words) → parsed, or nil and one sentence.
local clock = lazy "base.clock"
local calendar = lazy "facts.calendar"
local flags = require "facts.flags"
local suggest = lazy "facts.suggest"

local M = {}

--- Commands that are shown, in the order of the help.
M.commands = {
  "init", "up", "stop", "status", "offers", "models", "endpoint", "ping", "logs", "schedule", "ack", "config", "doctor", "repl", "help",
}

local SECRETS = { "key", "token", "secret", "password" }

local function unknown(word)
  local long = word:match("^(%-%-[^=]*)") or word
  for _, secret in ipairs(SECRETS) do
    if ("-" .. long:gsub("_", "-"):lower() .. "-"):find("-" .. secret .. "-", 1, true) then
      return long .. " is refused: a command line can be read by every user of this computer. Type continueplz init and paste the key at its "
        .. "prompt, or put it into the environment (VAST_API_KEY), or send it to init on standard input"
    end
  end
  return ("unknown option %s%s"):format(long, suggest.hint(long, flags.names()))
end

local checks = {}

function checks.duration(row, text)
  if text:lower() == "off" then
    return text
  end
  local seconds, why = clock.parse_duration(text)
  if not seconds then
    return nil, ("--%s: %s"):format(row.name, why)
  end
  return text
end

function checks.choice(row, text)
  for _, value in ipairs(row.values) do
    if value == text then
      return text
    end
  end
  return nil, ("--%s: '%s' is none of %s%s"):format(row.name, text, table.concat(row.values, ", "), suggest.hint(text,
    row.values))
end

function checks.number(row, text)
  local number = math.tointeger(tonumber(text))
  if not number or number < 1 then
    return nil, ("--%s: '%s' is not a whole number above 0"):format(row.name, text)
  end
  return number
end

function checks.text(row, text)
  if text == "" then
    return nil, ("--%s needs a value: --%s=%s"):format(row.name, row.name, row.value)
  end
  return text
end

checks.hours = checks.text

function checks.time(row, text)
  local seconds, why = calendar.parse_time(text)
  if not seconds then
    return nil, ("--%s: %s"):format(row.name, why)
  end
  return text
end

function checks.days(row, text)
  local set, why = calendar.parse_days(text)
  if not set then
    return nil, ("--%s: %s"):format(row.name, why)
  end
  return text
end

local function store(parsed, row, text, shown)
  local value = true
  local kind = text and row.also or row.kind
  if kind ~= "none" then
    local checked, why = checks[kind](row, text)
    if checked == nil then
      return nil, why
    end
    value = checked
  end
  if row.setting then
    local before = parsed.settings[row.setting]
    if before and before.flag ~= shown then
      return nil, ("%s and %s contradict each other"):format(before.flag, shown)
    end
    parsed.settings[row.setting] = { text = row.says or value, flag = shown }
  end
  parsed.options[row.name] = row.name == "verbose" and (parsed.options.verbose or 0) + 1 or value
  return true
end

-- One option at words[index]. → the index of its last word, or nil and a sentence.
local function long_option(parsed, words, index)
  local name, equals, text = words[index]:match("^%-%-([^=]+)(=?)(.*)$")
  local row = name and flags.long(name)
  if not row then
    return nil, unknown(words[index])
  end
  if row.kind == "none" then
    if equals == "=" and not row.also then
      return nil, ("--%s takes no value"):format(name)
    end
    text = equals == "=" and text or nil
  elseif equals == "" then
    index = index + 1
    text = words[index]
    if not text or text:match("^%-%-%a") then
      return nil, ("--%s needs a value: --%s=%s"):format(name, name, row.value)
    end
  end
  local ok, why = store(parsed, row, text, "--" .. name)
  return ok and index, why
end

local function short_options(parsed, words, index)
  local letters = words[index]:sub(2)
  while letters ~= "" do
    local letter = letters:sub(1, 1)
    local row = flags.short(letter)
    if not row then
      return nil, unknown("-" .. letter)
    end
    letters = letters:sub(2)
    local text
    if row.kind ~= "none" then
      text = letters ~= "" and letters or words[index + 1]
      index = letters ~= "" and index or index + 1
      letters = ""
      if not text then
        return nil, ("-%s needs a value: -%s %s"):format(letter, letter, row.value)
      end
    end
    local ok, why = store(parsed, row, text, "-" .. letter)
    if not ok then
      return nil, why
    end
  end
  return index
end

--- Splits a command line. → { options = {name = value}, settings = {NAME = {text=, flag=}}, words = {…}, script = path|nil }, or
-- nil and a sentence.
-- A first word that ends in .lua names a script: every word after it belongs to the script.
function M.parse(words)
  local parsed = { options = {}, settings = {}, words = {}, script = nil }
  local index, only_words = 1, false
  while words[index] do
    local word = words[index]
    if only_words or word == "-" or word:sub(1, 1) ~= "-" then
      if #parsed.words == 0 and word:match("%.lua$") then
        parsed.script = word
        parsed.words = { table.unpack(words, index + 1) }
        return parsed
      end
      parsed.words[#parsed.words + 1] = word
    elseif word == "--" then
      only_words = true
    else
      local read = word:sub(1, 2) == "--" and long_option or short_options
      local last, why = read(parsed, words, index)
      if not last then
        return nil, why
      end
      index = last
    end
    index = index + 1
  end
  return parsed
end

-- Options that imply a command when none is named.
local implied = { { "stop", "stop" }, { "help", "help" }, { "all", "help" }, { "shell", "endpoint" }, { "for", "endpoint" } }

--- The command that is meant. → name, or nil when nothing was asked; words that are left are the command's arguments.
function M.command(parsed)
  local name = parsed.words[1]
  if name then
    return name, { table.unpack(parsed.words, 2) }
  end
  for _, pair in ipairs(implied) do
    if parsed.options[pair[1]] then
      return pair[2], {}
    end
  end
  for _, row in ipairs(flags.list) do
    if parsed.options[row.name] and not row.global then
      return "up", {}
    end
  end
  return nil, {}
end

--- Does a command take these options? → true, or nil and a sentence.
function M.allowed(command, parsed)
  local takes = {}
  for _, name in ipairs(command.options or {}) do
    takes[name] = true
  end
  for _, row in ipairs(flags.list) do
    local value = parsed.options[row.name]
    if value and not row.global and not takes[row.name] and not takes[row.name .. "="] then
      return nil, ("%s does not take --%s; see continueplz help %s"):format(command.name, row.name, command.name)
    end
    if value and row.also and takes[row.name .. "="] ~= (value ~= true or nil) then
      return nil, (value == true and "%s needs a time, as in --%s=17:00" or "%s takes no value in --%s"):format(command.name, row.name)
    end
  end
  return true
end

return M
