-- SPDX-License-Identifier: MIT
-- Any command of the program from within the full screen: it gets the terminal, as at a shell's prompt, and
-- gives it back.
local fail = require "base.fail"
local process = lazy "base.process"
local prompt = require "tui.prompt"
local term = require "base.term"
local world = require "sandbox.world"

local command = {}

local history = {}

-- Words of a line as a shell would have them: blanks part, quotes of both kinds keep together.
local function words_of(line)
  local words, word, quote = {}, nil, nil
  for character in line:gmatch(utf8.charpattern) do
    if quote then
      if character == quote then quote = nil else word = word .. character end
    elseif character == '"' or character == "'" then
      quote, word = character, word or ""
    elseif character:find "%s" then
      if word then words[#words + 1], word = word, nil end
    else
      word = (word or "") .. character
    end
  end
  if quote then return nil, "a quote is not closed" end
  words[#words + 1] = word
  return words
end
command.words_of = words_of

--- The words that begin a command line of this program for this home.
function command.argv(...)
  local argv = world.self_argv()
  for _, word in ipairs { ... } do argv[#argv + 1] = word end
  return argv
end

-- Runs words with the terminal, which is given back after Enter.
local function foreground(words)
  term.out("$ continueplz " .. table.concat(words, " ") .. "\n")
  local child = process.spawn { argv = command.argv(table.unpack(words)), stdin = "inherit",
    stdout = "inherit", stderr = "inherit" }
  local exit = child:wait()
  child:close()
  term.ask(("\n%sPress Enter."):format(exit.status == 0 and "" or ("Ended with %s. "):format(exit.status
    or exit.signal)))
end

--- Runs words of a command line with the terminal.
function command.run(app, words)
  if #words == 0 then return end
  local ok, problem = fail.try(app.lend, app, foreground, words)
  if not ok then app:say(fail.message(problem), "red bold") end
end

-- What completes a line: its first word, as far as it is certain.
local function completer(names)
  return function(line)
    if line:find "%s" then return nil end
    local common
    for _, name in ipairs(names) do
      if name:sub(1, #line) == line then
        local known = common or name .. " "
        while (name .. " "):sub(1, #known) ~= known do known = known:sub(1, -2) end
        common = known
      end
    end
    return common
  end
end
command.completer = completer

--- Asks for a command at the bottom, with a text to begin with, and runs it.
function command.ask_for(app, text)
  app:ask(prompt.new { sign = ":", text = text, history = history,
    complete = completer(app.ctx.commands.names()), done = function(line)
    local words, why = words_of(line)
    if not words then return app:say(why, "red bold") end
    if line:find "%S" then history[#history + 1] = line end
    command.run(app, words)
  end })
end

--- Asks for a command at the bottom and runs it.
function command.ask(app) command.ask_for(app, "") end

return command
