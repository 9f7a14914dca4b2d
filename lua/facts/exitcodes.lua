-- SPDX-License-Identifier: MIT
-- The exit codes, one table: the command line uses it, `help --all` prints it, the README shows it.
local exitcodes = {}

exitcodes.list = {
  { code = 0, name = "ok",
    meaning = "done; for stop: billing is proven ended, or the cloud cannot prove it and lists no machine" },
  { code = 1, name = "failed", meaning = "it did not work, or stop could not prove that billing ended" },
  { code = 2, name = "usage", meaning = "the command line is wrong: unknown command, flag, model or value" },
  { code = 3, name = "config", meaning = "a setting or key is missing, wrong or readable by others" },
  { code = 4, name = "capacity", meaning = "no offer fits, none can be had, or the credit is not enough" },
  { code = 5, name = "cloud", meaning = "a cloud or the model registry could not be reached, or refused" },
  { code = 6, name = "busy",
    meaning = "a machine of this folder is already running, or another command is at work" },
  { code = 7, name = "nothing", meaning = "nothing is running" },
  { code = 8, name = "limit", meaning = "a limit or a question stands in the way and nobody could be asked" },
  { code = 70, name = "internal", meaning = "a mistake in continueplz or in a script of yours" },
  { code = 130, name = "interrupted",
    meaning = "stopped by Ctrl-C or a signal, after undoing what was started" },
}

local by_name = {}
for _, row in ipairs(exitcodes.list) do
  by_name[row.name] = row.code
end

-- What a failure's kind means as an exit code.
local by_kind = {
  usage = "usage", config = "config", auth = "config", funds = "capacity", capacity = "capacity",
  quota = "capacity", rate = "cloud", transient = "cloud", refused = "cloud", broken = "cloud", busy = "busy",
  nothing = "nothing", limit = "limit", interrupted = "interrupted", unproven = "failed", machine = "failed",
  internal = "internal",
}

--- The code of a row by its name ("capacity" → 4). Raises on an unknown name.
function exitcodes.code(name)
  return by_name[name] or error("no exit code named " .. tostring(name), 2)
end

--- What a command or a script returned: a number from 0 to 255, or a name of the table. → number or nil
function exitcodes.number(value)
  if math.type(value) == "integer" and value >= 0 and value <= 255 then
    return value
  end
  return by_name[value]
end

--- The code for a failure: by its `exit` (a name of the table), else by its kind;
-- an unknown kind is our own mistake (70).
function exitcodes.of(failure)
  return by_name[failure.exit or by_kind[failure.kind] or "internal"]
end

return exitcodes
