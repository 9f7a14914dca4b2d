-- SPDX-License-Identifier: MIT
--- Search of offers: filters, prices as the question wants them, order, limit (facts/vast.md §1.5).
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local search = {}

local ALIASES = { reliability2 = "reliability", dphtotal = "dph_total", driver_version = "driver_vers",
  ubuntu_version = "os_version", gpu_totalram = "gpu_total_ram" }

local NOT_FILTERS = { type = true, order = true, limit = true, allocated_storage = true,
  disable_bundling = true, select_cols = true }

local TYPES = { ondemand = "ondemand", ["on-demand"] = "ondemand", bid = "bid", reserved = "ondemand" }

-- All columns that exist; `null` when an offer has no value.
local COLUMNS = {}
for name in ([[
  id ask_contract_id bundle_id machine_id host_id num_gpus gpu_name gpu_ram gpu_total_ram gpu_frac
  gpu_arch gpu_ids gpu_lanes gpu_mem_bw gpu_max_power gpu_max_temp gpu_display_active compute_cap
  cuda_max_good driver_version driver_vers bw_nvlink cpu_name cpu_arch cpu_cores cpu_cores_effective
  cpu_ghz cpu_ram has_avx mobo_name os_version pci_gen pcie_bw disk_name disk_space disk_bw inet_up
  inet_down inet_up_cost inet_down_cost internet_up_cost_per_tb internet_down_cost_per_tb
  direct_port_count public_ipaddr static_ip geolocation geolocode hosting_type hostname verification
  vericode reliability reliability2 reliability_mult expected_reliability rentable rented external
  resource_type is_bid min_bid dph_base dph_total dph_total_adj storage_cost storage_total_cost
  vram_costperhour platform_fee discount_rate discounted_hourly discounted_dph_total credit_discount_max
  search instance dlperf dlperf_per_dphtotal total_flops flops_per_dphtotal score rn start_date end_date
  duration time_remaining time_remaining_isbid vms_enabled is_vm_deverified cluster_id bundled_results
  webpage logo avail_vol_ask_id avail_vol_dph avail_vol_size nw_disk_min_bw nw_disk_max_bw
  nw_disk_avg_bw
]]):gmatch("%S+") do
  COLUMNS[#COLUMNS + 1] = name
end

-- Vast's own command line sends numbers as text now and then.
local function alike(a, b)
  return type(a) == "number" and type(b) == "string" and tonumber(b) or b
end

local function equal(a, b)
  b = alike(a, b)
  if a == nil and b == false then
    return true -- an absent flag is not set
  end
  return a == b
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if equal(value, item) then return true end
  end
  return false
end

local function comparable(a, b)
  return type(a) == "number" and type(b) == "number" or type(a) == "string" and type(b) == "string"
end

local function ordered(compare)
  return function(a, b)
    b = alike(a, b)
    return comparable(a, b) and compare(a, b)
  end
end

local OPS = {
  eq = equal,
  neq = function(a, b) return (a ~= nil or type(b) == "boolean") and not equal(a, b) end,
  gt = ordered(function(a, b) return a > b end),
  lt = ordered(function(a, b) return a < b end),
  gte = ordered(function(a, b) return a >= b end),
  lte = ordered(function(a, b) return a <= b end),
  ["in"] = function(a, b) return type(b) == "table" and contains(b, a) end,
  notin = function(a, b) return a ~= nil and type(b) == "table" and not contains(b, a) end,
}
search.ops = OPS

--- What the search shows for an offer: prices by `kind`, disk for `gigabytes`.
function search.view(world, offer, kind, gigabytes)
  local row = {}
  for _, name in ipairs(COLUMNS) do
    row[name] = offer[name]
  end
  local base = kind == "bid" and offer.min_bid or offer.on_demand
  local disk = offer.storage_cost * gigabytes / 720
  local total = base + disk
  row.id, row.ask_contract_id = offer.id, offer.id
  row.is_bid = kind == "bid"
  row.dph_base, row.storage_total_cost, row.dph_total = base, disk, total
  row.dph_total_adj, row.discounted_dph_total = total * 1.016, total
  row.internet_up_cost_per_tb = offer.inet_up_cost * 1024
  row.internet_down_cost_per_tb = offer.inet_down_cost * 1024
  row.dlperf_per_dphtotal = offer.dlperf / total
  row.flops_per_dphtotal = offer.total_flops / total
  row.rented, row.rentable = offer.rented_by ~= nil, offer.rented_by == nil
  row.duration = math.max(0, offer.end_date - world.time)
  row.time_remaining, row.time_remaining_isbid = "", ""
  local prices = { gpuCostPerHour = base, diskHour = disk, totalHour = total, discountTotalHour = 0,
    discountedTotalPerHour = total }
  row.search, row.instance = prices, prices
  return row
end

-- The value a filter looks at: some columns of the question are not columns of the answer.
local function looked_at(row, offer, name)
  if name == "verified" then
    return offer.verification == "verified"
  elseif name == "datacenter" then
    return offer.hosting_type == 1
  elseif name == "geolocation" then
    return offer.country
  end
  return row[ALIASES[name] or name]
end

local function known(name)
  if name == "verified" or name == "datacenter" or ALIASES[name] then
    return true
  end
  return contains(COLUMNS, name)
end

local function passes(row, offer, filters)
  for _, filter in ipairs(filters) do
    if not OPS[filter.op](looked_at(row, offer, filter.name), filter.value) then
      return false
    end
  end
  return true
end

-- The filters of a question as a list, or nil when one is malformed. Unknown fields are left out.
local function filters_of(query)
  local list, given = {}, {}
  for name, ops in sorted(query) do
    if not NOT_FILTERS[name] then
      if type(ops) ~= "table" then return nil end
      given[ALIASES[name] or name] = true
      for op, value in sorted(ops) do
        if not OPS[op] then return nil end
        if known(name) then
          list[#list + 1] = { name = name, op = op, value = value }
        end
      end
    end
  end
  for name, value in sorted({ verified = true, rentable = true, rented = false }) do
    if not given[name] then
      list[#list + 1] = { name = name, op = "eq", value = value }
    end
  end
  return list
end

local function before(order)
  return function(a, b)
    for _, key in ipairs(order) do
      local name, down = ALIASES[key[1]] or key[1], key[2] == "desc"
      local x, y = a[name], b[name]
      if x ~= y and (x == nil or y == nil) then
        return y == nil -- nulls last
      elseif x ~= y and comparable(x, y) then
        if down then return x > y end
        return x < y
      end
    end
    return a.id < b.id
  end
end

local function valid_order(order)
  if type(order) ~= "table" then return false end
  for _, key in ipairs(order) do
    if type(key) ~= "table" or type(key[1]) ~= "string" then return false end
  end
  return true
end

--- Answers a question. → array of rows, or nil when the question is malformed.
function search.run(world, query)
  local kind = TYPES[query.type or "ondemand"]
  local gigabytes = query.allocated_storage or 8
  local order = query.order or { { "score", "desc" } }
  local limit = query.limit or 64
  local filters = filters_of(query)
  if not (kind and filters and type(gigabytes) == "number" and valid_order(order)
    and type(limit) == "number") then
    return nil
  end
  local found = {}
  for _, offer in ipairs(world.vast.offers) do
    if offer.end_date > world.time and (kind ~= "bid" or offer.min_bid) then
      local row = search.view(world, offer, kind, gigabytes)
      if passes(row, offer, filters) then
        found[#found + 1] = row
      end
    end
  end
  table.sort(found, before(order))
  for i = #found, math.max(0, limit // 1) + 1, -1 do
    found[i] = nil
  end
  return found
end

--- A row with its nulls written out; only `columns` if given, of which unknown ones are null.
function search.shown(row, columns)
  local out = {}
  for _, name in ipairs(columns or COLUMNS) do
    out[name] = reply.maybe(row[name])
  end
  return out
end

return search
