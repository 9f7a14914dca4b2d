-- SPDX-License-Identifier: MIT
-- The kinds of faults that the campaign plays, and which invariants would show that one was not borne
-- (docs/safety.md holds the same table, compared by tests/lua/test_safety.lua). A kind of tests/cloudsim
-- stands under its own name.
local clouds = require "dst.clouds"
local faces = require "cloudsim.faces"
local faults = require "cloudsim.faults"
local sorted = require "base.sorted"

local kinds = {}

--- { name, what happens, judges }: faults of the clouds.
kinds.clouds = {
  { "api.down", "a connection that is closed without an answer, for one call or for hours", "S2 E2" },
  { "api.429", "too many requests", "S2 E2 E3" },
  { "api.auth", "the key is refused for some calls", "S2 E2" },
  { "api.html", "a page of the web instead of an answer", "S2 E3" },
  { "api.500", "an error of the cloud", "S2 S9 E1" },
  { "api.answer_lost", "done, and the answer is lost", "S2 E2" },
  { "api.endless_body", "an answer that never ends", "E E3" },
  { "api.slow", "an answer after up to 90 s", "E3" },
  { "offers.empty", "no offers", "E3" },
  { "offers.nulls", "offers with nothing in their fields", "S5 E3" },
  { "offers.html", "a page of the web instead of offers", "E3" },
  { "create.no_capacity", "the offer is gone", "S1 E3" },
  { "create.forbidden", "the create is forbidden", "S1 E3" },
  { "create.answer_lost", "created, and the answer is lost", "S1 S2 S4 E2" },
  { "create.lost_before", "not created, and the answer is lost", "S1 E2" },
  { "create.error_but_created", "created, and the answer is an error, a refusal or a page of the web",
    "S2 S4 E2" },
  { "create.price_changed", "dearer than what was shown", "S5" },
  { "create.slow_appear", "shown up to an hour late", "S2 S4 S7 E2" },
  { "create.stopped", "created stopped, and billed", "S4 E2" },
  { "create.twice", "two machines from one create", "S2 S4 E1 E2" },
  { "create.no_key", "a machine without a key to end itself", "E1" },
  { "boot.stuck", "boots for ever", "S4 E E3" },
  { "boot.slow", "boots slowly", "S9 E3" },
  { "boot.oci_failure", "the container does not start", "S4 E3" },
  { "boot.exited", "its programs end while it starts", "S4 E3" },
  { "boot.unhealthy", "unhealthy soon after its birth", "S4 E2" },
  { "boot.scheduling", "its host never takes it", "S4 E3" },
  { "gpu.unused", "the GPU that is paid for is not used", "S4 E3" },
  { "boot.no_udp", "the tunnel's port does not answer over UDP", "S4 E3" },
  { "boot.no_tunnel", "the tunnel's port does not answer, neither over UDP nor over TCP", "S4 E3" },
  { "boot.no_push", "the port that takes the guard does not answer", "S4 E3" },
  { "list.empty", "a list without what is there", "S2" },
  { "list.html", "a page of the web instead of the list", "S2" },
  { "list.500", "the list fails", "S2" },
  { "list.partial", "the list breaks off", "S2 S4" },
  { "list.stale", "the list of a minute ago", "S2 S4" },
  { "get.500", "the look at a machine fails", "S2" },
  { "get.html", "a page of the web instead of the machine", "S2" },
  { "get.hang", "the look at a machine is not answered", "S2 E" },
  { "get.null_fields", "a machine without anything but its id", "S2 E2" },
  { "get.false_null", "gone, says the cloud, and it is there", "S2" },
  { "get.unknown_status", "a status that nobody knows", "S2 E2" },
  { "get.stopped", "stopped, says the cloud, and it is not", "E3" },
  { "destroy.500", "the destroy fails, done or not", "S2 S7 S9 E1 E2" },
  { "destroy.hang", "the destroy is not answered, done or not", "S2 E E2" },
  { "destroy.429", "the destroy is too frequent", "S2 E1 E2" },
  { "destroy.accepted_not_done", "the destroy is acknowledged and not done", "S2 E2" },
  { "guard.refused", "the machine's own key is refused", "E1" },
  { "spot.outbid", "a spot machine is taken", "S9 E2" },
  { "spot.resume", "a taken spot machine comes back", "S2 E2" },
  { "pull.error", "the model cannot be pulled", "E2 E3" },
  { "pull.stall", "the model's pull stands still", "E E3" },
  { "registry.down", "the model registry does not answer", "E3" },
  { "registry.html", "a page of the web instead of a manifest", "E3" },
}

