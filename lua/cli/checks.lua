-- SPDX-License-Identifier: MIT
-- The values of options, by kind: check(row, text) → value, or nil and one sentence.
local clock = lazy "base.clock"
local calendar = lazy "facts.calendar"
local flags = require "facts.flags"
local suggest = lazy "facts.suggest"

local SECRETS = { "key", "token", "secret", "password" }

local checks = {}

function checks.duration(row, text)
  if text:lower() == "off" then return text end
  local seconds, why = clock.parse_duration(text)
  if not seconds then return nil, ("--%s: %s"):format(row.name, why) end
  return text
end

function checks.choice(row, text)
  for _, value in ipairs(row.values) do
    if value == text then return text end
  end
  return nil, ("--%s: '%s' is none of %s%s"):format(row.name, text, table.concat(row.values, ", "),
    suggest.hint(text, row.values))
end

function checks.number(row, text)
  local number = text:find("^%d+$") and math.tointeger(tonumber(text))
  if not number or number < 1 or number > row.most then
    return nil, ("--%s: '%s' is not a whole number from 1 to %d"):format(row.name, text, row.most)
  end
  return number
end

function checks.dollars(row, text)
  local number = (text:find("^%d+$") or text:find("^%d+%.%d+$")) and #text < 20 and tonumber(text)
  if not number or number <= 0 or number > row.most then
    return nil, ("--%s: '%s' is no sum in dollars up to %d, like 2.93"):format(row.name, text, row.most)
  end
  return number
end

function checks.time(row, text)
  local seconds, why = calendar.parse_time(text)
  if not seconds then return nil, ("--%s: %s"):format(row.name, why) end
  return text
end

function checks.days(row, text)
  local set, why = calendar.parse_days(text)
  if not set then return nil, ("--%s: %s"):format(row.name, why) end
  return text
end

--- What to say of an option that nobody knows.
function checks.unknown(word)
  local long = word:match("^(%-%-[^=]*)") or word
  for _, secret in ipairs(SECRETS) do
    if ("-" .. long:gsub("_", "-"):lower() .. "-"):find("-" .. secret .. "-", 1, true) then
      return long .. " is refused: a command line can be read by every user of this computer. Type "
        .. "continueplz init and paste the key at its " .. ("prompt, or put it into the environment (%s), or "
          .. "send it to init on standard input"):format(require("facts.clouds").supported()[1].key_setting)
    end
  end
  return ("unknown option %s%s"):format(long, suggest.hint(long, flags.names()))
end

return checks
