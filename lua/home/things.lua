-- SPDX-License-Identifier: MIT
-- What journal records say of things beside machines (volumes) whose removal was asked for: folds them. Pure.
-- Such records have no `token`, so that they begin no session; the token that a thing bears is its `name`.
--
-- A thing: provider, kind ("volume"), id, token, account (of the key by which it was asked to go), hourly,
-- asked (unix seconds, when first), doubt (why its removal is not proven; nil: nobody has said so yet), over
-- (outcome: proven, acknowledged).
local things = {}

--- What a thing is known by, among all clouds.
function things.key(provider, kind, id) return ("%s %s %s"):format(provider, kind, id) end

local apply = {}

function apply.removing(thing, r)
  thing.token, thing.account, thing.hourly = r.name, r.account, r.hourly or thing.hourly
  thing.asked, thing.over, thing.doubt = thing.asked or r.t, nil, nil
end

function apply.unremoved(thing, r) thing.doubt = r.reason end

function apply.removed(thing, r) thing.over, thing.doubt = r.outcome, nil end

--- The key of the thing that a record tells of, or nil: it tells of none.
function things.of(record)
  if not apply[record.kind] or record.token then return nil end
  return things.key(record.provider, record.thing, record.id)
end

--- Folds records into things, in the order in which they were asked to go.
function things.fold(records)
  local list, by_key = {}, {}
  for _, record in ipairs(records) do
    local key = things.of(record)
    if key then
      if not by_key[key] then
        by_key[key] = { provider = record.provider, kind = record.thing, id = record.id, asked = record.t }
        list[#list + 1] = by_key[key]
      end
      apply[record.kind](by_key[key], record)
    end
  end
  return list
end

return things
