-- SPDX-License-Identifier: MIT
-- Sweep: what may be chosen, what is proven, what is said.
local money = require "ui.money"
local sweep = require "money.sweep"

local OWN, OTHER = "cplz-aaaaaaaa-0123456789ab", "cplz-bbbbbbbb-0123456789ab"
local KEY = "good-key-0123456789abcdef"
local HOME = "/home/user/.continueplz"

return function(t)
  local world = t:load("setup_world")(t)
  local fake = t:load("fakehost")

  local function row(kind, id, token, whose)
    return { cloud = "c", kind = kind, id = id, token = token, whose = whose, bills = true, hourly = 0.5 }
  end

  local function ids(rows)
    local list = {}
    for index, each in ipairs(rows) do list[index] = each.id end
    return table.concat(list, " ")
  end

  local found = { clouds = { { name = "c", title = "C" } }, rows = {
    row("machine", "m1", OWN, "this"), row("key", "k1", OWN, "this"), row("machine", "m2", OTHER, "other"),
    row("key", "k2", OTHER, "other"), row("machine", "m3", nil, "foreign"),
    row("key", "k3", nil, "foreign") } }
  local nobody = { holds = function() end }

  t:case("a yes never covers what is foreign, nor what a machine that stays needs", function()
    t:equal(ids(sweep.chosen(nobody, found, function() return true end)), "m1 k1 m2 k2")
    t:equal(ids(sweep.chosen(nobody, found, function(each) return each.whose == "this" end)), "m1 k1")
    t:equal(ids(sweep.chosen(nobody, found, function(each) return each.kind == "key" end)), "")
    local holds = { holds = function() return { token = OWN } end }
    local things = { clouds = found.clouds, rows = { found.rows[2] } }
    t:equal(ids(sweep.chosen(holds, things, function() return true end)), "", "a machine that no list shows")
    t:equal(ids(sweep.chosen(nobody, things, function() return true end)), "k1")
  end)

  t:case("the money line: not known without every list, and what bears this home's name is named", function()
    t:equal(money.after_sweep({ rows = {} }, {}, {}, nil), "none is running for this folder")
    t:equal(money.after_sweep({ rows = {} }, {}, {}, "C gave no list"), "NOT KNOWN: C gave no list")
    local text = money.after_sweep(found, {}, {}, "C gave no list")
    for _, part in ipairs { "NOT KNOWN: C gave no list; known: running, $0.500/h for machine m1 on c",
      "in other folders of yours 2 more" } do
      t:ok(text:find(part, 1, true), text)
    end
  end)

  t:case("the screen: whose, since when, at what rate; foreign things without a price are counted", function()
    local at = require("base.clock").parse_iso "2026-11-28T10:00:00Z"
    local key = { cloud = "c", kind = "SSH key", id = "k3", whose = "foreign", bills = false }
    local shown = { clouds = { { name = "c", title = "C" },
      { name = "d", title = "D", problem = "it is down" } }, rows = {
      { cloud = "c", kind = "machine", id = "m1", token = OWN, home = "aaaaaaaa", whose = "this",
        status = "running", since = at, hourly = 0.5, bills = true }, found.rows[5], key, key } }
    t:equal(require("ui.sweep").lines { found = shown, now = at + 3600, used = OWN }, {
      "D: NOT KNOWN, it gave no complete list: it is down", "", "This folder's (cplz-aaaaaaaa):",
      "  machine m1 at C, running, since 2026-11-28T10:00:00Z (1h 00m), $0.500/h, in",
      "    use here", "    " .. OWN, "", "Not made by continueplz, never touched:",
      "  machine m3 at C, $0.500/h", "  2 × SSH key at C, cost nothing" })
  end)

  t:case("a home that took over another one's machine keeps its own name", function()
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    local p = s:start(function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire "test")
      journal:append("found", OWN, { id = "1", provider = "vast" })
      journal:append("found", OTHER, { id = "2", provider = "vast", by = "user", from = "bbbbbbbb",
        ending = "sweep" })
      return journal:known_prefix(), journal:holds(OTHER).stopping, journal:holds(OWN).stopping
    end, { home = HOME })
    s:run()
    t:equal({ p:result() }, { "cplz-aaaaaaaa-", "sweep" })
  end)

  -- A Vast with these volumes at each look; the last goes on. disk: of a run before. → code, stdout, stderr,
  -- ids that were deleted, disk
  local function volumes(line, looks, disk, answers)
    local deleted, at = {}, 0
    local vast = world.vast(answers)
    local before = { ["home.id"] = "aaaaaaaa\n" }
    for _, name in ipairs(disk and { "journal", "history", ".continueplz.state" } or {}) do
      before[name] = disk[HOME .. "/" .. name] and disk[HOME .. "/" .. name].data
    end
    local code, out, err, s = world.run(line, { env = { VAST_API_KEY = KEY },
      files = before, http = function(request)
        if not request.path:find("/volumes/", 1, true) then return vast(request) end
        if request.method == "DELETE" then
          deleted[#deleted + 1] = request.body
          return { json = { success = true } }
        end
        at = math.min(at + 1, #looks)
        return { body = ('{"volumes":[%s]}'):format(looks[at]) }
      end })
    return code, out, err, deleted, s.disk
  end

  local MINE = '{"id":7,"label":"' .. OWN .. '","storage_total_cost":0.01,"status":"active"}'
  local FOREIGN = '{"id":8,"label":"data","storage_total_cost":0.02}'

  t:case("a volume of ours is removed and proven by two complete lists; a foreign one stays", function()
    local both = MINE .. "," .. FOREIGN
    local code, out, err, deleted = volumes("sweep -y", { both, both, FOREIGN })
    t:equal({ code, deleted }, { 0, { '{"id":7}' } }, out .. err)
    world.says(out, "never touched", "volume 8 at Vast.ai", "Removed volume 7")
  end)

  t:case("one that shows again is not proven", function()
    local looks = { MINE, MINE, "", MINE, "", MINE, "", MINE, "", MINE }
    local code, out, err, deleted = volumes("sweep -y", looks)
    t:equal({ code, #deleted > 1 }, { 1, true }, out .. err)
    world.says(out .. err, "could not be proven removed", "MAY STILL BE RUNNING")
  end)

  local stubborn = { MINE, MINE, "", MINE, "", MINE, "", MINE, "", MINE }

  t:case("what is not proven gone is told by every command, until a stop proves it", function()
    local _, _, _, _, disk = volumes("sweep -y", stubborn)
    t:ok(disk[HOME .. "/journal"].data:find('"kind":"unremoved"', 1, true), "not in the journal")
    local code, out, err, deleted, after = volumes("status --output=json", { MINE }, disk)
    t:equal({ code, #deleted }, { 0, 2 }, out .. err)
    world.says(out, '"money_running":null', "volume 7 at Vast.ai was asked to go and is not proven gone",
      "ack 7")
    code, out, err = volumes("stop", { MINE }, after)
    t:equal(code, 1, out .. err)
    world.says(out, "Money: MAY STILL BE RUNNING: volume 7 on vast could not be proven removed ($0.010/h)")
    code, out, err, deleted, disk = volumes("stop", { "" }, after)
    t:equal({ code, deleted }, { 0, {} }, out .. err)
    world.says(out, "Removed volume 7", "Money: none is running")
    t:ok(not disk[HOME .. "/journal"].data:find("volume", 1, true), "what is over stays in the journal")
    code, out, err = volumes("stop", { "" }, disk)
    world.says(out .. err, "Nothing is running")
    t:equal(code, 0)
  end)

  t:case("another account's list is no proof, a failing one neither; a later sweep proves it", function()
    local _, _, _, _, disk = volumes("sweep -y", stubborn)
    local other = { ["users/current"] = { json = { id = 8, username = "eve", credit = 1 } } }
    local code, out, err, _, after = volumes("stop", { "" }, disk, other)
    t:equal(code, 1, out .. err)
    world.says(out .. err, "belongs to account 8")
    code, out, err = volumes("stop", { "", "7" }, after)
    t:equal(code, 1, out .. err)
    code, out, err, _, after = volumes("sweep -y", { "" }, after)
    t:equal(code, 0, out .. err)
    world.says(out, "Money: none is running")
    code, out = volumes("status", { "" }, after)
    t:equal(code, 0, out)
  end)

  t:case("ack closes it, for somebody who saw that it is gone", function()
    local _, _, _, _, disk = volumes("sweep -y", stubborn)
    local code, out, err, _, after = volumes("ack 7 -y", { MINE }, disk)
    t:equal(code, 0, out .. err)
    t:ok(not after[HOME .. "/journal"].data:find("volume", 1, true), "it is still in the journal")
    code, out = volumes("ack", { MINE }, after)
    t:equal(code, 7, out)
  end)

  t:case("adopted: no unfinished start, silence counts from then; forgotten: told until ack", function()
    local s = fake.new {}
    s.disk[HOME] = { dir = true, mode = 448, mtime = 0 }
    local p = s:start(function(require)
      local journal = require("home.journal").open(HOME)
      assert(journal:acquire "test")
      local long_ago = require("base.clock").wall() - 90000
      journal:append("found", OWN, { id = "1", provider = "vast", known = true, by = "user", silence = 36000,
        started = long_ago })
      require("base.files").write(HOME .. "/contact",
        require("base.json").encode { token = OWN, heard = long_ago })
      local session = journal:current()
      local contact = require("agent.contact").of(HOME, session)
      local told = { require("money.recover").is_broken(session), contact:silence() < 60, contact:age() < 60 }
      journal:append("forgotten", OWN, { by = "user" })
      told[4], told[5] = #journal:open_sessions(), require("ui.money").sentence(journal:shown())
      told[6] = require("home.sessions").bills(journal:holds(OWN)) == nil
      journal:append("ack", OWN, {})
      told[7] = #journal:shown()
      return told
    end, { home = HOME })
    s:run()
    local told = p:result()
    world.says(told[5], "not known: 1 on vast was forgotten at your word", "continueplz ack")
    told[5] = "told"
    t:equal(told, { false, true, true, 0, "told", true, 0 })
  end)

  t:case("what is foreign is refused by name, and a list that is none is a doubt", function()
    local code, _, err, deleted = volumes("sweep 8 -y", { FOREIGN })
    t:equal({ code, deleted }, { 2, {} }, err)
    for _, broken in ipairs { "7", '{"id":null}', '{"id":7,"label":"' .. OWN .. '"},null' } do
      local failed, out, said, gone = volumes("sweep -y", { broken })
      t:equal({ failed, gone }, { 5, {} }, out .. said)
      world.says(out .. said, "NOT KNOWN")
    end
  end)
end
