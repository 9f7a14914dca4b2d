-- SPDX-License-Identifier: MIT
--- Firewall rules and rulesets (facts/lambda.md §2.7), and what they let through to one machine.
--- /firewall-rules and the ruleset "global" are the same account-wide list here.
local json = require "base.json"
local answers = require "cloudsim.lambda.answers"

local firewall = {}

local PROTOCOLS = { tcp = true, udp = true, icmp = true, all = true }
local MOST_RULES = 100

local function is_network(text)
  if type(text) ~= "string" then return false end
  local a, b, c, d, bits = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)(/?%d*)$")
  local length = bits and (bits == "" and 32 or tonumber(bits:sub(2)))
  return length ~= nil and length <= 32 and math.max(tonumber(a), tonumber(b), tonumber(c),
    tonumber(d)) <= 255
end

local function is_port(value)
  return math.type(value) == "integer" and value >= 1 and value <= 65535
end

-- → sentence, or nil when the rule is good.
local function broken_rule(rule)
  if type(rule) ~= "table" or not PROTOCOLS[rule.protocol] then
    return "protocol must be one of tcp, udp, icmp, all"
  elseif not is_network(rule.source_network) then
    return "source_network must be an IPv4 network"
  elseif rule.description ~= nil and (type(rule.description) ~= "string" or #rule.description > 128) then
    return "description must be at most 128 characters"
  end
  local range = rule.port_range
  if range == nil then
    return rule.protocol ~= "icmp" and "port_range is required" or nil
  elseif type(range) ~= "table" or #range ~= 2 or not is_port(range[1]) or not is_port(range[2])
    or range[1] > range[2] then
    return "port_range must be [min, max]"
  end
  return nil
end

-- → sentence, or nil
local function broken_rules(rules)
  if type(rules) ~= "table" or (next(rules) ~= nil and rules[1] == nil) then
    return "rules must be an array"
  elseif #rules > MOST_RULES then
    return "too many rules"
  end
  for _, rule in ipairs(rules) do
    local sentence = broken_rule(rule)
    if sentence then return sentence end
  end
  return nil
end

local function shown_rules(rules)
  local list = {}
  for i, rule in ipairs(rules) do
    list[i] = { protocol = rule.protocol, port_range = rule.port_range, source_network = rule.source_network,
      description = rule.description or "" }
  end
  return json.array(list)
end

local function shown(call, ruleset)
  return { id = ruleset.id, name = ruleset.name, region = ruleset.region, rules = shown_rules(ruleset.rules),
    created = ruleset.created, instance_ids = json.array(call.state:users_of(ruleset)) }
end

local function shown_global(call)
  return { id = "global", name = "Global Firewall Rules", rules = shown_rules(call.state.rules) }
end

local function missing()
  return answers.fail(404, "global/object-does-not-exist", "Specified firewall ruleset does not exist.")
end

function firewall.get_rules(call)
  return answers.ok(shown_rules(call.state.rules))
end

--- PUT /firewall-rules: what was there before is gone.
function firewall.put_rules(call)
  local rules = call.body and call.body.data
  local sentence = broken_rules(rules)
  if sentence then return answers.invalid(sentence) end
  call.state.rules = rules
  call.state.rules_changed = true
  call.state:audit("firewall-rules", "update", "global")
  call.world:hook("firewall")
  return firewall.get_rules(call)
end

function firewall.list(call)
  local list = {}
  for i, ruleset in ipairs(call.state.rulesets) do
    list[i] = shown(call, ruleset)
  end
  return answers.ok(json.array(list))
end

local function wrong_name(name)
  return type(name) ~= "string" or name == "" or #name > 64
end

function firewall.create(call)
  local state, body = call.state, call.body or {}
  local region = state:region(body.region)
  local sentence = broken_rules(body.rules)
  if wrong_name(body.name) then
    return answers.invalid("name must have 1 to 64 characters")
  elseif not region then
    return answers.invalid("Region " .. tostring(body.region) .. " does not exist.")
  elseif sentence then
    return answers.invalid(sentence)
  elseif #state.rulesets >= call.world.settings.lambda_ruleset_quota then
    return answers.fail(400, "global/quota-exceeded")
  end
  local ruleset = { id = state.random:hex(32), name = body.name, region = region, rules = body.rules,
    created = state:iso() }
  state.rulesets[#state.rulesets + 1] = ruleset
  state:audit("firewall-ruleset", "create", ruleset.id)
  return answers.ok(shown(call, ruleset))
end

function firewall.get(call)
  if call.args[1] == "global" then return answers.ok(shown_global(call)) end
  local ruleset = call.state.row_of(call.state.rulesets, "id", call.args[1])
  return ruleset and answers.ok(shown(call, ruleset)) or missing()
end

--- PATCH: name and rules; given rules replace all.
function firewall.patch(call)
  local state, body, global = call.state, call.body or {}, call.args[1] == "global"
  local ruleset = state.row_of(state.rulesets, "id", call.args[1])
  local sentence = body.rules ~= nil and broken_rules(body.rules)
  if not ruleset and not global then
    return missing()
  elseif body.name ~= nil and (global or wrong_name(body.name)) then
    return answers.invalid("name must have 1 to 64 characters")
  elseif sentence then
    return answers.invalid(sentence)
  end
  if global then
    state.rules, state.rules_changed = body.rules or state.rules, true
  else
    ruleset.name, ruleset.rules = body.name or ruleset.name, body.rules or ruleset.rules
  end
  state:audit("firewall-ruleset", "update", call.args[1])
  call.world:hook("firewall")
  return answers.ok(global and shown_global(call) or shown(call, ruleset))
end

function firewall.delete(call)
  local state = call.state
  local ruleset, place = state.row_of(state.rulesets, "id", call.args[1])
  if not ruleset then
    return missing()
  elseif #state:users_of(ruleset) > 0 then
    return answers.invalid("The firewall ruleset is in use by an instance.")
  end
  table.remove(state.rulesets, place)
  state:audit("firewall-ruleset", "delete", ruleset.id)
  return answers.ok(json.object({}))
end

local function add(open, rules)
  for _, rule in ipairs(rules) do
    for _, protocol in ipairs({ "tcp", "udp" }) do
      if rule.protocol == protocol or rule.protocol == "all" then
        table.insert(open[protocol], rule.port_range)
      end
    end
  end
end

--- What reaches a machine: → {tcp = {{min, max}, …}, udp = …}. Sources are not looked at: here every client
--- is on loopback. Settings: lambda_firewall "additive" or "replace" (attached rulesets instead of the global
--- rules), lambda_us_south_1 "open" or "closed" (the rules do not apply there). What a fault blocked is
--- closed whatever the rules say.
function firewall.open(world, instance)
  local open, settings = { tcp = {}, udp = {} }, world.settings
  if instance.region.name == "us-south-1" then
    add(open, settings.lambda_us_south_1 == "open" and { { protocol = "all", port_range = { 1, 65535 } } }
      or { { protocol = "tcp", port_range = { 22, 22 } } })
  else
    local attached = false
    for _, ruleset in ipairs(world.lambda.rulesets) do
      for _, id in ipairs(instance.rulesets) do
        if id == ruleset.id then
          attached = true
          add(open, ruleset.rules)
        end
      end
    end
    if not attached or settings.lambda_firewall == "additive" then
      add(open, world.lambda.rules)
    end
  end
  for _, protocol in ipairs({ "tcp", "udp" }) do
    open[protocol] = instance[protocol .. "_blocked"] and {} or open[protocol]
  end
  return open
end

return firewall
