-- SPDX-License-Identifier: MIT
--- Paperspace (facts/paperspace.md): machines are virtual machines without a firewall in front, whose startup
--- script runs at boot.
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.paperspace.life"
local reply = require "cloudsim.reply"
local state = require "cloudsim.paperspace.state"

-- A row of GET /machines, as far as other machines do not have it.
local function view(world, instance)
  local open = life.open_ports(world, instance)
  return { label = reply.maybe(instance.name), hostname = instance.hostname, actual_status = instance.status,
    is_bid = false, offer = instance.type.name, gpu_name = instance.type.name, region = instance.region,
    ports = json.object({}), root = reply.maybe(instance.root),
    open = { tcp = json.array(open.tcp), udp = json.array(open.udp) },
    firewall_enforced = reply.maybe(world:hook("enforced", instance)), ip_kind = instance.ip_kind,
    auto_shutdown_hours = instance.auto.enabled and instance.auto.hours or json.null,
    startup_script = reply.maybe(instance.script and instance.script.id) }
end

-- Adds what is around machines; nothing of it is there at the beginning.
local function leftovers(world, found)
  local mine = world.paperspace
  for _, name in ipairs { "startup_scripts", "private_networks", "public_ips", "snapshots",
    "shared_drives", "custom_templates" } do
    found[name] = found[name] or json.array {}
  end
  local function add(list, rows, id)
    for _, row in ipairs(rows) do
      list[#list + 1] = { cloud = "paperspace", id = row[id], name = row.name or row[id] }
    end
  end
  add(found.startup_scripts, mine.scripts, "id")
  add(found.private_networks, mine.networks, "id")
  add(found.public_ips, mine.addresses, "ip")
  add(found.snapshots, mine.snapshots, "id")
  add(found.shared_drives, mine.drives, "id")
  add(found.custom_templates, mine.made_templates, "id")
end

-- GET /startup_script/ID: what was sent, which the cloud itself tells nobody.
local function script(call)
  local row = state.row_of(call.world.paperspace.scripts, "id", call.args[1])
  return reply.text(row and 200 or 404, row and row.script or "")
end

local function shut_down(world, instance, body)
  life.shut_down(world, instance, body.message or "process exited")
end

return {
  name = "paperspace", order = 5,
  handler = require("cloudsim.paperspace.handler").handler, open = state.new,
  sow = function(world) world.paperspace:sow() end,
  -- what the facts do not know can be had either way
  settings = {
    paperspace_page = 25,                   -- rows of a page when no limit is asked for
    paperspace_name_filter = "contains",    -- what ?name= means: or "exact"
    paperspace_calls = false,               -- or so many calls a second
    paperspace_team = "private",            -- or the namespace of a team that others share
    paperspace_standing = "good",           -- "locked", "no payment method", "past due"
    paperspace_max_machines = 20,
    paperspace_script_bytes = 16384,        -- the most that a startup script may have, or false
    paperspace_ip_seconds = 3,              -- from "ready" until the address shows
    paperspace_stop_seconds = 20,
    paperspace_delete_seconds = 30,         -- until the event of a delete is done
    paperspace_bill_until = "done",         -- or "request": of the delete
    paperspace_second_delete = "not_found", -- while the first is going on: "conflict" or "ok"
    paperspace_deleted = "gone",            -- then 404 and not listed; "get" still answers; "listed" as well
    paperspace_shutdown = "off",            -- after a shutdown inside; "ready": it bills on
    paperspace_step = 1,                    -- seconds that are billed whole; 3600: each begun hour
  },
  life = life, context = life.context, machine = require "cloudsim.paperspace.machine",
  view = view, leftovers = leftovers, routes = { { "GET", "^/startup_script/(%w+)$", script } },
  actions = {
    outbid = life.off, resume = life.restart, offline = life.offline, online = life.restart,
    stuck = life.stuck, stop = life.off, destroy = life.destroy, freeze = life.freeze, exit = shut_down,
    label = function(_, instance, body) instance.name = body.value end,
  },
  faults = kinds.of "paperspace",
}
