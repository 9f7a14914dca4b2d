-- SPDX-License-Identifier: MIT
--- Shapes of Paperspace's answers (facts/paperspace.md §4.2): the thing itself, a page of things, or
--- {code, message, issues?}.
local json = require "base.json"
local paging = require "cloudsim.paging"
local reply = require "cloudsim.reply"

local answers = {}

local STATUS = { BAD_REQUEST = 400, UNAUTHORIZED = 401, FORBIDDEN = 403, NOT_FOUND = 404,
  METHOD_NOT_SUPPORTED = 405, CONFLICT = 409, PRECONDITION_FAILED = 412, PAYLOAD_TOO_LARGE = 413,
  TOO_MANY_REQUESTS = 429, INTERNAL_SERVER_ERROR = 500 }
local MOST = 120 -- rows of a page

function answers.ok(value)
  return reply.json(200, value)
end

--- A failure. code: one of the table above, which names the status
function answers.fail(code, message)
  return reply.json(STATUS[code], { code = code, message = message })
end

--- A body or a query that breaks a rule of form; the older shape names each in `issues`.
function answers.invalid(message)
  return reply.json(400, { code = "BAD_REQUEST", message = "Input validation failed",
    issues = json.array { { message = message } } })
end

function answers.too_many(order)
  local response = answers.fail("TOO_MANY_REQUESTS", "Rate limit exceeded")
  if order.retry_after then
    response.headers["Retry-After"] = tostring(order.retry_after)
  end
  return response
end

-- Rows by a field of theirs; those of one value keep their place. rows: array of { key=, row= }
local function sort(rows, descending)
  for i, each in ipairs(rows) do
    each.place = i
  end
  table.sort(rows, function(a, b)
    if a.key ~= b.key then
      if descending then a, b = b, a end
      return a.key < b.key
    end
    return a.place < b.place
  end)
end

--- One page of a list by `limit after orderBy order` of the query (§4.2). fields: what it can be ordered by,
--- the first is the usual one; view(row) → how a row is shown
function answers.page(call, rows, fields, view)
  local query, page = call.query, call.world.settings.paperspace_page
  local limit = query.limit and math.tointeger(tonumber(query.limit)) or not query.limit and page
  local field, known = query.orderBy or fields[1], false
  for _, each in ipairs(fields) do
    known = known or each == field
  end
  if not limit or limit < 1 or limit > MOST then
    return answers.invalid("limit must be a number from 1 to 120")
  elseif not known or query.order and query.order ~= "asc" and query.order ~= "desc" then
    return answers.invalid("orderBy or order is none of the allowed values")
  end
  local keyed, shown = {}, {}
  for i, row in ipairs(rows) do
    keyed[i] = { key = tostring(row[field]), row = row }
  end
  sort(keyed, query.order == "desc")
  local some, more = paging.plain(keyed, limit, query.after)
  if not some then return answers.invalid("after is no cursor") end
  for i, each in ipairs(some) do
    shown[i] = view(each.row)
  end
  return answers.ok({ hasMore = more ~= nil, items = json.array(shown), nextPage = reply.maybe(more) })
end

--- Whether a row passes the filters `name` … of the query. The documentation does not say whether `name` is
--- the whole name: setting paperspace_name_filter "exact" or "contains".
function answers.passes(call, row, fields)
  for _, field in ipairs(fields) do
    local wanted = call.query[field]
    local given = tostring(row[field])
    if wanted and wanted ~= "" and given ~= wanted and not (field == "name"
      and call.world.settings.paperspace_name_filter == "contains" and given:find(wanted, 1, true)) then
      return false
    end
  end
  return true
end

return answers
