-- SPDX-License-Identifier: MIT
--- The instance object of get and list, all fields (facts/vast.md §1.8).
local json = require "base.json"
local reply = require "cloudsim.reply"
local sorted = require "base.sorted"

local view = {}

local FROM_OFFER = { "direct_port_count", "static_ip", "machine_id", "host_id", "bundle_id", "geolocation",
  "num_gpus", "gpu_name", "gpu_ram", "gpu_frac", "cpu_cores", "cpu_cores_effective", "cpu_ram", "cpu_name",
  "cpu_arch", "reliability2", "verification", "hosting_type", "min_bid", "storage_cost", "inet_up_cost",
  "inet_down_cost", "inet_up", "inet_down", "end_date", "credit_discount_max", "cuda_max_good",
  "driver_version", "dlperf", "score", "gpu_mem_bw", "gpu_lanes", "pcie_bw", "disk_bw", "disk_name",
  "os_version", "mobo_name", "compute_cap", "total_flops", "gpu_arch", "cluster_id" }

-- "22/tcp" → [{HostIp, HostPort}], numbers as text; null until it runs.
local function ports(instance)
  if not instance.ports then return json.null end
  local out = {}
  for name, number in sorted(instance.ports) do
    out[name] = { { HostIp = "0.0.0.0", HostPort = tostring(number) }, { HostIp = "::",
      HostPort = tostring(number) } }
  end
  return json.object(out)
end

local function prices(gpu, disk)
  return { gpuCostPerHour = gpu, diskHour = disk, totalHour = gpu + disk, discountTotalHour = 0,
    discountedTotalPerHour = gpu + disk }
end

-- What is billed now, from the ledger itself.
local function billed_now(world, instance)
  local gpu, disk = 0.0, 0.0
  for _, row in ipairs(world.ledger.rows) do
    if row.id == instance.id and not row.closed then
      gpu = gpu + (row.kind == "gpu" and row.rate or 0)
      disk = disk + (row.kind == "disk" and row.rate or 0)
    end
  end
  return gpu, disk
end

local function money(world, instance, out)
  local gpu, disk = billed_now(world, instance)
  local agreed = instance.offer.storage_cost * instance.disk / 720
  out.is_bid, out.dph_base = instance.is_bid, instance.gpu_rate
  out.storage_total_cost, out.dph_total = agreed, instance.gpu_rate + agreed
  out.search, out.instance = prices(instance.gpu_rate, agreed), prices(gpu, disk)
end

local function place(world, instance, out)
  local up = instance.actual ~= nil and instance.actual ~= "created"
  local offer = instance.offer
  out.public_ipaddr = up and (world.settings.public_ip or offer.public_ipaddr or "127.0.0.1") .. "\n" or nil
  out.local_ipaddrs = up and instance.local_ip .. " 172.17.0.1 \n" or nil
  out.country_code = offer.country
  out.ssh_host, out.ssh_idx, out.ssh_port = "ssh4.vast.ai", "4", 10000 + instance.id % 50000
  out.machine_dir_ssh_port = instance.machine_dir_port
  out.direct_port_start, out.direct_port_end = -1, -1
end

local function live(world, instance, out)
  local runs = instance.actual == "running"
  out.start_date, out.duration = instance.created_at, math.max(0, instance.offer.end_date - world.time)
  out.uptime_mins = runs and (world.time - instance.running_since) / 60 or nil
  out.gpu_totalram = instance.offer.gpu_total_ram
  out.gpu_util, out.gpu_temp = runs and 0.0 or nil, runs and 34.0 or nil
  out.cpu_util, out.mem_usage, out.mem_limit = 0.0, 0.9, 251.0
  out.disk_space, out.disk_usage, out.disk_util = instance.disk, 3.1, 0.02
  out.client_run_time, out.host_run_time = 1.0, 2592000.0
end

local ALL = {}
for name in ([[
  id actual_status intended_status cur_state next_state status_msg label image_uuid image_runtype
  image_args onstart extra_env public_ipaddr local_ipaddrs ports ssh_host ssh_idx ssh_port
  machine_dir_ssh_port direct_port_start direct_port_end country_code gpu_totalram gpu_util gpu_temp
  cpu_util mem_usage mem_limit disk_space disk_usage disk_util is_bid dph_base dph_total
  storage_total_cost search instance start_date duration uptime_mins client_run_time host_run_time
  time_remaining time_remaining_isbid jupyter_token template_id template_hash_id template_name
  credit_balance credit_discount external rentable volume_info webpage logo
]]):gmatch("%S+") do
  ALL[#ALL + 1] = name
end
for _, name in ipairs(FROM_OFFER) do
  ALL[#ALL + 1] = name
end

--- The whole object; absent values are written as null. `columns` limits, unknown ones are null.
function view.instance(world, instance, columns)
  local out = {}
  for _, name in ipairs(FROM_OFFER) do
    out[name] = instance.offer[name]
  end
  out.id, out.label = instance.id, instance.label
  out.actual_status, out.intended_status = instance.actual, instance.intended
  out.cur_state, out.next_state, out.status_msg = instance.current, instance.next, instance.message
  out.image_uuid, out.image_runtype, out.onstart = instance.image, instance.runtype, instance.onstart
  out.image_args, out.extra_env = json.array(instance.args), json.array(instance.env)
  out.ports = ports(instance)
  money(world, instance, out)
  place(world, instance, out)
  live(world, instance, out)
  out.time_remaining, out.time_remaining_isbid = "", ""
  out.jupyter_token, out.template_hash_id = instance.jupyter_token, instance.template_hash_id
  out.external, out.rentable, out.volume_info, out.logo = false, true, json.array({}), "/static/logo.png"
  local shown = {}
  for _, name in ipairs(columns or ALL) do
    shown[name] = reply.maybe(out[name])
  end
  return shown
end

return view
