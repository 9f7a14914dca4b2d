-- SPDX-License-Identifier: MIT
-- Secrets by the name they go under: for showing what came from elsewhere, where nobody has said yet
-- which value is secret.

local log = require "base.log"

local conceal = { HIDDEN = "[hidden]" }

local HARMLESS = { next_token = true, after_token = true, page_token = true }
local WORDS = { "api_?key", "secret", "passw", "authoriz", "cookie", "token$", "_key$", "^key$",
  "privatekey$", "^sid$", "psk", "preshared", "credential", "signature" }

--- Does a field, header or parameter of this name hold a secret?
function conceal.is_secret(name)
  if type(name) ~= "string" then return false end
  local word = name:lower():gsub("%-", "_")
  if HARMLESS[word] or word:find("public_?key$") then return false end
  for _, pattern in ipairs(WORDS) do
    if word:find(pattern) then return true end
  end
  return false
end

--- Must this value of a field not be shown? Our own marks on machines may be, and the short `key` of a tag.
function conceal.hides(name, value)
  local kind = type(value)
  if kind == "string" and #value < 16 and type(name) == "string" and name:lower() == "key" then
    return false
  end
  local shown = kind == "string"
    and (value:find("^[.*]*$") or value:find("^cplz%-%x") or value == conceal.HIDDEN)
  return (kind == "string" or kind == "number") and not shown and conceal.is_secret(name)
end

--- Registers the secrets inside a decoded answer, so that they are hidden wherever they turn up.
function conceal.learn(value, depth)
  depth = depth or 0
  if type(value) ~= "table" or depth > 50 then return end
  for key, item in next, value do -- order: free
    if type(item) == "string" and conceal.hides(key, item) then log.hide(item) end
    conceal.learn(item, depth + 1)
  end
end

--- "name=value" and "\"name\": \"value\"" with the values of secret names hidden, and every hidden value.
function conceal.text(text)
  local function json(name, middle, value)
    return conceal.hides(name, value) and '"' .. name .. '"' .. middle .. '"' .. conceal.HIDDEN .. '"' or nil
  end
  local function form(mark, name, value)
    return conceal.hides(name, value) and mark .. name .. "=" .. conceal.HIDDEN or nil
  end
  text = text:gsub('"([%w_%-]+)"(%s*:%s*)"([^"]*)"?', json)
  text = ("&" .. text):gsub("([?&%s;,])([%w_%-]+)=([^&%s;,\"']+)", form):sub(2)
  return log.redact(text)
end

return conceal
