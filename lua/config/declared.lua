-- SPDX-License-Identifier: MIT
-- What the user's own providers say about themselves, as the cards of built-in clouds do; their settings:
-- `settings = { { name = "TOY_API_KEY", type = "secret", doc = "…" }, … }`.
local fail = require "base.fail"
local world = require "sandbox.world"
local clouds = require "facts.clouds"

local TYPES = { secret = true, url = true, string = true, number = true, integer = true, bool = true,
  hours = true, minutes = true }

local declared = {}

--- Names of the user's providers for clouds that have no card here.
function declared.providers()
  local names = {}
  for _, name in ipairs(world.own("providers")) do
    if not clouds.known(name) then
      names[#names + 1] = name
    end
  end
  return names
end

-- → a row like those of config.settings, or nil and what is wrong
local function read(each, provider)
  if type(each) ~= "table" or type(each.name) ~= "string" or not each.name:find("^%u[%u%d_]*$") then
    return nil, "needs a name in capitals, like TOY_API_KEY"
  end
  if not TYPES[each.type] then
    return nil, each.name .. " needs a type: secret, url, string, number, integer, bool, hours or minutes"
  end
  return {
    name = each.name, type = each.type, default = each.default,
    doc = type(each.doc) == "string" and each.doc or "", provider = provider,
    secret = each.type == "secret",
  }
end

-- The card of a cloud of the user's own, or nil: its script cannot be loaded, or declares no key.
local function card_of(name)
  local ok, script = fail.try(world.require_own, "providers", name)
  script = ok and type(script) == "table" and script or {}
  local card = { name = name, title = name, settings = {}, own = true }
  for _, field in ipairs { "title", "console", "credit_page", "key_setting", "key_page", "key_rights" } do
    card[field] = type(script[field]) == "string" and script[field] or card[field]
  end
  local keyed = false
  for _, each in ipairs(type(script.settings) == "table" and script.settings or {}) do
    local row = read(each, name)
    card.settings[#card.settings + 1] = row
    keyed = keyed or row ~= nil and row.secret and row.name == card.key_setting
  end
  return keyed and card or nil
end

--- Every cloud that has a key's setting: the built-in ones (rentable: those that can be rented from), then
-- the user's own. → array of cards
function declared.clouds(rentable)
  local list = { table.unpack(rentable and clouds.supported() or clouds) }
  for _, name in ipairs(declared.providers()) do
    list[#list + 1] = card_of(name)
  end
  return list
end

--- The settings that the user's providers declare. → rows, problems {{message=}, …}
function declared.rows()
  local rows, problems = {}, {}
  for _, name in ipairs(declared.providers()) do
    local path = ("%s/providers/%s.lua"):format(world.home, name)
    local ok, module = fail.try(world.require_own, "providers", name)
    local list = ok and type(module) == "table" and module.settings or {}
    if not ok then
      problems[#problems + 1] = { message = fail.message(module) }
    end
    for index, each in ipairs(type(list) == "table" and list or {}) do
      local row, why = read(each, name)
      if row then
        rows[#rows + 1] = row
      else
        problems[#problems + 1] = { message = ("%s: setting %d %s"):format(path, index, why) }
      end
    end
  end
  return rows, problems
end

return declared
