-- SPDX-License-Identifier: MIT
-- The deterministic campaign: CONTINUEPLZ_SCRIPTS=tests continueplz tests/dst/run.lua
--   [--seeds=N] [--from=S]      random histories S … S+N-1
--   [--crash]                   every crash point in every way (without: each point in a few ways)
--   [--first[=INVARIANT]]       end at the first failure, or at the first of that invariant (S1 … E5, bug);
--                               nothing is shrunk then
--   [--parts=A,B,…]             only these of policies, consent, workday, determinism, cases,
--                               random, homes, faces, crash
--   [--long]                    the long cases too
--   [--case=N:CLOUD]            one case, with its trace, as a failure names it
--   [--only=TEXT]               scenes and cases whose name holds it, none when empty
--   [--cloud=NAME]              only this cloud
--   [--replay=SEED[:STEPS[:CLOUD]]]  one random history, with its trace
--   [--faces=SEED:CLOUD:KEYS]   one history of somebody who types anything at the full screen
--   [--homes=SEED:CLOUD]        one history of three homes, with its trace
--   [--policy=SEED]             one start with a random policy
--   [--crash=A:B:…]             one crash point, with its trace, as a failure names it
local cases = require "dst.cases"
local chance = require "dst.chance"
local clock = require "base.clock"
local clouds = require "dst.clouds"
local crash = require "dst.crash"
local faces = require "dst.faces"
local fail = require "base.fail"
local kinds = require "dst.safety_kinds"
local plays = require "dst.play"
local policies = require "dst.policies"
local scenes = require "dst.scenes"
local several = require "dst.several"
local sorted = require "base.sorted"
local tally = require "dst.tally"
local term = require "base.term"
local workday = require "dst.workday"

local FACES, MANY_FACES, FACE_KEYS = 1, 35, 300 -- histories of typed keys; so many of them with --long
local MANY_HOMES = 30 -- with --long
local SEEDS, HOMES, FEW = 150, 8, 1 -- what a run without options does

local failed, first_only, sought = 0, false, nil

-- The violation of a history that counts: the first, or the first of the invariant that is looked for.
local function counted(verdict, p)
  if not sought then return verdict end
  for _, line in ipairs(p and p.judge.broken_list or { verdict }) do
    if line:match("^%w+") == sought then return line end
  end
end

