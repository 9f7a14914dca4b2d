-- SPDX-License-Identifier: MIT
-- The settings in force, by authority: built-in < init.lua < .env < environment < flags.
-- Every value knows where it came from.
local clean = lazy "base.clean"
local clock = lazy "base.clock"
local files = lazy "base.files"
local keys = lazy "base.keys"
local process = lazy "base.process"
local currencies = lazy "facts.currencies"
local world = require "sandbox.world"
local declared = lazy "config.declared"
local dotenv = lazy "config.dotenv"
local suggest = lazy "facts.suggest"
local settings = require "config.settings"
local readers = lazy "config.values"

local M = {}

M.settings = {}
local by_name, built_in = {}, {}

local function add(row)
  M.settings[#M.settings + 1] = row
  by_name[row.name] = row
  built_in[row.name] = row.default
end

for _, row in ipairs(settings) do
  if row.name then
    add(row)
  end
end

local BUILT_IN = { __index = built_in }
local values, origins, home_dir = setmetatable({}, BUILT_IN), {}, nil

local function hint(name, otherwise)
  local names = {}
  for index, row in ipairs(M.settings) do
    names[index] = row.name
  end
  return suggest.hint(name, names, otherwise)
end

-- Settings of the user's own providers join the list.
local function declare(problems)
  if #world.own("providers") == 0 then return end
  local rows_declared, wrong = declared.rows()
  table.move(wrong, 1, #wrong, #problems + 1, problems)
  for _, row in ipairs(rows_declared) do
    local before = by_name[row.name]
    if not before then
      add(row)
    elseif before.provider ~= row.provider then
      problems[#problems + 1] = { message = ("the provider %s declares %s, which is another one's setting")
        :format(row.provider, row.name) }
    end
  end
end

--- Reads the text of one setting. → value (false for `off` of a limit), or nil and a sentence without the
-- setting's name. The empty text is "not set".
function M.parse(name, text)
  local row = by_name[name] or error("no setting named " .. tostring(name), 2)
  if row.off and text:lower() == "off" then return false end
  return readers[row.type](row, text)
end

-- Takes one text if it is right; adds to the problems if not.
local function take(problems, name, text, where, usage)
  if text == "" then return end
  local value, why = M.parse(name, text)
  if value == nil then
    why = usage and why or clean.line(why, 1000) -- it quotes what stands there
    problems[#problems + 1] = { setting = name, usage = usage,
      message = where .. ": " .. (usage and "" or name .. ": ") .. why }
    return
  end
  values[name], origins[name] = value, where
end

-- The file must be ours alone. → text, nil when there is none, or nil and a sentence.
local function private_text(path)
  local info, why, code = files.stat(path)
  if not info then return nil, code ~= "missing" and why or nil end
  if info.kind ~= "file" then
    return nil, path .. " is not a regular file; continueplz reads its keys from nothing else"
  end
  if info.uid ~= process.uid() then
    return nil,
      path .. " belongs to another user (uid " .. tostring(info.uid) .. "); type: chown $(id -u) " .. path
  end
  local mode = type(info.mode) == "number" and info.mode & 511 or info.mode
  if mode & 63 ~= 0 then
    return nil, ("%s can be read by other users (mode %04o); type: chmod 600 %s"):format(path, mode, path)
  end
  local text, reason = files.read(path)
  if text and (text:find("^\255\254") or text:find("^\254\255") or text:find("\0", 1, true)) then
    return nil, path .. " is UTF-16 or no text at all; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 does it)"
  end
  if not text then
    return nil,
      reason .. (reason:find("symbolic", 1, true) and "; it must be the file itself, not a link to it" or "")
  end
  return text
end

-- A folder that others may write in is no place for keys and records. → nil, or a problem
local function check_home()
  local info = files.stat(home_dir)
  if info and info.kind ~= "dir" then
    return { message = home_dir .. " is not a folder; name one with -C DIR", file = true }
  end
  if info and type(info.mode) == "number" and info.mode & 2 ~= 0 then
    return { message = ("everybody can write in the folder %s (mode %04o); type: chmod 700 %s")
      :format(home_dir, info.mode & 4095, home_dir) }
  end
  return nil
end

--- The home's `.env` as it is. → path, text (nil: there is none), sentence when it cannot be used
function M.file()
  local path = files.join(home_dir, ".env")
  return path, private_text(path)
end

local function load_file(problems)
  problems[#problems + 1] = check_home()
  local path, text, why = M.file()
  if not text then
    if why then
      problems[#problems + 1] = { message = why, file = true }
    end
    return
  end
  local entries, wrong = dotenv.parse(text)
  for _, each in ipairs(wrong) do
    problems[#problems + 1] = { line = each.line,
      message = ("%s line %d: %s"):format(path, each.line, each.message) }
  end
  for _, entry in ipairs(entries) do
    local where = ("%s line %d"):format(path, entry.line)
    if by_name[entry.name] then
      take(problems, entry.name, entry.value, where)
    else
      problems[#problems + 1] = { unknown = true,
        message = where .. ": unknown setting " .. entry.name .. hint(entry.name) }
    end
    if problems[#problems] then
      problems[#problems].line = problems[#problems].line or entry.line
    end
  end
  table.sort(problems, function(a, b)
    return (a.line or 0) < (b.line or 0)
  end)
end

-- Is an address asked? Only when a key of whom it belongs to is set.
local function in_use(row)
  local when = row.used_when
  if when then return values[when.setting] ~= nil and values[when.setting][when.field] == true end
  for _, key in ipairs(row.used_with or {}) do
    if values[key] then return true end
  end
  return not row.used_with
end

-- Waits are divided only for simulators: when every address in use is on this computer.
local function check_scale()
  if (values.TIME_SCALE or 1) == 1 then return end
  for _, row in ipairs(M.settings) do
    local asked = row.type == "url" and not row.secret_url and in_use(row)
    if asked and not (values[row.name] and readers.loopback(values[row.name])) then
      values.TIME_SCALE = 1
    end
  end
end

-- A public key that is not that of the private one means that one of them was mistyped.
local function check_keys(problems)
  local public, private = values.WIREGUARD_PUBLIC_KEY, values.WIREGUARD_PRIVATE_KEY
  if not public or not private then return end
  local key, why = keys.load(private)
  if not key or key:public() ~= public then
    problems[#problems + 1] = { setting = "WIREGUARD_PUBLIC_KEY",
      message = (origins.WIREGUARD_PUBLIC_KEY or "") .. ": WIREGUARD_PUBLIC_KEY: "
      .. (key and "this is not the public half of WIREGUARD_PRIVATE_KEY" or why) }
  end
end

--- Loads the settings for a home. options: `flags` {NAME = {text=, flag=}}, `init` {NAME = text} from
-- init.lua. → array of problems {message=, setting=|nil, usage=|nil: a flag is wrong, file=|nil: .env cannot
-- be used}, empty when all is well. A wrong value leaves the next lower authority in force.
function M.load(home, options)
  options = options or {}
  home_dir = home
  values, origins = setmetatable({}, BUILT_IN), {}
  local problems, getenv = {}, process.getenv
  declare(problems)
  for _, row in ipairs(options.init and M.settings or {}) do
    local text = options.init[row.name]
    if text ~= nil then
      take(problems, row.name, tostring(text), "init.lua")
    end
  end
  load_file(problems)
  for _, row in ipairs(M.settings) do
    local text = getenv(row.name)
    if text then
      take(problems, row.name, text, "environment")
    end
  end
  for _, row in ipairs(options.flags and next(options.flags) and M.settings or {}) do
    local flag = options.flags[row.name]
    if flag then
      take(problems, row.name, flag.text, flag.flag, true)
    end
  end
  check_scale()
  check_keys(problems)
  return problems
end

--- The secrets that only this process's environment holds, as "NAME=value" lines: what a child needs and must
-- not find in its environment.
function M.lendable()
  local lines = {}
  for _, row in ipairs(M.settings) do
    if (row.secret or row.secret_url) and origins[row.name] == "environment" then
      lines[#lines + 1] = row.name .. "=" .. process.getenv(row.name) .. "\n"
    end
  end
  return table.concat(lines)
end

--- Takes what a parent lent. Names that are no secret setting are left alone.
function M.borrow(text)
  for name, value in text:gmatch("([%u_]+)=([^\n]*)\n") do
    local row = by_name[name]
    if row and (row.secret or row.secret_url) then
      take({}, name, value, "lent", "environment")
    end
  end
  check_scale()
end

--- Reads the keys in `.env` again, for a process that outlives them. What the environment holds stands above
-- the file, unless it is refused: the setting of that name. A file that cannot be used changes nothing. →
-- array of the names that changed
function M.renew(refused)
  local _, text = M.file()
  local changed = {}
  for _, entry in ipairs(text and dotenv.parse(text) or {}) do
    local row, from = by_name[entry.name], origins[entry.name]
    local secret = row and (row.secret or row.secret_url)
    if secret and entry.value ~= "" and (from ~= "environment" or entry.name == refused) then
      local value = M.parse(entry.name, entry.value)
      if value ~= nil and value ~= values[entry.name] then
        values[entry.name], origins[entry.name] = value,
          ("%s line %d"):format(files.join(home_dir, ".env"), entry.line)
        changed[#changed + 1] = entry.name
      end
    end
  end
  if #changed > 0 then
    check_scale()
  end
  return changed
end

--- Takes a value for this run only, above every authority: what a person typed and is not saved yet. nil
-- text: as if it was never set. → value, or nil and a sentence
function M.use(name, text, where)
  if text == nil then
    values[name], origins[name] = nil, nil
    return nil, "not set"
  end
  local value, why = M.parse(name, text)
  if value ~= nil then
    values[name], origins[name] = value, where
  end
  return value, why
end

--- The row of config.settings, by its name however it is spelled ("max-price"), or nil and a hint.
function M.row(name)
  local row = by_name[name:upper():gsub("-", "_")]
  if row then return row end
  return nil, hint((name:upper():gsub("-", "_")), "; continueplz config show --all lists them")
end

--- Is there a key for a cloud (its card), or a file of its own kind that holds one (`key_file`)?
function M.has_key(cloud)
  return M.get(cloud.key_setting) ~= nil or cloud.key_file ~= nil and (M.get(cloud.key_file) or "") ~= ""
end

--- What to do about a missing key, for the end of a sentence: the one place that says it.
function M.way_to_key(setting)
  return ("type continueplz init, or put %s=... into %s"):format(setting, files.join(home_dir, ".env"))
end

--- The value of a setting; nil when not set, false when a limit is off.
function M.get(name)
  if not by_name[name] then error("no setting named " .. tostring(name), 2) end
  return values[name]
end

--- A secret's value (hidden in the log since it was read), or nil.
function M.secret(name)
  return M.get(name)
end

--- A limit of time in seconds, or nil when it is off.
function M.limit(name)
  local value = M.get(name)
  if not value then return nil end
  return value * (by_name[name].type == "minutes" and 60 or 3600)
end

--- Where the value in force came from ("built-in", "FILE line 7", "environment", "--timeout"),
-- or nil when not set.
function M.origin(name)
  return origins[name] or values[name] ~= nil and "built-in" or nil
end

--- The home directory the settings were loaded for.
function M.home()
  return home_dir
end

--- The file of the home that keeps the feed's last rate: "0.92@2026-11-19", and when it was asked for.
function M.rate_file() return files.join(home_dir, "euro.rate") end

-- What the feed said last, when it is not too old.
local function kept_rate()
  local text = files.read(M.rate_file(), 1000)
  local rate = text and currencies.parse(text:match("^[^\n]*"))
  local day = rate and rate.date and clock.parse_iso(rate.date .. "T00:00:00Z")
  if not day or math.abs(clock.wall() - day) > currencies.OLD then return nil end
  rate.source = "ECB"
  return rate
end

--- The rate for showing dollars as euros, and for a budget in euros: the one that is set, the feed's last
-- one, else a pessimistic one (`assumed`).
function M.rate()
  local set = M.get("EUR_RATE")
  if set and set.feed then set = kept_rate() end
  return set or currencies.fallback
end

return M
