-- SPDX-License-Identifier: MIT
-- What the accounts of all clouds hold, asked at once: machines, and what a cloud keeps around them
-- (`belongings` of its provider). Whose a thing is says its token alone: this home's, another home's of ours,
-- or foreign. A cloud that gives no complete list leaves a doubt and keeps nobody from asking the others.
local fail = require "base.fail"
local task = require "base.task"
local numbers = require "base.numbers"
local clouds = require "money.clouds"
local look = require "money.look"
local provider_of = require "money.provider_of"
local recorded = require "home.things"
local tokens = require "home.tokens"

local SECONDS = 120 -- for all that one cloud is asked

local inventory = {}

local WHOSE = { this = 1, other = 2, foreign = 3 }

-- A row of the list, of a machine or a thing. own: the prefix of this home's tokens, or nil
local function row_of(cloud, own, fields)
  local home = tokens.home_of(fields.token)
  fields.cloud, fields.home = cloud, home
  fields.token = home and fields.token or nil
  fields.whose = not home and "foreign" or own and fields.token:sub(1, #own) == own and "this" or "other"
  return fields
end

local function machine(cloud, own, instance)
  local hour, disk = numbers.finite(instance.hourly), numbers.finite(instance.disk_hour)
  return row_of(cloud, own, { kind = "machine", id = tostring(instance.id), token = instance.token,
    name = type(instance.token) == "string" and instance.token or nil, status = instance.status,
    since = numbers.finite(instance.started), hourly = (hour or disk) and (hour or 0) + (disk or 0) or nil,
    bills = true, instance = instance })
end

local function text_or_nil(value) return value == nil or type(value) == "string" end

-- A provider's own word for what it found, checked. @raise `broken`
local function thing(cloud, own, given)
  local whole = type(given) == "table" and type(given.kind) == "string" and given.id ~= nil
    and (type(given.id) == "string" or math.type(given.id) == "integer") and type(given.bills) == "boolean"
    and text_or_nil(given.name) and text_or_nil(given.token)
  if not whole then
    fail.raise("broken", "the list of what lies around machines has a row that cannot be read")
  end
  return row_of(cloud, own, { kind = given.kind, id = tostring(given.id), token = given.token,
    name = given.name, status = text_or_nil(given.status) and given.status or nil,
    since = numbers.finite(given.since), hourly = numbers.finite(given.hourly), bills = given.bills,
    thing = given })
end

--- What a cloud keeps around machines, complete. → rows; none where its provider knows of nothing
-- @raise the cloud's failure
function inventory.things(name, own)
  local provider = provider_of.provider(name)
  if not provider.belongings then return {} end
  local list = look.patiently(provider.belongings)
  if type(list) ~= "table" then fail.raise("broken", "no list of what lies around machines") end
  local rows = {}
  for index, given in ipairs(list) do rows[index] = thing(name, own, given) end
  return rows
end

local function ask(name, own, result)
  local provider = provider_of.provider(name)
  result.account = tostring(look.patiently(provider.account).id)
  for _, instance in ipairs(look.patiently(provider.list)) do
    result.rows[#result.rows + 1] = machine(name, own, instance)
  end
  for _, row in ipairs(inventory.things(name, own)) do result.rows[#result.rows + 1] = row end
end

-- The account that this home's sessions of a cloud that are not settled were rented by, or nil.
local function rented_by(journal, name)
  local account
  for _, session in ipairs(journal:shown()) do
    if session.provider == name then account = session.account or account end
  end
  return account
end

-- Absence seen from another account proves nothing about what this home rented (DESIGN §1.3).
local function strange(journal, result)
  local account = rented_by(journal, result.name)
  if not account or not result.account or tostring(account) == result.account then return nil end
  for _, row in ipairs(result.rows) do
    if row.whose == "this" then return nil end
  end
  return ("the key in use belongs to account %s, and this folder rented from account %s")
    :format(result.account, tostring(account))
end

local function order(a, b)
  if WHOSE[a.whose] ~= WHOSE[b.whose] then return WHOSE[a.whose] < WHOSE[b.whose] end
  if a.home ~= b.home then return (a.home or "") < (b.home or "") end
  if (a.kind == "machine") ~= (b.kind == "machine") then return a.kind == "machine" end
  for _, field in ipairs { "cloud", "kind", "id" } do
    if a[field] ~= b[field] then return a[field] < b[field] end
  end
  return false
end

-- Clouds with a key, and those that something of this home is not settled at.
local function names_of(journal)
  local names, seen = clouds.with_key(true), {}
  for _, name in ipairs(names) do seen[name] = true end
  for _, session in ipairs(journal:shown()) do
    if session.provider and not seen[session.provider] then
      names[#names + 1], seen[session.provider] = session.provider, true
    end
  end
  for _, asked in ipairs(journal:things()) do
    if not seen[asked.provider] then
      names[#names + 1], seen[asked.provider] = asked.provider, true
    end
  end
  return names
end

--- A row of what was asked to go (asked: of home.things), as the journal alone knows it.
-- own: the prefix of this home's tokens, or nil
function inventory.unlisted(asked, own)
  return row_of(asked.provider, own, { kind = asked.kind, id = asked.id, token = asked.token,
    name = asked.token, account = asked.account, hourly = asked.hourly, bills = true, since = asked.asked,
    status = "asked to go, not proven gone", unlisted = true })
end

-- What was asked to go before and that no list shows now is not proven gone by that.
local function add_unproven(journal, found)
  local listed = {}
  for _, row in ipairs(found.rows) do listed[recorded.key(row.cloud, row.kind, row.id)] = true end
  for _, asked in ipairs(journal:things()) do
    if not listed[recorded.key(asked.provider, asked.kind, asked.id)] then
      found.rows[#found.rows + 1] = inventory.unlisted(asked, found.prefix)
    end
  end
end

--- Asks all clouds. Changes nothing.
-- → { prefix = of this home's tokens or nil, rows = array, this home's first, clouds = { { name=, title=,
-- console=, account=, problem = a sentence: its list is not complete } } }.
-- A row: { cloud=, kind=, id=, name=, token=, home = id of the home, whose = "this"|"other"|"foreign",
-- status=, since = unix seconds, hourly=, bills=, instance= or thing= as the provider gave it; or unlisted =
-- true: the journal alone knows it, as something that was asked to go }
-- @raise `config` without any cloud to ask
function inventory.take(journal)
  local names, own = names_of(journal), journal:known_prefix()
  if #names == 0 then clouds.configured() end
  local found = { prefix = own, rows = {}, clouds = {} }
  for index, name in ipairs(names) do
    local title, console = provider_of.title(name)
    found.clouds[index] = { name = name, title = title, console = console, rows = {} }
  end
  local results = task.map(found.clouds, function(cloud) return ask(cloud.name, own, cloud) end,
    { timeout = SECONDS })
  for index, cloud in ipairs(found.clouds) do
    if fail.is(results[index].error, "interrupted") then error(results[index].error, 0) end
    cloud.problem = not results[index].ok and fail.message(results[index].error) or strange(journal, cloud)
    table.move(cloud.rows, 1, #cloud.rows, #found.rows + 1, found.rows)
    cloud.rows = nil
  end
  add_unproven(journal, found)
  table.sort(found.rows, order)
  return found
end

--- The rows that a person's word means: a machine's or thing's number, or a token.
function inventory.find(found, word)
  local rows = {}
  for _, row in ipairs(found.rows) do
    if row.id == word or row.token == word then rows[#rows + 1] = row end
  end
  return rows
end

--- Why it is not known what else there is: a sentence, or nil when every list was complete.
function inventory.doubt(found)
  local parts = {}
  for _, cloud in ipairs(found.clouds) do
    if cloud.problem then
      parts[#parts + 1] = ("%s gave no complete list (%s); look at %s"):format(cloud.title, cloud.problem,
        cloud.console or "its console")
    end
  end
  return parts[1] and table.concat(parts, "; ") or nil
end

return inventory
