-- SPDX-License-Identifier: MIT
-- Completion as a shell does it: the script is sourced by a real one, and its function is called as at a
-- press of Tab.
local commands = require "commands"
local files = require "base.files"
local flags = require "facts.flags"
local process = require "base.process"
local sorted = require "base.sorted"

-- What the shell itself takes apart: COMP_WORDS as readline makes them.
local ASK = [[
line=$1; shift
COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_continueplz
printf '%s\n' "${COMPREPLY[@]% }"
]]

return function(t)
  local dir

  local function output(argv)
    local path = files.join(dir, "out")
    files.remove(path)
    files.remove(path .. ".err")
    local child = process.spawn {
      argv = argv, stdin = "null", stdout = "file:" .. path, stderr = "file:" .. path .. ".err", cwd = dir,
    }
    local code = child:wait().status
    return files.read(path), code, files.read(path .. ".err")
  end

  local function script_for(shell)
    dir = t:directory()
    local path = files.join(dir, "completion." .. shell)
    local text, code, err = output { process.exe, "-C", dir, "--no-user", "help", "--completion=" .. shell }
    t:equal({ code, err }, { 0, "" })
    assert(files.write(path, text, 420))
    return path
  end

  -- The words of a line as readline takes them apart, at blanks, = and :.
  local function split(line)
    local words = {}
    for word in line:gsub("([=:]+)", " %1 "):gmatch("%S+") do
      words[#words + 1] = word
    end
    if line:find("%s$") then
      words[#words + 1] = ""
    end
    return words
  end

  local function answers(path, line)
    local ask = "source " .. path .. "\n" .. ASK
    local text, code, err = output { "bash", "-c", ask, "bash", line, table.unpack(split(line)) }
    t:equal({ code, err }, { 0, "" }, line)
    return (text:gsub("%s+$", ""):gsub("\n", " "))
  end

  t:case("bash: commands, words, options and values by what stands before", function()
    local path = script_for "bash"
    assert(files.write(files.join(dir, "day.lua"), "", 420))
    assert(files.mkdir(files.join(dir, "folder")))
    for line, wanted in sorted {
      ["continueplz st"] = "stop status",
      ["continueplz d"] = "doctor day.lua",
      ["continueplz --che"] = "--cheapest",
      ["continueplz --st"] = "--stop",
      ["continueplz up --ke"] = "--keep-on-failure",
      ["continueplz start --ke"] = "--keep-on-failure",
      ["continueplz status --ke"] = "",
      ["continueplz status --outp"] = "--output=",
      ["continueplz status --output="] = "text json plain",
      ["continueplz status --output=j"] = "json",
      ["continueplz --output js"] = "json",
      ["continueplz --tier "] = "small medium large",
      ["continueplz --model=qwen3-coder:3"] = "30b",
      ["continueplz --model qwen3-coder:"] = "30b 480b",
      ["continueplz logs "] = "tool engine guard",
      ["continueplz -y logs e"] = "engine",
      ["continueplz -C folder schedule "] = "add list remove",
      ["continueplz -C f"] = "folder",
      ["continueplz config set MAX_P"] = "MAX_PRICE",
      ["continueplz models info qwen3-coder:4"] = "480b",
      ["continueplz repl v"] = "vast",
      ["continueplz help sch"] = "schedule",
      ["continueplz endpoint --for="] = "continue opencode codex claude aider zed pi",
      ["continueplz day.lua --st"] = "",
      ["continueplz stop -- --a"] = "",
      ["continueplz --gpu=rtx40"] = "rtx4090-48 rtx4090",
      ["continueplz schedule --sto"] = "--stop=",
      ["continueplz stop --sto"] = "--stop",
      ["continueplz nonsense "] = "",
    } do
      t:equal(answers(path, line), wanted, line)
    end
  end)

  t:case("every command with its options is completed, by every name of it", function()
    local path = script_for "bash"
    t:equal(answers(path, "continueplz "):gsub(" day%.lua$", ""), table.concat(commands.names(), " "))
    for _, name in ipairs(commands.names()) do
      for _, called in ipairs { name, table.unpack(commands.own(name).aliases or {}) } do
        local offered = " " .. answers(path, "continueplz " .. called .. " --") .. " "
        for _, option in ipairs(commands.own(name).options) do
          local row = flags.long((option:gsub("=$", "")))
          local wanted = " --" .. option .. (row.kind ~= "none" and "= " or " ")
          t:ok(offered:find(wanted, 1, true), called .. " takes" .. wanted)
        end
      end
    end
  end)

  t:case("fish: commands with what they do, words, options and values", function()
    local path = script_for "fish"
    local text = assert(files.read(path))
    for _, name in ipairs(commands.names()) do
      t:ok(text:find("-a " .. name .. " -d '", 1, true), name .. " is not offered")
      for _, option in ipairs(commands.own(name).options) do
        local wanted = "__continueplz_is [^']*%f[%w]" .. name .. "%f[^%w-][^']*' %-l "
          .. option:gsub("=$", ""):gsub("%-", "%%-") .. " "
        t:ok(text:find(wanted), name .. " takes --" .. option)
      end
    end
    local where, code = output { "sh", "-c", "command -v fish" }
    if code ~= 0 or where == "" then t:skip "there is no fish" end
    for line, wanted in sorted {
      ["continueplz stat"] = "status", ["continueplz status --output=j"] = "--output=json",
      ["continueplz -C folder schedule "] = "add list remove", ["continueplz --tier "] = "large medium small",
      ["continueplz -n 3 logs --trace-no"] = "", ["continueplz schedule add --sto"] = "--stop",
    } do
      local said, status, err = output { "fish", "--no-config", "-c",
        ("source %s; complete -C '%s'"):format(path, line) }
      t:equal({ said:gsub("\t[^\n]*", ""):gsub("%s+$", ""):gsub("\n", " "), status, err }, { wanted, 0,
        "" }, line)
    end
  end)

  t:case("the man page has every command, option, setting and exit code, and is sound roff", function()
    dir = t:directory()
    local text, code, err = output { process.exe, "-C", dir, "--no-user", "help", "--manual" }
    t:equal({ code, err }, { 0, "" })
    local page = text:gsub("\\%-", "-")
    for _, name in ipairs(commands.names()) do
      t:ok(page:find("\n.SS " .. name .. "%f[^%w]"), name .. " is missing")
    end
    for _, row in ipairs(flags.list) do
      t:ok(page:find("\\fB--" .. row.name .. "\\fR", 1, true), row.name .. " is missing")
    end
    for _, row in ipairs(require "config.settings") do
      t:ok(row.section or page:find("\\fB" .. row.name .. "\\fR", 1, true), tostring(row.name) .. " is "
          .. "missing")
    end
    for _, row in ipairs(require("facts.exitcodes").list) do
      t:ok(page:find("\\fB" .. row.code .. "\\fR\n", 1, true), "code " .. row.code)
    end
    assert(files.write(files.join(dir, "continueplz.1"), text, 420))
    local found = output { "sh", "-c", "command -v mandoc groff" }
    if found:find("mandoc", 1, true) then
      local said = output { "mandoc", "-T", "lint", "-W", "warning", "continueplz.1" }
      t:equal((said:gsub("[^\n]*missing date[^\n]*\n", "")), "")
    end
    if found:find("groff", 1, true) then
      local _, status, problems = output { "groff", "-ww", "-man", "-Tutf8", "-z", "continueplz.1" }
      t:equal({ status, problems }, { 0, "" })
    end
  end)

  t:case("zsh reads the same script", function()
    local path = script_for "zsh"
    t:equal(assert(files.read(path)):match("^[^\n]+"), "#compdef continueplz")
    local text, code = output { "sh", "-c", "command -v zsh" }
    if code ~= 0 or text == "" then
      t:skip "there is no zsh"
    end
    local ask = ("autoload -Uz compinit && compinit -u -d %s/dump; source %s; emulate sh; %s\n%s"):format(dir,
      path, "setopt kshglob noshglob braceexpand", ASK)
    for line, wanted in sorted {
      ["continueplz st"] = "stop status",
      ["continueplz status --output=j"] = "json",
      ["continueplz --tier "] = "small medium large",
      ["continueplz -C folder schedule "] = "add list remove",
    } do
      local said, status, err = output { "zsh", "-f", "-c", ask, "zsh", line, table.unpack(split(line)) }
      t:equal({ said:gsub("%s+$", ""):gsub("\n", " "), status, err }, { wanted, 0, "" }, line)
    end
  end)
end