--- The same: what happens to this computer, the user's files, the machine and the account.
kinds.own = {
  { "kill", "a process is killed before, after or in the middle of any act", "S1 S2 S4 S8 E2" },
  { "signal", "INT, TERM or HUP before any act of a start", "E2" },
  { "clock", "the clock is stepped by up to ten years", "S2 E2" },
  { "sleep", "this computer sleeps for 14 h", "E1 E2" },
  { "disk full", "writes fail", "S8 E2" },
  { "beside", "another command at the same moment", "S4 S8" },
  { "offline", "this computer has no network, for minutes or hours", "S2 E2 E3" },
  { "own network", "no way to machines, blocked ports, or something that answers in their place",
    "S5 E2 E3" },
  { "computer dead", "nothing of us ever runs again", "S5 E1" },
  { "machine dead", "its programs are dead, and it bills on", "S2 S9 E2" },
  { "another account", "the key of another account", "S2 S3" },
  { "ports moved", "the host maps the ports anew", "E3" },
  { "no credit", "the account is empty, before or in use", "S5 E2" },
  { "no guard", "rented without a guard", "S2 S5 E2" },
  { "limit off", "limits switched off, all but one or all", "S5 E1 E3" },
  { "key changed", "the account gets another key, the old one is refused", "E2 E4" },
  { "record lost", "journal or all records are deleted, or put back to before the rent, "
      .. "beside an agent or without", "S2 S3 E2" },
  { "home copied", "the home is copied with its name for machines, beside a machine or before one is rented",
    "S2 S4 S7 E2" },
  { "read only", "the home cannot be written", "S8 E2 E4" },
  { "webhook", "the webhook is down, refuses or never answers", "E4" },
  { "guard killed", "the guest is killed, or its program is gone", "S5 E1" },
  { "guard unfit", "a guard that keeps nothing, or whose brake was refused when it was tried", "E1" },
}

--- What a cloud does not have, or what has histories of its own (guard.refused: dst/cases_machine.lua). By
--- cloud: set of names.
kinds.not_at = {}
for _, face in ipairs(faces.clouds) do
  local absent, here = { ["guard.refused"] = true }, faults.at(face.name)
  for name in sorted(faults.names) do absent[name] = absent[name] or not here[name] or nil end
  kinds.not_at[face.name] = absent
end

--- Kinds of the simulator that the campaign does not play, and where they are played.
kinds.elsewhere = {
  ["offers.quota"] = "tests/e2e",
  ["download.down"] = "tests/e2e", ["download.404"] = "tests/e2e", ["download.html"] = "tests/e2e",
  ["download.broken"] = "tests/e2e", ["pull.slow"] = "tests/lua/test_cloudsim_ollama.lua",
  ["boot.no_port"] = "tests/lua/test_cloudsim_runpod_faults.lua",
  ["boot.no_runtime"] = "tests/lua/test_cloudsim_runpod_faults.lua",
  ["pod.stuck"] = "tests/e2e/replicas.lua",
  ["create.locked"] = "tests/lua/test_cloudsim_runpod_faults.lua",
}

-- How often it happened at each cloud; a dash where there is no such thing.
local function at_each(name, of)
  local cells = {}
  for index, cloud in ipairs(clouds.list) do
    local _, happened = of(name, cloud)
    local nowhere = faults.names[name] and not faults.at(cloud)[name]
    cells[index] = nowhere and "–" or tostring(happened)
  end
  return table.concat(cells, " | ")
end

--- The table as lines of Markdown.
-- @param of function(name, cloud or nil: all) → how often ordered, how often it happened
function kinds.lines(of)
  local names, rule = {}, {}
  for index, cloud in ipairs(clouds.list) do
    names[index], rule[index] = require("providers." .. cloud .. ".card").title, "---"
  end
  local lines = { ("| fault | what happens | ordered | %s | judged by |"):format(table.concat(names, " | ")),
    ("|---|---|---|%s|---|"):format(table.concat(rule, "|")) }
  for _, list in ipairs { kinds.clouds, kinds.own } do
    for _, row in ipairs(list) do
      lines[#lines + 1] = ("| %s | %s | %d | %s | %s |"):format(row[1], row[2], (of(row[1])),
        at_each(row[1], of), row[3])
    end
  end
  return lines
end

--- Names of what never happened. of: as of kinds.lines
function kinds.never(of)
  local names = {}
  for _, list in ipairs { kinds.clouds, kinds.own } do
    for _, row in ipairs(list) do
      local _, happened = of(row[1])
      if happened == 0 then names[#names + 1] = row[1] end
    end
  end
  return names
end

return kinds