local function report(name, failures)
  if #failures == 0 then return term.out("ok - " .. name .. "\n") end
  failed = failed + 1
  term.out(("not ok - %s: %d histories fail, the first: %s (replay with %s)\n"):format(name, #failures,
    failures[1].verdict, failures[1].replay))
  for i = 2, math.min(#failures, 12) do
    term.out(("  %s %s: %s\n"):format(failures[i].replay, failures[i].hit or "", failures[i].verdict))
  end
end

local function show(verdict, p)
  term.out(table.concat(p.lines, "\n") .. "\n" .. (verdict or "no violation") .. "\n" .. p:hash() .. "\n")
  return verdict and 1 or 0
end

local function replay(text)
  local seed, steps, cloud = text:match("^(%d+):?(%d*):?(%a*)$")
  return show(chance.play(tonumber(seed), tonumber(steps), cloud ~= "" and cloud or nil))
end

local function crash_points(options, cloud)
  for index, scene in ipairs(scenes.list) do
    if (not options.only or scene.name:find(options.only, 1, true)) and (scene.cloud or cloud) == cloud then
      local count, points, failures = crash.scene(index, not options.crash and FEW or nil, cloud,
        counted, first_only)
      report(("crash points, %s: %s (%d points, %d histories)"):format(cloud, scene.name,
        points, count), failures)
      if first_only and failed > 0 then return end
    end
  end
end

-- What is ordered must happen in some of so many histories.
local function happened(counts, count, cloud)
  local names = chance.names()
  for name in sorted(kinds.not_at[cloud]) do names[name] = nil end
  local lines, never = counts:report(names)
  term.out("# faults of the random histories, " .. cloud .. ":\n" .. table.concat(lines, "\n") .. "\n")
  if count < SEEDS or sought then return end
  report("every kind of fault happens, " .. cloud, #never > 0
    and { { replay = "--parts=random", verdict = table.concat(never, ", ") .. " never happened" } } or {})
end

local function random_histories(first, count, cloud)
  local failures, counts = {}, tally.new()
  for seed = first, first + count - 1 do
    local verdict, p = chance.play(seed, nil, cloud)
    counts:add(p)
    verdict = counted(verdict, p)
    if verdict then
      local steps = #chance.steps(seed)
      if not sought then steps, verdict = chance.shrink(seed, cloud) end
      failures[#failures + 1] = { replay = ("--replay=%d:%d:%s"):format(seed, steps, cloud),
        verdict = verdict }
      if first_only then break end
    end
  end
  report(("random histories, %s (%d from seed %d)"):format(cloud, count, first), failures)
  happened(counts, count, cloud)
end

-- Three homes on one account.
local function three_homes(first, count, cloud)
  local failures = {}
  for seed = first, first + count - 1 do
    local verdict = several.play(seed, cloud)
    if verdict and (not sought or verdict:match("^%w+") == sought) then
      failures[#failures + 1] = { replay = ("--homes=%d:%s"):format(seed, cloud), verdict = verdict }
      if first_only then break end
    end
  end
  report(("three homes on one account, %s (%d from seed %d)"):format(cloud, count, first), failures)
end

-- Somebody who types anything at the full screen.
local function random_keys(first, count, cloud)
  local failures, keys = {}, count * FACE_KEYS
  for seed = first, first + count - 1 do
    local verdict = faces.play(seed, cloud, FACE_KEYS)
    if verdict and (not sought or verdict:match("^%w+") == sought) then
      failures[#failures + 1] = { replay = ("--faces=%d:%s:%d"):format(seed, cloud, FACE_KEYS),
        verdict = verdict }
      if first_only then break end
    end
  end
  report(("the full screen, %s (%d keys at random from seed %d)"):format(cloud, keys, first), failures)
end

-- The same seed must give the same history, to the byte; another seed another one.
local function determinism(cloud)
  local failures = {}
  for seed = 1, 5 do
    local _, one = chance.play(seed, nil, cloud)
    local _, two = chance.play(seed, nil, cloud)
    local _, three = chance.play(seed + 100, nil, cloud)
    if one:hash() ~= two:hash() or one:hash() == three:hash() then
      failures[#failures + 1] = { replay = "--replay=" .. seed,
        verdict = "S10: two runs differ, or two seeds do not" }
    end
  end
  report("the same seed gives the same history, " .. cloud, failures)
end

local POLICIES = 60

local function random_policies()
  local failures, rented = {}, 0
  for seed = 1, POLICIES do
    local wrong, some = policies.play(seed)
    rented = rented + (some and 1 or 0)
    if wrong and counted(wrong) then
      failures[#failures + 1] = { replay = "--policy=" .. seed, verdict = wrong }
    end
  end
  if not sought and rented < POLICIES / 10 then
    failures[#failures + 1] = { replay = "all", verdict = rented .. " policies rented something, too few" }
  end
  report(("starts with random policies (%d, %d rent something)"):format(POLICIES, rented), failures)
end

-- Nobody but a person at the terminal agrees to a sum.
local function consent()
  local above, below, said = policies.agreeing("0.05", "\n"), policies.agreeing("2", "\n"),
    policies.agreeing("0.05", "y\n")
  local once, alone = policies.refused("y\n"), policies.refused()
  local verdict = above + below > 0 and "S5: a screen of the user's own agreed to a sum" or said == 0
    and "a person could not agree" or once and ("S5: one yes to another sum rented for $%.3f/h"):format(once)
    or alone and ("S5: a line that nobody stands behind rented for $%.3f/h"):format(alone) or nil
  report("consent is a person's", verdict and { { replay = "all", verdict = verdict } } or {})
end

-- A sum that was agreed to before covers a tenth more, whatever the cloud refuses, and no price above the
-- limit.
local function agreed()
  local verdict
  local function is(rented, code, words, refusals, most)
    local rate, got = policies.agreed(words, refusals, most)
    if (rate ~= nil) ~= rented or got ~= code then
      verdict = verdict or ("S5: `up %s` with %d offers refused ended with %s and rented %s"):format(
        table.concat(words, " "), refusals, tostring(got), rate and ("for $%.3f/h"):format(rate) or "nothing")
    end
  end
  is(true, 0, { "--agreed=1.70" }, 1)
  is(false, 8, { "--agreed=1.70" }, 2)
  is(false, 8, { "--agreed=1.50" }, 0)
  is(true, 0, { "--agreed=3" }, 2)
  is(false, 8, { "--agreed=100" }, 0, "0.10")
  is(true, 0, { "--agreed=100", "--max-price=0.22" }, 0, "0.10")
  is(false, 8, { "--agreed=1.70", "--max-price=5" }, 2)
  report("a yes given before covers its sum", verdict and { { replay = "all", verdict = verdict } } or {})
end

local function told_cases(options, cloud)
  for _, row in ipairs(cases.of(cloud, options.long, options.only)) do
    local verdict = counted(cases.play(row.case, cloud))
    report(("case, %s: %s: %s"):format(cloud, row.case.group, row.case.name),
      verdict and { { replay = ("--case=%d:%s"):format(row.index, cloud), verdict = verdict } } or {})
    if first_only and failed > 0 then return end
  end
end

local PARTS = { "policies", "consent", "workday", "determinism", "cases", "random", "homes", "faces",
  "crash" }

-- What was ordered in all histories, and whether it happened: the table of docs/safety.md. A kind that never
-- happened is a failure of a run of everything at all clouds.
local function table_of_kinds(total, everything)
  total:next(nil)
  local function of(name, cloud) return total:of(name, cloud) end
  term.out("# what was ordered, and what happened:\n" .. table.concat(kinds.lines(of), "\n") .. "\n")
  local never = everything and kinds.never(of) or {}
  report("every kind of fault happens",
    #never > 0 and { { replay = "all", verdict = table.concat(never, ", ") .. " never happened" } } or {})
end

-- The parts to play. text: names with commas, or nil for all. → set
local function parts_of(text)
  local set = {}
  for name in (text or table.concat(PARTS, ",")):gmatch("[^,]+") do
    if not table.concat(PARTS, " "):find(name, 1, true) then
      fail.raise("usage", "dst has no part " .. name)
    end
    set[name] = true
  end
  return set
end

local function at_cloud(cloud, parts, options)
  local function over() return first_only and failed > 0 end
  if parts.determinism then determinism(cloud) end
  if parts.cases and options.only ~= "" then told_cases(options, cloud) end
  if parts.random and options.seeds ~= "0" and not over() then
    random_histories(tonumber(options.from) or 1, tonumber(options.seeds) or SEEDS, cloud)
  end
  if parts.homes and options.seeds ~= "0" and not over() then
    three_homes(tonumber(options.from) or 1, tonumber(options.seeds)
      or options.long and MANY_HOMES or HOMES, cloud)
  end
  if parts.faces and options.seeds ~= "0" and not over() then
    random_keys(tonumber(options.from) or 1, tonumber(options.seeds) or options.long and MANY_FACES or FACES,
      cloud)
  end
  if parts.crash and options.only ~= "" and not over() then crash_points(options, cloud) end
end

local OPTIONS = {}
for name in ("seeds from crash first parts long case only cloud replay homes faces policy"):gmatch("%a+") do
  OPTIONS[name] = true
end

local function options_of(...)
  local options = {}
  for _, word in ipairs { ... } do
    local name, value = word:match("^%-%-(%a+)=?(.*)$")
    if not OPTIONS[name] then
      fail.raise("usage", "dst does not know " .. word)
    end
    options[name] = value
  end
  if options.cloud and not clouds[options.cloud] then
    fail.raise("usage", "dst has no cloud " .. options.cloud)
  end
  return options
end

local function main(...)
  local options = options_of(...)
  if options.replay then return replay(options.replay) end
  if options.policy then
    local wrong = policies.play(tonumber(options.policy))
    term.out((wrong or "no violation") .. "\n")
    return wrong and 1 or 0
  end
  if options.crash and options.crash ~= "" then
    return show(crash.replay(options.crash))
  end
  if options.homes then
    local seed, cloud = options.homes:match("^(%d+):(%a+)$")
    return show(several.play(tonumber(seed), cloud))
  end
  if options.faces then
    local seed, cloud, keys = options.faces:match("^(%d+):(%a+):(%d+)$")
    return show(faces.play(tonumber(seed), cloud, tonumber(keys)))
  end
  if options.case then
    local index, cloud = options.case:match("^(%d+):(%a+)$")
    return show(cases.play(cases.list[tonumber(index)], cloud))
  end
  local started = clock.now()
  first_only, sought = options.first ~= nil, options.first ~= "" and options.first or nil
  local parts = parts_of(options.parts)
  if not sought then plays.total = tally.new() end
  if not options.cloud or options.cloud == clouds.list[1] then
    if parts.policies then random_policies() end
    if parts.consent then
      consent()
      agreed()
    end
    if parts.workday then report("examples/workday.lua keeps working hours", workday.run()) end
  end
  for _, cloud in ipairs(options.cloud and { options.cloud } or clouds.list) do
    at_cloud(cloud, parts, options)
  end
  if not sought and not options.only then
    table_of_kinds(plays.total, not (options.cloud or options.parts or options.seeds))
  end
  term.err(("%s\n"):format(clock.duration(clock.now() - started)))
  return failed == 0 and 0 or 1
end

return main(...)
