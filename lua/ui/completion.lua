-- SPDX-License-Identifier: MIT
-- Completion for shells, made from the tables of commands and options. Pure: → lines.
local flags = require "facts.flags"

local completion = {}

-- `@COMMANDS@` and its like are filled in. What is typed is read anew from the line, since bash takes words
-- apart at = and : and gives what stands behind them alone; what it took off already is taken off the
-- answers. A word that is complete brings its blank along. In zsh it runs in the manner of sh.
local TEXT = [==[
# completion of continueplz for @SHELL@, made by: continueplz help --completion=@SHELL@
_continueplz_values() { # OPTION
    case $1 in
@VALUES@
    esac
}
_continueplz_words() { # COMMAND
    case $1 in
@WORDS@
    esac
}
_continueplz_options() { # COMMAND
    echo "@GLOBAL@"
    case $1 in
@OPTIONS@
    esac
}
_continueplz_answer() { # LIST FULL DONE
    local each
    for each in $1; do
        case $each in
        "$2"*=) COMPREPLY+=("${each#"$3"}") ;;
        "$2"*) COMPREPLY+=("${each#"$3"} ") ;;
        esac
    done
}
_continueplz() {
    local line cur full before word command option end each
    COMPREPLY=() command= option= before= end=
    line=${COMP_LINE:0:$COMP_POINT}
    cur=${COMP_WORDS[COMP_CWORD]}
    case $cur in [=:]) cur= ;; esac
    full=${line##*[[:space:]]}
    line=${line%"$full"}
    for word in ${line#*[[:space:]]}; do
        if [ -n "$option" ]; then
            option=
        else
            case $word in
            --) end=1 ;;
            @VALUED@) option=$word ;;
            -*) ;;
            *.lua) return ;;
            *) command=${command:-$word} ;;
            esac
        fi
    done
    if [ -n "$end" ]; then
        return
    elif [ -n "$option" ]; then
        case $option in @FOLDERS@) COMPREPLY=($(compgen -d -- "$cur")) ;; esac
        _continueplz_answer "$(_continueplz_values "$option")" "$full" "${full%"$cur"}"
    else
        case $full in
        --*=*)
            for each in $(_continueplz_values "${full%%=*}"); do before="$before ${full%%=*}=$each"; done
            _continueplz_answer "$before" "$full" "${full%"$cur"}"
            ;;
        -*)
            _continueplz_answer "$(_continueplz_options "$command")" "$full" "${full%"$cur"}"
            ;;
        *)
            _continueplz_answer "$(_continueplz_words "$command")" "$full" "${full%"$cur"}"
            [ -z "$command" ] || return
            _continueplz_answer "$(compgen -f -X '!*.lua' -- "$cur")" "$full" "${full%"$cur"}"
            ;;
        esac
    fi
}
complete -o nospace -F _continueplz continueplz
@TAIL@]==]

local HEAD = { bash = "", zsh = "#compdef continueplz\nautoload -Uz bashcompinit && bashcompinit\n" }
-- zsh reads the file as the body of a function at the first press of Tab, which is answered as well.
local TAIL = {
  bash = "",
  zsh = '[ "${funcstack[1]}" != _continueplz ] || _bash_complete -o nospace -F _continueplz\n',
}

local function spelled(row, valued)
  return "--" .. row.name .. (valued and "=" or "")
end

-- A line of a shell's `case`, where there is something to say.
local function case(lines, words, list)
  if #list > 0 then
    lines[#lines + 1] = ("    %s) echo \"%s\" ;;"):format(words, table.concat(list, " "))
  end
end

-- The values that an option may have. known: { provider = {…}, … } by the option's name
local function values(known)
  local lines = {}
  for _, row in ipairs(flags.list) do
    case(lines, spelled(row) .. (row.short and "|-" .. row.short or ""), row.values or known[row.name] or {})
  end
  return table.concat(lines, "\n")
end

local function everywhere()
  local list = {}
  for _, row in ipairs(flags.list) do
    list[#list + 1] = row.global and spelled(row, row.kind ~= "none") or nil
  end
  return table.concat(list, " ")
end

-- Options that a command takes; "stop=" is one with a value where it usually has none.
local function taken(command)
  local list = {}
  for index, name in ipairs(command.options or {}) do
    local row = flags.long((name:gsub("=$", "")))
    list[index] = row and spelled(row, row.kind ~= "none" or name:find("=$"))
  end
  return list
end

-- The words that a command takes: those written small in its `args`, and the names that those in capitals
-- stand for.
local function words_of(command, known)
  local list, seen = {}, {}
  for word in (command.args or ""):gmatch("%a+") do
    local stands_for = word == "NAME" and known[command.names] or known[word] or {}
    for _, each in ipairs(word:find("^%l+$") and { word } or stands_for) do
      list[#list + 1] = not seen[each] and each or nil
      seen[each] = true
    end
  end
  return list
end

-- What may stand where no command does: the options of one, and those that mean another.
local function bare_options(command)
  local list = taken(command)
  for _, row in ipairs(flags.list) do
    list[#list + 1] = row.implies and not row.global and spelled(row, row.kind ~= "none") or nil
  end
  return list
end

-- Words behind which the next one is the value.
local function valued()
  local list = {}
  for _, row in ipairs(flags.list) do
    if row.kind ~= "none" then
      list[#list + 1] = spelled(row) .. (row.short and "|-" .. row.short or "")
    end
  end
  return table.concat(list, "|")
end

local function folders()
  local row = flags.long "directory"
  return spelled(row) .. "|-" .. row.short
end

--- The script for a shell. commands: tables, in the order of the help; known: the names that values and words
-- can have, by option (`provider`), placeholder (`COMMAND`) and kind of name (`settings`); bare: the command
-- whose options are offered without one. → lines
function completion.lines(shell, commands, known, bare)
  if shell == "fish" then
    return require("ui.fish").lines(commands, function(command) return words_of(command, known) end, known,
      bare)
  end
  local words, options, names = {}, {}, {}
  for _, command in ipairs(commands) do
    local called = table.concat({ command.name, table.unpack(command.aliases or {}) }, "|")
    names[#names + 1] = command.name
    case(words, called, words_of(command, known))
    case(options, called, taken(command))
    case(options, "''", command.name == bare and bare_options(command) or {})
  end
  case(words, "''", names)
  local parts = {
    SHELL = shell, VALUES = values(known),
    WORDS = table.concat(words, "\n"), OPTIONS = table.concat(options, "\n"),
    GLOBAL = everywhere(), VALUED = valued(), FOLDERS = folders(), TAIL = TAIL[shell],
  }
  local lines = {}
  for line in (HEAD[shell] .. TEXT:gsub("@(%u+)@", parts)):gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

return completion
