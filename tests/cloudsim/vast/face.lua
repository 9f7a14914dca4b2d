-- SPDX-License-Identifier: MIT
--- Vast (facts/vast.md §1): machines are containers behind mapped ports.
local handler = require "cloudsim.vast.handler"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local life = require "cloudsim.vast.life"
local reply = require "cloudsim.reply"
local state = require "cloudsim.vast.state"

return {
  name = "vast", order = 1, port_option = "port",
  handler = handler.handler, open = state.new, beat = handler.collect,
  settings = {
    stop_seconds = 2,
    gone = "null",             -- what GET of a destroyed machine answers, or "no_such_instance", "not_found"
    scoped_status = 401,       -- what a machine's own key gets elsewhere
    low_bid_status = 400,
    funds_status = 400,
    min_credit = 0,
    charge_delay = 0,          -- seconds until a charge shows
    stopped_disk_factor = 1.25,
    exited_gpu = false,        -- true: the GPU bills on after the process ended
  },
  offers = function(world) return #world.vast.offers end,
  life = life, context = life.context, machine = require "cloudsim.vast.machine",
  view = function(_, instance)
    return { label = reply.maybe(instance.label), actual_status = reply.maybe(instance.actual),
      intended_status = instance.intended, cur_state = instance.current, is_bid = instance.is_bid,
      offer = instance.ask, ports = json.object(instance.ports or {}), gpu_name = instance.offer.gpu_name,
      env = json.array(instance.env), key = reply.maybe(instance.key) }
  end,
  actions = {
    outbid = life.outbid, resume = life.start, offline = life.offline, online = life.online,
    stuck = life.stuck, destroy = life.destroy, freeze = life.freeze, stop = life.stopped,
    remap = life.remap,
    exit = function(world, instance, body)
      life.exited(world, instance, body.message or "process exited")
    end,
    label = function(_, instance, body) instance.label = body.value end,
  },
  faults = kinds.of "vast",
}
