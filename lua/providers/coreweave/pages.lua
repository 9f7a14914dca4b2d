-- SPDX-License-Identifier: MIT
-- Lists of the cluster (facts/coreweave.md §3.7), page by page to their end: half of one is none.
local fail = require "base.fail"
local url = require "base.url"
local parse = require "providers.coreweave.parse"

local pages = {}

local MOST_PAGES = 400

-- The way to the next page of a list, or nil after the last. @raise where that cannot be known
local function next_page(page, path)
  local meta = page.metadata == nil and {} or page.metadata
  local cursor = type(meta) == "table" and meta["continue"]
  if cursor == nil or cursor == "" then return nil end
  if type(cursor) ~= "string" then
    fail.raise("broken", "CoreWeave's list does not say where it ends: " .. path)
  end
  return cursor
end

--- Every object of a list. reply(method, path, options) → response; headers: parse.PARTS, or nil
-- @raise what is not complete
function pages.every(reply, path, headers)
  local list, seen, cursor = {}, {}, nil
  for _ = 1, MOST_PAGES do
    local answer = reply("get", path .. (cursor and "&continue=" .. url.escape(cursor) or ""),
      { headers = headers })
    local page = answer.object()
    if not parse.is_list(page, answer.body) then
      fail.raise("broken", "CoreWeave's list is none: " .. path)
    end
    table.move(page.items, 1, #page.items, #list + 1, list)
    cursor = next_page(page, path)
    if not cursor then return list end
    if seen[cursor] then fail.raise("broken", "CoreWeave's list goes round in a circle: " .. path) end
    seen[cursor] = true
  end
  return fail.raise("broken", "CoreWeave's list has no end: " .. path)
end

return pages
