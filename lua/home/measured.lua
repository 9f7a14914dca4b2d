-- SPDX-License-Identifier: MIT
-- What earlier rents of this home measured, from its journal and history: tokens per second, seconds from the
-- create to READY, MB per second of the download; per cloud, card, host and model. And which hosts served.
local config = lazy "config.effective"
local journal = lazy "home.journal"

local KEPT = 90 * 86400 -- seconds; what is older says little of a market that changes
local LAST = 5          -- rents of one kind that count

local measured = {}

local function key(...) return table.concat({ ... }, " ") end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- The numbers of one session that was READY. Records of before there were measurements lack the download's.
local function numbers(session)
  local plan, pulled = session.plan, session.pulled
  return {
    tokens_per_second = session.speed,
    ready_seconds = session.started and session.ready_at - session.started or nil,
    mb_per_second = pulled and pulled > 0 and plan.download_gb and plan.download_gb * 1000 / pulled or nil,
  }
end

-- Medians of the last rents of a kind. → { tokens_per_second=|nil, ready_seconds=|nil, mb_per_second=|nil,
-- rents = how many }
local function summed(rows)
  local sum, from = {}, math.max(1, #rows - LAST + 1)
  for _, name in ipairs { "tokens_per_second", "ready_seconds", "mb_per_second" } do
    local list = {}
    for index = from, #rows do list[#list + 1] = rows[index][name] end
    sum[name] = median(list)
  end
  sum.rents = #rows - from + 1
  return sum
end

local function add(groups, name, row)
  groups[name] = groups[name] or {}
  table.insert(groups[name], row)
end

--- What sessions say of offers for the model of this name: of(offer) → numbers as above, of its host when
-- that one is known, else of its cloud's card, or nil; good(offer) → did its host serve the last time? Pure.
-- → { of=, good= }
function measured.from(sessions, model)
  local groups, served = {}, {}
  for _, session in ipairs(sessions) do
    local plan = session.plan or {}
    local host = plan.host and key(session.provider, plan.host)
    if host and session.id then served[host] = session.ready_at ~= nil end
    if session.ready_at and not session.swapped and plan.gpu and session.model == model then
      local kind, row = key(session.provider, plan.gpu, plan.gpus or 1), numbers(session)
      add(groups, kind, row)
      if plan.host then add(groups, key(kind, plan.host), row) end
    end
  end
  local sums = {}
  for name, rows in pairs(groups) do sums[name] = summed(rows) end -- order: free
  local empty, any = next(sums) == nil, next(served) ~= nil
  return {
    of = function(offer)
      if empty then return nil end
      local kind = key(offer.provider, offer.gpu, offer.gpus)
      return offer.host and sums[key(kind, offer.host)] or sums[kind]
    end,
    good = function(offer)
      return any and offer.host ~= nil and served[key(offer.provider, offer.host)] == true
    end,
  }
end

-- From what resembles a start most to what still resembles it.
local ALIKE = {
  function(session, like)
    return session.provider == like.provider and (session.plan or {}).gpu == (like.plan or {}).gpu
  end,
  function(session, like) return session.provider == like.provider end,
  function() return true end,
}

--- What the steps of earlier starts took that served the model of this name: of those on this card of this
-- cloud, else of this cloud, else of any. like: a session, nil: no machine yet. Pure. → medians in seconds by
-- step, or nil
function measured.steps(sessions, model, like)
  for _, alike in ipairs(ALIKE) do
    local columns, count = {}, 0
    for index = #sessions, 1, -1 do
      local session = sessions[index]
      if count < LAST and type(session.took) == "table" and session.model == model
        and alike(session, like or {}) then
        count = count + 1
        for step, seconds in ipairs(session.took) do add(columns, step, seconds) end
      end
    end
    for step, list in ipairs(columns) do columns[step] = median(list) end
    if count > 0 then return columns end
  end
  return nil
end

--- The sessions of this home, as far back as they count.
function measured.sessions() return journal.open(config.home(), true):recent(KEPT) end

--- measured.from of this home.
function measured.here(model)
  return measured.from(measured.sessions(), model)
end

return measured
