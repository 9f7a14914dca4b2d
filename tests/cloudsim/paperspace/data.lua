-- SPDX-License-Identifier: MIT
--- What Paperspace sells (facts/paperspace.md §4.3): machine types with their rates, regions, templates.
local data = {}

--- Ours is a loopback address each, so that programs are reached there: what a claimed address begins with.
data.ADDRESSES = "127.0.4."

local NY2, CA1, AMS1 = "East Coast (NY2)", "West Coast (CA1)", "Europe (AMS1)"
data.regions = { NY2, CA1, AMS1 }

-- type, $/h, card, its memory in GB, cards, CPUs, GB of RAM, regions
local TYPES = {
  { "C5", 0.08, nil, 0, 0, 4, 8, { NY2, CA1, AMS1 } },
  { "GPU+", 0.45, "M4000", 8, 1, 8, 30, { NY2, AMS1 } },
  { "P4000", 0.51, "P4000", 8, 1, 8, 30, { NY2, CA1, AMS1 } },
  { "P5000", 0.78, "P5000", 16, 1, 8, 30, { NY2, CA1, AMS1 } },
  { "P6000", 1.10, "P6000", 24, 1, 8, 30, { NY2, CA1, AMS1 } },
  { "RTX4000", 0.56, "RTX4000", 8, 1, 8, 30, { NY2, CA1, AMS1 } },
  { "RTX5000", 0.82, "RTX5000", 16, 1, 8, 30, { NY2 } },
  { "A4000", 0.76, "A4000", 16, 1, 8, 45, { NY2, CA1, AMS1 } },
  { "A4000x2", 1.52, "A4000", 16, 2, 16, 90, { NY2 } },
  { "A4000x4", 3.04, "A4000", 16, 4, 32, 193, { NY2 } },
  { "A5000", 1.38, "A5000", 24, 1, 8, 45, { NY2, CA1 } },
  { "A5000x2", 2.76, "A5000", 24, 2, 16, 90, { NY2 } },
  { "A5000x4", 5.52, "A5000", 24, 4, 32, 180, { NY2 } },
  { "A6000", 1.89, "A6000", 48, 1, 8, 45, { NY2, CA1 } },
  { "A6000x2", 3.78, "A6000", 48, 2, 16, 90, { NY2 } },
  { "A6000x4", 7.56, "A6000", 48, 4, 32, 180, { NY2 } },
  { "V100", 2.30, "V100", 16, 1, 8, 30, { NY2, AMS1 } },
  { "V100-32G", 2.30, "V100", 32, 1, 8, 30, { NY2 } },
  { "V100-32Gx2", 4.60, "V100", 32, 2, 16, 64, { NY2 } },
  { "V100-32Gx4", 9.20, "V100", 32, 4, 32, 128, { NY2 } },
  { "A100", 3.09, "A100", 40, 1, 12, 90, { NY2 } },
  { "A100-80G", 3.18, "A100-80G", 80, 1, 12, 90, { NY2 } },
  { "A100-80Gx8", 25.44, "A100-80G", 80, 8, 96, 640, { NY2 } },
  { "H100", 5.95, "H100", 80, 1, 20, 250, { NY2 } },
  { "H100x8", 47.60, "H100", 80, 8, 128, 1638, { NY2 } },
}

--- Disks in GB, and what each costs in a month.
data.disks = { { 50, 5 }, { 100, 7 }, { 250, 10 }, { 500, 20 }, { 1000, 40 }, { 2000, 80 } }

--- $ a month of a claimed address, of each GB of a snapshot or template, and of a shared drive.
data.ADDRESS_MONTH, data.SNAPSHOT_MONTH, data.DRIVE_MONTH = 3, 0.29, 0.10
data.HOURS = 730 -- of a month

local function is_for(kind, own)
  local big = kind.name:find("^H100")
  return own == nil and not big or own == kind.name
end

-- id, name, operating system, least GB, the one type it is for
local TEMPLATES = {
  { "t0nspur5", "Ubuntu 22.04", "Ubuntu 22.04", 50 },
  { "tkni3aa4", "Ubuntu 20.04", "Ubuntu 20.04", 50 },
  { "tml0box2", "ML-in-a-Box", "Ubuntu 22.04", 100 },
  { "tcentos7", "CentOS 7", "CentOS 7", 50 },
  { "tiq8mhti", "ML-in-a-Box H100", "Ubuntu 22.04", 100, "H100" },
  { "tvimtol9", "ML-in-a-Box H100x8", "Ubuntu 22.04", 100, "H100x8" },
}

--- → list of types {name, hourly, card, memory (GB of one), gpus, cpus, ram (GB), capacity = {region = n}}
function data.types()
  local list = {}
  for i, row in ipairs(TYPES) do
    local capacity = {}
    for _, region in ipairs(row[8]) do
      capacity[region] = 3
    end
    list[i] = { name = row[1], hourly = row[2], card = row[3], memory = row[4], gpus = row[5], cpus = row[6],
      ram = row[7], capacity = capacity }
  end
  return list
end

--- → list of templates {id, name, os, least, types = {{machineTypeLabel, isAvailable}}}
function data.templates(types)
  local list = {}
  for i, row in ipairs(TEMPLATES) do
    local available = {}
    for n, kind in ipairs(types) do
      available[n] = { machineTypeLabel = kind.name, isAvailable = is_for(kind, row[5]) == true }
    end
    list[i] = { id = row[1], name = row[2], os = row[3], least = row[4], types = available }
  end
  return list
end

--- The monthly price of a disk of so many GB: that of the smallest size that holds it; nil when none does.
function data.disk_month(gigabytes)
  for _, row in ipairs(data.disks) do
    if gigabytes <= row[1] then return row[2] end
  end
  return nil
end

return data
