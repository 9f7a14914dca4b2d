-- SPDX-License-Identifier: MIT
-- Reads the words of a command line by the tables of options. Pure: (words)
-- → parsed, or nil and one sentence.
local checks = lazy "cli.checks"
local flags = require "facts.flags"

local args = {}

local function store(parsed, row, text, shown)
  local value = true
  local kind = text and row.also or row.kind
  if text == "" and kind == row.kind then
    return nil, ("--%s needs a value: --%s=%s"):format(row.name, row.name, row.value)
  elseif kind == "text" or kind == "hours" then
    value = text
  elseif kind ~= "none" then
    local checked, why = checks[kind](row, text)
    if checked == nil then return nil, why end
    value = checked
  end
  local earlier = parsed.options[row.name]
  if earlier ~= nil and earlier ~= value and row.name ~= "verbose" then
    return nil, ("%s is given twice, %s and %s; say it once"):format(shown,
      row.kind == "none" and "without a value" or "as " .. tostring(earlier), tostring(value))
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
-- The word behind an option as its value; one that looks like an option is none.
-- → text, or nil and a sentence
local function value_of(text, shown, example)
  if not text or text == "" then
    return nil, ("%s needs a value: %s"):format(shown, example)
  elseif text:find("^%-.") then
    return nil, ("%s needs a value: %s; '%s' looks like another option"):format(shown, example, text)
  end
  return text
end

local function long_option(parsed, words, index)
  local name, equals, text = words[index]:match("^%-%-([^=]+)(=?)(.*)$")
  local row = name and flags.long(name)
  if not row then return nil, checks.unknown(words[index]) end
  if row.kind == "none" then
    if equals == "=" and not row.also then
      return nil, ("--%s takes no value"):format(name)
    end
    text = equals == "=" and text or nil
  elseif equals == "" then
    index = index + 1
    local why
    text, why = value_of(words[index], "--" .. name, ("--%s=%s"):format(name, row.value))
    if not text then return nil, why end
  end
  local ok, why = store(parsed, row, text, "--" .. name)
  return ok and index, why
end

local function short_options(parsed, words, index)
  local letters = words[index]:sub(2)
  while letters ~= "" do
    local letter = letters:sub(1, 1)
    local row = flags.short(letter)
    if not row then return nil, checks.unknown("-" .. letter) end
    letters = letters:sub(2)
    local text
    if row.kind ~= "none" then
      local why
      text = letters
      if letters == "" then
        index = index + 1
        text, why = value_of(words[index], "-" .. letter, ("-%s %s"):format(letter, row.value))
        if not text then return nil, why end
      end
      letters = ""
    end
    local ok, why = store(parsed, row, text, "-" .. letter)
    if not ok then return nil, why end
  end
  return index
end

--- Splits a command line. → { options = {name = value}, settings = {NAME = {text=, flag=}}, words = {…},
-- script = path|nil }, or nil and a sentence.
-- A first word that ends in .lua names a script: every word after it belongs to the script.
function args.parse(words)
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
      if not last then return nil, why end
      index = last
    end
    index = index + 1
  end
  return parsed
end

--- The command that is meant. → name, or nil when nothing was asked;
-- words that are left are the command's arguments.
function args.command(parsed)
  local name = parsed.words[1]
  if name then return name, { table.unpack(parsed.words, 2) } end
  local bare
  for _, row in ipairs(flags.list) do
    if parsed.options[row.name] and row.implies then return row.implies, {} end
    bare = bare or parsed.options[row.name] and not row.global and "up" or nil
  end
  return bare, {}
end

--- Does a command take these options? → true, or nil and a sentence.
function args.allowed(command, parsed)
  local takes = {}
  for _, name in ipairs(command.options or {}) do
    takes[name] = true
  end
  for _, row in ipairs(flags.list) do
    local value = parsed.options[row.name]
    if value and not row.global and not takes[row.name] and not takes[row.name .. "="] then
      return nil,
        ("%s does not take --%s; see continueplz help %s"):format(command.name, row.name, command.name)
    end
    if value and row.against and parsed.options[row.against] then
      return nil, ("--%s and --%s contradict each other; say one of them"):format(row.name, row.against)
    end
    if value and row.also and takes[row.name .. "="] ~= (value ~= true or nil) then
      return nil, (value == true and "%s needs a time, as in --%s=17:00"
        or "%s takes no value in --%s"):format(command.name, row.name)
    end
  end
  if parsed.options.json and parsed.options.output == "text" then
    return nil, "--json and --output=text contradict each other; say one of them"
  end
  local most = command.args and (command.words or #parsed.words) or 0
  if #parsed.words > most then
    return nil,
      ("%s takes no '%s'; see continueplz help %s"):format(command.name, parsed.words[most + 1], command.name)
  end
  return true
end

return args
