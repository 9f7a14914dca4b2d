-- SPDX-License-Identifier: MIT
-- Is a key good? Asks its cloud who it belongs to and whether it may list machines, and says in one
-- sentence what is wrong.
local clean = require "base.clean"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local task = require "base.task"
local world = require "sandbox.world"
local config = require "config.effective"

local SECONDS = 45

local account = {}

-- The cloud's own words in the body of a refusal; clouds use several names for them.
local function said(failure)
  local body = type(failure.body) == "string" and json.decode(failure.body)
  local inner = type(body) == "table" and (type(body.error) == "table" and body.error or body)
  for _, name in ipairs(inner and { "msg", "message", "detail", "error" } or {}) do
    if type(inner[name]) == "string" and inner[name] ~= "" then
      return (" (it said: %s)"):format(clean.line(log.redact(inner[name]), 120))
    end
  end
  return failure.status and (" (HTTP %d)"):format(failure.status) or ""
end

-- Something between here and the cloud answered instead of it: a page for people, a redirection,
-- or a proxy's own status.
local function intercepted(failure)
  local status, body = failure.status, type(failure.body) == "string" and failure.body or ""
  if failure.code == "tls" or status == 407 or status == 511 then
    return true
  end
  if not status then
    return failure.message:lower():find("proxy", 1, true) ~= nil
      or failure.message:find("CONNECT", 1, true) ~= nil
  end
  return status >= 300 and status < 400 or status < 500 and status ~= 429 and body:find("^%s*<") ~= nil
end

--- Where a key is made, as far as the cloud's card tells.
function account.key_page(cloud) return cloud.key_page or cloud.console or "its console" end

local sentences = {}

function sentences.wrong(title, failure, address)
  return ("%s does not know this key%s; copy it again, or make a new one at %s%s"):format(title,
    said(failure), address, failure.advice and "; " .. failure.advice or "")
end

function sentences.rights(title, failure, address, rights)
  return ("%s knows this key, but it may not do what is needed%s; make one at %s%s"):format(title,
    said(failure), address, rights and " with the rights " .. rights or "")
end

function sentences.funds(title, failure, _, _, cloud)
  local ok, provider = fail.try(world.require, "providers." .. cloud.name)
  local page = ok and type(provider) == "table" and provider.credit_page
  return ("The key is right, but the account at %s has no credit%s; add some%s before renting"):format(title,
    said(failure), page and " at " .. page or " there")
end

function sentences.blocked(title, failure)
  if failure.code == "tls" then
    return ("The connection to %s is not to be trusted (%s): a proxy that reads along, or a wrong "
      .. "clock; the key was not judged"):format(title, failure.message)
  end
  return ("Not %s answered but something in between, a proxy or a network's sign-in page%s; look at it in a "
    .. "browser, and at https_proxy; the key was not judged"):format(title,
      failure.status and (" (HTTP %d)"):format(failure.status) or "")
end

function sentences.unreachable(title, failure)
  return ("%s could not be asked: %s; the key was not judged"):format(title, failure.message)
end

local function state_of(failure)
  if intercepted(failure) then return "blocked" end
  if failure.kind == "funds" then return "funds" end
  if failure.kind ~= "auth" then return "unreachable" end
  return (failure.code == "rights" or failure.status == 403) and "rights" or "wrong"
end

local function judge(result, failure)
  result.state = state_of(failure)
  result.ok = result.state == "funds"
  local cloud, say = result.cloud, sentences[result.state]
  result.message = say(result.title, failure, account.key_page(cloud), cloud.key_rights, cloud)
  return result
end

local function ask(name)
  local provider = world.require("providers." .. name)
  local who, machines = task.deadline(SECONDS, function()
    return http.retry(function()
      local whose = provider.account()
      return whose, provider.list()
    end, { attempts = 5, pause = 2 / config.get "TIME_SCALE", kinds = { "rate" } })
  end, ("no answer within %d s"):format(SECONDS))
  if type(who) ~= "table" or type(machines) ~= "table" then
    fail.raise("broken", world.source("providers." .. name) .. " gives no account or no list of machines")
  end
  return who, machines
end

--- Asks a cloud about the key in force. cloud: its card. Waits.
-- → { cloud=, title=, ok=, state=, message=, id=, name=, balance=, currency=, machines= (list()) }, state one
-- of good, funds (the key is right, no credit), wrong, rights, blocked (something in between answered),
-- unreachable; ok: the key can be used
function account.check(cloud)
  local result = { cloud = cloud, title = cloud.title, ok = true, state = "good" }
  local fine, who, machines = fail.try(ask, cloud.name)
  if not fine then
    if fail.is(who, "internal") and not cloud.own then error(who, 0) end
    return judge(result, who)
  end
  result.id, result.name, result.balance, result.currency, result.machines = who.id, who.name, who.balance,
    who.currency, machines
  if who.balance and who.balance <= 0 then
    result.state, result.message = "funds", sentences.funds(cloud.title, {}, nil, nil, cloud)
  end
  return result
end

--- The account in words: "user@example.com, balance $50.00".
function account.words(result)
  local text = clean.line(tostring(result.name or result.id or "not told"), 80)
  return result.balance and ("%s, balance $%.2f"):format(text, result.balance) or text
end

return account
