-- SPDX-License-Identifier: MIT
--- Offers with every field of the search answer (facts/vast.md §1.5), made from short rows.
local rows = require "cloudsim.vast.offer_rows"
local sorted = require "base.sorted"

local offers = {}

-- What belongs to a GPU: memory bandwidth GB/s, watts, compute capability, TFLOPS, deep-learning score,
-- cores' architecture.
local GPUS = {
  ["A100 SXM4"] = { 1690.2, 400, 800, 19.5, 48.1 }, ["A100 PCIE"] = { 1555.0, 300, 800, 19.5, 44.0 },
  ["RTX A6000"] = { 768.0, 300, 860, 38.7, 31.2 }, ["RTX 6000Ada"] = { 960.0, 300, 890, 91.1, 62.0 },
  ["RTX PRO 6000 S"] = { 1597.0, 600, 1200, 120.0, 118.0 }, ["H100 SXM"] = { 3350.0, 700, 900, 67.0, 120.0 },
  ["H100 PCIE"] = { 2039.0, 350, 900, 51.0, 98.0 }, ["H100 NVL"] = { 3938.0, 400, 900, 60.0, 112.0 },
  ["H200"] = { 4800.0, 700, 900, 67.0, 140.0 }, ["B200"] = { 8000.0, 1000, 1000, 80.0, 260.0 },
  ["GH200 SXM"] = { 4000.0, 700, 900, 67.0, 119.0 }, ["L40S"] = { 864.0, 350, 890, 91.6, 60.0 },
  ["L40"] = { 864.0, 300, 890, 90.5, 55.0 }, ["A40"] = { 696.0, 300, 860, 37.4, 29.0 },
  ["RTX 4090"] = { 1008.0, 450, 890, 82.6, 66.0 }, ["RTX 5090"] = { 1792.0, 575, 1200, 104.8, 105.0 },
  ["RTX 3090"] = { 936.0, 350, 860, 35.6, 33.0 }, ["L4"] = { 300.0, 72, 890, 30.3, 17.0 },
  ["Tesla T4"] = { 320.0, 70, 750, 8.1, 8.0 },
}

local function country(geolocation)
  local tail = geolocation and geolocation:match("([^,]*)$"):match("^%s*(.-)%s*$")
  if tail == "United States" then return "US" end
  return tail and tail:match("^%u%u$")
end

local function hardware(row, gpu)
  local count = row.num_gpus or 1
  local cores = row.cpu_cores or 256
  return {
    num_gpus = count, gpu_name = row.gpu_name, gpu_ram = row.gpu_ram, gpu_total_ram = row.gpu_ram * count,
    gpu_frac = count / 8, gpu_arch = "nvidia", gpu_lanes = 16, gpu_mem_bw = gpu[1],
    gpu_max_power = gpu[2] + 0.0, gpu_max_temp = 84.0, gpu_display_active = false, compute_cap = gpu[3],
    cuda_max_good = row.cuda or 12.8, driver_version = row.driver or "570.133.20",
    driver_vers = row.driver_vers or 570133020, bw_nvlink = 0.0, cpu_name = "EPYC 7763 64-Core Processor",
    cpu_arch = row.cpu_arch or "amd64", cpu_cores = cores, cpu_cores_effective = 32.0 * count, cpu_ghz = 2.45,
    cpu_ram = row.cpu_ram or 2064113, has_avx = 1, mobo_name = "H12", os_version = "22.04", pci_gen = 4.0,
    pcie_bw = 21.9, disk_name = "SAMSUNG MZQL2", disk_space = row.disk or 1893.4, disk_bw = row.disk_bw
    or 3120.5, inet_up = row.inet_up or 2210.4, inet_down = row.inet_down or 2804.9, dlperf = gpu[5] * count,
    total_flops = gpu[4] * count, resource_type = "gpu",
  }
end

local function contract(world, row)
  local days = row.days or 89
  return {
    inet_up_cost = row.up_cost or 0.004, inet_down_cost = row.down_cost or 0.002,
    direct_port_count = row.ports or 124, static_ip = row.static_ip ~= false, geolocation = row.geo,
    geolocode = row.geo and 131620 or nil, country = country(row.geo), hosting_type = row.datacenter == false
    and 0 or 1, verification = row.verification or "verified",
    vericode = (row.verification or "verified") == "verified" and 1 or 0, reliability = row.reliability
    or 0.9987, reliability2 = row.reliability or 0.9987, reliability_mult = 0.97,
    expected_reliability = 0.998, external = row.external, on_demand = row.dph, min_bid = row.min_bid,
    storage_cost = row.storage or 0.15, discount_rate = 0.0, discounted_hourly = 0.0,
    credit_discount_max = 0.4, vms_enabled = row.vms == true, is_vm_deverified = false,
    start_date = world.time - 6e6, end_date = world.time + days * 86400, rn = 1, logo = "/static/logo.png",
    vram_costperhour = row.dph / row.gpu_ram,
  }
end

local function build(market, row)
  local world = market.world
  local gpu = assert(GPUS[row.gpu_name], "no data for GPU " .. tostring(row.gpu_name))
  local offer = hardware(row, gpu)
  for key, value in sorted(contract(world, row)) do
    offer[key] = value
  end
  offer.machine_id = world.random:int(11000, 59999)
  offer.host_id = world.random:int(50000, 250000)
  offer.public_ipaddr = row.ip or "127.0.0.1"
  offer.gpu_ids = {}
  for i = 1, offer.num_gpus do
    offer.gpu_ids[i] = world.random:int(10000, 99999)
  end
  offer.score = (row.score or 1) * offer.dlperf / row.dph * 5.5
  offer.row = row
  for _, name in ipairs(row.null or {}) do
    offer[name] = nil
  end
  offers.renew(market, offer)
  return offer
end

--- Gives the machine a fresh ask: an ask can be rented once (facts/vast.md §1.7).
function offers.renew(market, offer)
  market.next_ask = market.next_ask + market.world.random:int(3, 900)
  offer.id = market.next_ask
  offer.bundle_id = 900000000 + market.next_ask
  offer.rented_by = nil
end

--- Builds the offers of a market (state.lua) from `given` rows, or the default ones, and `extra` rows.
function offers.build(market, given, extra)
  local list = {}
  for _, row in ipairs(given or rows) do
    list[#list + 1] = build(market, row)
  end
  for _, row in ipairs(extra or {}) do
    list[#list + 1] = build(market, row)
  end
  return list
end

return offers
