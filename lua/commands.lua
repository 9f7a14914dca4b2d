-- SPDX-License-Identifier: MIT
-- The built-in commands as their own tables tell of them (lua/commands/README.md): which there are, in which
-- order, by which other words.
local suggest = lazy "facts.suggest"
local world = require "sandbox.world"

local commands = {}

local tables -- name → table, of every one

local function all()
  if not tables then
    tables = {}
    for _, name in ipairs(world.names("commands")) do
      tables[name] = world.builtin("commands." .. name)
    end
  end
  return tables
end

-- Names by the number in a field of theirs.
local function by(field)
  local names = {}
  for name, command in next, all() do -- order: free
    if command[field] then
      names[#names + 1] = name
    end
  end
  table.sort(names, function(a, b)
    return tables[a][field] < tables[b][field]
  end)
  return names
end

--- The table of a built-in command, whatever a user's one of that name is like. → table or nil
function commands.own(name)
  return world.builtin("commands." .. name)
end

--- The commands that are shown, in the order of the help. → array, whose `acts[name]` are those that rent or
-- end something
function commands.names()
  local names = by "order"
  names.acts = {}
  for _, name in ipairs(names) do
    names.acts[name] = tables[name].renting or tables[name].enduring
  end
  return names
end

--- The commands of the short help, in its order.
function commands.daily()
  return by "daily"
end

-- The command in whose list `field` a word stands, or nil.
local function whose(word, field)
  for name, command in next, all() do -- order: free
    for _, each in ipairs(command[field] or {}) do
      if each == word then return name end
    end
  end
  return nil
end

--- The command that a word of habit runs (`ps`: status), or nil.
function commands.alias(word)
  return whose(word, "aliases")
end

--- What to say of a word that is no command: words of habit first, then what is near.
function commands.hint(word)
  local meant = whose(word:lower(), "meant") or whose(word:lower(), "aliases")
  return meant and ("; did you mean %s?"):format(meant) or suggest.hint(word, commands.names())
end

return commands
