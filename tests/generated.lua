-- SPDX-License-Identifier: MIT
-- Files of this tree that are made from the program's own tables: `make generated` writes them,
-- tests/lua/test_docs.lua compares.
local shown = require "config.shown"

local M = {}

local HEAD = [[
# continueplz configuration (made from the settings by make generated)
# Copy this file to .env in the folder that continueplz works in (~/.continueplz, or the one named with -C),
# put in your key, and keep it to yourself:   chmod 600 .env
#
# A line is NAME=value; what follows " #" is a comment. A setting that is left empty keeps what is said here.
# The same names work in the environment, and most have a flag (continueplz help --all). Authority: built-in,
# init.lua, .env, environment, flags; the last one wins.
]]

local COLUMN = 28

--- `.example.env`: every setting with its default and what it does. → text
function M.example_env()
  local lines = { HEAD:sub(1, -2) }
  for _, row in ipairs(require "config.settings") do
    if row.section then
      lines[#lines + 1] = ("\n# --- %s ---"):format(row.section)
    else
      local said = row.name .. "=" .. shown.text(row, row.default)
      lines[#lines + 1] = ("%-" .. COLUMN .. "s # %s"):format(said, row.doc)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local CLI = [=[
# The command line

(Made from the tables in `lua/commands/` by `make generated`; a test compares.)

`continueplz help COMMAND` tells a command's options, `continueplz help --all` everything. Exit codes are in
the README, and every command says in its last line, or in `money_running`, whether money is running.

| command | also | what it does |
|---|---|---|
@COMMANDS@

## Answers in JSON

With `--output=json` a command prints one object (the repl: one for each line). Every answer has `status` and
`money_running` (`true`, `false`, or `null`: not known); one that failed has `status` "failed" and `error`.
Any other field may be missing, which is how nothing is said. `{…}` is an object, `[…]` an array, `*` stands
for names of any kind, `?` for a value that may be null, `=NAME` for all that NAME answers.

@ANSWERS@

## Completion

`make install` brings completion for bash, zsh and fish along, and the man page (`help --manual`). Without it:

    source <(continueplz help --completion=bash)                                # in ~/.bashrc
    continueplz help --completion=zsh >~/.zsh/_continueplz                      # a folder of $fpath
    continueplz help --completion=fish >~/.config/fish/completions/continueplz.fish

It knows commands, what they may be called, their options, and the values that are known by name: clouds,
cards, models, regions, settings, clients.

## A command's table

`lua/commands/NAME.lua` (or `commands/NAME.lua` in the home, for one of your own) returns a table:

| field | meaning |
|---|---|
| `name` `summary` `details` | `details` may say `{limit}`: the number of the exit code of that name |
| `options` `args` `words` | names of options (`stop=`: with a value), the words it takes as shown, how many |
| `names` | what NAME in `args` stands for: `settings` or `model` |
| `run(ctx)` | does it; returns 0 or the name of an exit code ("nothing") |
| `answer` | the shape of its JSON answer; tests compare what it really answers |
| `order` `daily` `hidden` | its place in the help, in the short help; not shown at all |
| `aliases` `meant` | words that do the same; words that are only answered with its name |
| `enduring` | must run whatever the user's scripts are like (stop, agent): a broken one gives way to the built-in |
| `renting` | rents: a broken one of the user's is refused; never guessed from a few letters |
| `tolerant` `inspects` `offline` | goes on when settings are wrong; leaves no trace; needs no settings at all |
| `writes` `logged` | makes the folder; its end is in the log |
| `data` `quiet` `discreet` | what it prints is data, so money is told on stderr; not told; only where there is some |

`order`, `daily`, `aliases`, `meant`, `enduring` and `renting` count only for what is built in.
]=]

-- The cell of a table.
local function cell(text)
  return (text:gsub("|", "\\|"))
end

--- `docs/cli.md`: the commands, their answers, completion. → text
function M.cli()
  local commands = require "commands"
  local rows, answers = {}, {}
  for index, name in ipairs(commands.names()) do
    local command = commands.own(name)
    local said = "`" .. name .. (command.args and " " .. command.args or "") .. "`"
    local also = table.concat(command.aliases or {}, " ")
    rows[index] = ("| %s | %s | %s |"):format(cell(said), also, cell(command.summary))
    local shape = command.answer:gsub("^%s+", ""):gsub("%s+$", "")
    answers[index] = ("%s\n\n    %s\n"):format("**" .. name .. "**", shape)
  end
  local parts = { COMMANDS = table.concat(rows, "\n"), ANSWERS = table.concat(answers, "\n"):gsub("\n$", "") }
  return (CLI:gsub("@(%u+)@", parts))
end

--- path from the root → what makes its text
M.files = { [".example.env"] = M.example_env, ["docs/cli.md"] = M.cli }

--- The same, written. Called by `make generated`.
function M.write(root)
  local files = require "base.files"
  for path, make in require "base.sorted"(M.files) do
    assert(files.write(files.join(root, path), make(), 420))
  end
end

return M
