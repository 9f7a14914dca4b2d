-- SPDX-License-Identifier: MIT
-- Random policies: sources of a policy.lua that reorders, drops, doubles, lies, forges, breaks, loops and
-- pokes at what is not its own.
local policy = {}

local function pick(rng, list) return list[rng:int(1, #list)] end

-- Statements on the list `l`, of candidates `c`, the want `w` and the built-in policy `b`.
-- %d is a random number from 1 to 9.
local HONEST = {
  "table.sort(l, function(x, y) return x.total > y.total end)",
  "table.sort(l, function(x, y) return x.hourly < y.hourly end)",
  "for i = #l, 2, -1 do local j = (i * %d) %% i + 1 l[i], l[j] = l[j], l[i] end", "table.remove(l)",
  "table.remove(l, 1)", "l = { l[#l], l[1] }",
  "for i = #l, 1, -1 do if i %% %d == 0 then table.remove(l, i) end end", "l = b(l, w)", "l = b(c, w)",
  "local k, r = b(c, w) for _, x in ipairs(r) do k[#k + 1] = x.candidate end l = k", "l[#l + 1] = l[1]",
  "table.move(l, 1, #l, #l + 1, l)",
}

local LIES = {
  "for _, x in ipairs(c) do x.hourly, x.total = 0.001, 0.001 end",
  "for _, x in ipairs(c) do x.bid = 0.0001 end",
  "for _, x in ipairs(c) do x.offer.on_demand, x.offer.vram_gb = 0.01, 999 end",
  "for _, x in ipairs(c) do x.spot = not x.spot end",
  "for _, x in ipairs(c) do x.offer.id = 'other' x.offer.provider = 'mine' end",
  "w.max_price, w.ask_above = 1e9, 1e9", "w.max_price, w.ask_above = nil, nil", "w.vram_gb, w.disk_gb = 0, 0",
  "w.model.name = 'another' w.model.bytes = 1", "for _, x in ipairs(c) do x.parts.compute = -%d end",
  "for _, x in ipairs(c) do x.hourly = 0/0 end", "for _, x in ipairs(c) do x.offer = nil end",
  "for k in pairs(w) do w[k] = nil end", "for _, x in ipairs(c) do x.offer.disk_hour = -100 end",
  "c[1].offer, c[#c].offer = c[#c].offer, c[1].offer",
  "for _, x in ipairs(c) do setmetatable(x, { __index = function() return 0 end }) end",
}

local FORGERIES = {
  "l = { { offer = { id = '1', provider = 'vast', gpus = 1, vram_gb = 999 }, hourly = 0.01, "
    .. "spot = false, parts = {} } }",
  "l[1] = setmetatable({}, { __index = c[1] })",
  "local x = {} for k, v in pairs(c[1]) do x[k] = v end l[1] = x", "l[1] = c[1].offer",
  "l = { n = 1, [5] = c[1] }", "l = 7", "l = 'all'", "l = true", "l = function() return c end", "l = c[1]",
  "l = { 1, 2 }", "l = { c }", "l = {}", "l = nil",
  "l = setmetatable({}, { __index = function(_, i) return c[i] end, __len = function() return #c end })",
  "l = setmetatable({ c[1] }, { __len = function() while true do end end })",
  "l = setmetatable({}, { __index = function() while true do end end, __len = function() return 9 end })",
}

local MISCHIEF = {
  "math.min = function() return 0 end math.max = math.min math.huge = 0",
  "table.sort = function() end table.concat = error", "string.format = function() return '' end",
  "local m = getmetatable('') if type(m) == 'table' then m.__index = nil end", "ipairs = nil", "x = 1",
  "local y = os.time()", "io.write('x')", "require 'base.http'", "require('money.rent').create()",
  "require 'base.ticket'", "require 'home.journal'", "require 'sandbox.host'", "require 'sandbox.world'",
  "lazy('base.http').request { url = 'http://127.0.0.1:7001/' }",
  "require('builtin.policies.cheapest')({}, {})", "b(nil, nil)", "b({ {} }, w)", "b(c, {})",
  "coroutine.yield()", "coroutine.yield(c)", "error('no')", "error({})", "error(nil)",
  "error(setmetatable({}, { __tostring = function() error('deeper') end }))",
  "setmetatable({}, { __gc = function() while true do end end })",
  "local function f() return f() + 1 end f()", "rawset(w, 1, w)",
  "local t <close> = setmetatable({}, { __close = function() l = {} end })", "c[1] = nil",
  "for i = 1, #c do c[i] = nil end", "c.x = c",
  "return l, 5", "return l, { 5, {}, { candidate = 7 }, { candidate = c[1], reason = {} } }",
  "return l, { { candidate = c[1], reason = 'mine' } }",
  "return l, setmetatable({}, { __index = function() while true do end end })", "return",
  "return l, nil, l, l",
}

local LOOPS = {
  "while true do end", "while true do pcall(function() while true do end end) end",
  "coroutine.wrap(function() while true do end end)()",
  "local f = coroutine.wrap(function() while true do pcall(error) end end) while true do pcall(f) end",
  "while true do xpcall(error, function() while true do end end) end",
  "repeat local ok = pcall(string.rep, 'x', 10) until not ok",
  "error(setmetatable({}, { __tostring = function() while true do end end }))",
  "local t <close> = setmetatable({}, { __close = function() while true do end end })",
  "table.sort(c, function() while true do end end)",
  "('x'):rep(99):gsub('x', function() while true do end end)", "local co = coroutine.create(function() while "
    .. "true do coroutine.yield() end end) while true do coroutine.resume(co) end",
}

local KINDS = { HONEST, HONEST, HONEST, LIES, LIES, FORGERIES, MISCHIEF }

--- The text of a random policy.lua. rng: of cloudsim.random.
function policy.text(rng)
  local lines = { "return function(c, w, b)", "local l = {} for i, x in ipairs(c) do l[i] = x end" }
  for _ = 1, rng:int(1, 5) do
    local line = rng:int(1, 60) == 1 and pick(rng, LOOPS) or pick(rng, pick(rng, KINDS))
    if line:find("^return") then line = "do " .. line .. " end" end
    lines[#lines + 1] = line:gsub("%%d", tostring(rng:int(1, 9))):gsub("%%%%", "%%")
  end
  lines[#lines + 1] = "return l, {} end"
  if rng:int(1, 200) == 1 then table.remove(lines) end
  return table.concat(lines, "\n") .. "\n"
end

return policy
