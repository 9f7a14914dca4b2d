-- SPDX-License-Identifier: MIT
-- Which failures of a start are followed by another try, and until when.
local again = require "start.again"
local clock = require "base.clock"
local fail = require "base.fail"

return function(t)
  local function passes(kind, fields, patient)
    fields = fields or {}
    fields.kind, fields.message = kind, "m"
    return again.passes(fail.new(fields), patient)
  end

  t:case("--wait is for capacity alone", function()
    t:ok(passes "capacity")
    t:ok(passes("limit", { price = true, later = true }), "what is cheap enough is gone")
    t:equal(passes("capacity", { machines = 3 }), false)
    t:equal({ passes "transient", passes "machine" }, { false, false })
    t:equal({ passes("limit", { price = true }), passes("limit", { pause = 60 }) }, { false, false })
  end)

  t:case("until a time of day whatever passes is waited for", function()
    for _, kind in ipairs { "capacity", "transient", "rate", "broken", "machine" } do
      t:ok(passes(kind, nil, true), kind)
    end
    t:ok(passes("capacity", { machines = 3 }, true))
    t:ok(passes("limit", { price = true }, true) and passes("limit", { pause = 60 }, true))
  end)

  t:case("what may bill, what nobody could look for and what no waiting mends is never followed by a try",
    function()
      for _, kind in ipairs { "unproven", "interrupted", "auth", "funds", "quota", "config", "usage",
        "refused", "busy", "internal", "limit" } do
        t:equal(passes(kind, nil, true), false, kind)
      end
      for _, kind in ipairs { "capacity", "transient", "broken" } do
        t:equal(passes(kind, { blind = true }, true), false, kind)
        t:equal(passes(kind, { unresolved = true }, true), false, kind)
      end
    end)

  t:case("a plan ends at the next such time of day, or half a day from now", function()
    local now = clock.wall()
    t:equal(again.plan(false, nil), nil)
    local plan = again.plan(true, 9 * 3600)
    t:ok(plan.patient and plan.till > now and plan.till <= now + 25 * 3600)
    t:equal(clock.local_time(plan.till):sub(12, 16), "09:00")
    plan = again.plan(true, nil)
    t:ok(not plan.patient and math.abs(plan.till - now - 12 * 3600) < 60)
  end)
end
