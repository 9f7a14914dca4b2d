-- SPDX-License-Identifier: MIT
-- `continueplz config`: what is set, where it comes from, and changes to `.env`.
local fail = require "base.fail"
local json = require "base.json"
local process = require "base.process"
local term = require "base.term"
local config = require "config.effective"
local shown = require "config.shown"
local suggest = require "facts.suggest"
local envfile = require "admin.envfile"
local format = require "ui.format"

local M = {}

local verbs = {}

local function usage(text, ...)
  return fail.raise("usage", text:format(...))
end

local function row_of(ctx, count)
  local name = ctx.args[2]
  if not name then
    usage("config %s needs the name of a setting; continueplz config show --all lists them", ctx.args[1])
  end
  local row, hint = config.row(name)
  if not row then
    usage("there is no setting named '%s'%s", name, hint)
  end
  if #ctx.args > count then
    usage("config %s takes no '%s'", ctx.args[1], ctx.args[count + 1])
  end
  return row
end

-- Numbers and words as they are, secrets masked; nil when not set.
local function plain(row)
  local value = config.get(row.name)
  if row.secret or row.secret_url or row.type == "rate" then
    return value and shown.text(row, value) or nil
  end
  return value
end

-- Where a value came from, without the name of the folder in front of a file in it.
local function beside(home, origin)
  local prefix = home .. "/"
  return origin and (origin:sub(1, #prefix) == prefix and origin:sub(#prefix + 1) or origin)
end

function verbs.show(ctx)
  if ctx.args[2] then
    usage("config show takes no '%s'; continueplz config get NAME shows one", ctx.args[2])
  end
  local rows, object = {}, json.object {}
  for _, row in ipairs(config.settings) do
    local value, origin = config.get(row.name), config.origin(row.name)
    if value ~= nil or ctx.options.all then
      rows[#rows + 1] = { row.name, value == nil and "-" or shown.text(row, value),
        beside(ctx.home, origin) or "not set" }
    end
    if value ~= nil then
      object[row.name] = { value = plain(row), origin = origin, secret = row.secret or row.secret_url or nil }
    end
  end
  ctx.print(table.concat(format.columns(rows, "lll"), "\n"))
  ctx.emit { status = "settings", home = ctx.home, settings = object }
  return 0
end

function verbs.get(ctx)
  local row = row_of(ctx, 2)
  local value, origin = config.get(row.name), config.origin(row.name)
  if value == nil then
    ctx.problem(row.name .. " is not set")
    ctx.emit { status = "not set", name = row.name }
    return "failed"
  end
  ctx.print(shown.text(row, value))
  ctx.emit { status = "set", name = row.name, value = plain(row), origin = origin,
    secret = row.secret or row.secret_url or nil }
  return 0
end

-- The new text of a setting: from the command line, or for a secret from a hidden prompt or standard input.
local function new_text(ctx, row)
  local given = ctx.args[3]
  local secret = row.secret or row.secret_url
  if given and secret then
    usage("the value of %s is a secret and is not taken from the command line, which others can read: type "
      .. "continueplz config set %s and paste it at the prompt, or send it on standard input",
      row.name, row.name)
  end
  if given then return given end
  if not secret then
    usage("config set %s needs a value: %s", row.name, row.doc)
  end
  local tty = term.is("in")
  if tty and not ctx.asks then
    usage("the value of %s can be asked only in text and without -y; or send it on standard input", row.name)
  end
  local text = tty and term.hidden(row.name .. " (not shown): ") or not tty and term.ask() or nil
  if not text and tty then
    fail.raise("interrupted", "the input ended; nothing was changed")
  end
  text = text or ""
  if not text:find("%S") then
    usage("no value came for %s; nothing was changed", row.name)
  end
  return text
end

-- The key of a cloud that still has a machine of ours is not exchanged unseen.
local function check_stranded(row)
  for _, cloud in ipairs(require("config.declared").clouds()) do
    local stranded = cloud.key_setting == row.name and require("admin.setup").stranded(cloud)
    if stranded then
      fail.raise("busy",
        stranded .. ". Nothing was changed; continueplz init takes another key of the same account")
    end
  end
end

-- The public half follows the private one, so that they cannot contradict each other.
local function changes_for(row, text)
  local changes = { { name = row.name, value = text } }
  if row.name == "WIREGUARD_PRIVATE_KEY" then
    local tunnel, why = require("admin.setup").other_tunnel_key(text)
    if not tunnel then
      usage("WIREGUARD_PRIVATE_KEY: %s; nothing was changed", why)
    end
    changes[2] = { name = "WIREGUARD_PUBLIC_KEY", value = tunnel.public }
  end
  return changes
end

local function tell(ctx, row, status, path)
  local said = process.getenv(row.name)
  local wins = said ~= nil and said ~= ""
  local text = status == "set" and ("%s is now %s in %s"):format(row.name,
    shown.text(row, config.get(row.name)), path) or ("%s is not set in %s now"):format(row.name, path)
  ctx.print(text)
  local machine = require("cli.reach").machine(ctx, row, status == "set" and not wins)
  if machine and machine.changed then
    ctx.print(machine.sentence)
  elseif machine then
    ctx.problem(machine.sentence)
  end
  if machine and machine.warning then
    ctx.problem(machine.warning)
  end
  if wins then
    ctx.problem(row.name .. " is set in the environment as well, which wins over .env")
  end
  ctx.emit { status = status, name = row.name, file = path, environment_wins = wins, machine_changed = machine
      and machine.changed == true or false, from_next_start = machine ~= nil and not machine.changed }
  return 0
end

function verbs.set(ctx)
  local name, joined = (ctx.args[2] or ""):match("^([%w_-]+)=(.*)$")
  if name then
    table.move({ name, joined }, 1, 2, 2, ctx.args)
  end
  local row = row_of(ctx, 3)
  local text = new_text(ctx, row)
  if text == "" then
    usage("config set %s '' sets nothing; continueplz config unset %s takes it away", row.name, row.name)
  end
  local value, why = config.parse(row.name, text)
  if value == nil then
    usage("%s: %s; nothing was changed", row.name, why)
  end
  if row.secret then
    text = value
  end
  check_stranded(row)
  local path = envfile.change(changes_for(row, text))
  config.use(row.name, text, path)
  return tell(ctx, row, "set", path)
end

function verbs.unset(ctx)
  local row = row_of(ctx, 2)
  check_stranded(row)
  local path, text = config.file()
  if text then
    envfile.change { { name = row.name, value = "" } }
  end
  return tell(ctx, row, "unset", path)
end

--- Runs `config VERB ...`. → exit code
function M.run(ctx)
  local verb = ctx.args[1] or "show"
  if not verbs[verb] then
    usage("config knows no '%s'%s", verb,
      suggest.hint(verb, { "show", "get", "set", "unset" }, "; it knows show, get, set and unset"))
  end
  return verbs[verb](ctx)
end

return M
