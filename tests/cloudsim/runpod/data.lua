-- SPDX-License-Identifier: MIT
--- What RunPod rents out (facts/runpod.md §2.4–2.6): types of cards with their prices per card, where cards
--- are free (`stock` by data centre, `hosts` of the community by country), and the data centres.
local data = {}

-- id, name, pool, memory GB, price secure, price community (0: not offered), stock, hosts
local TYPES = {
  { "NVIDIA A100 80GB PCIe", "A100 PCIe", "AMPERE_80", 80, 1.79, 1.19,
    { ["EU-RO-1"] = 2, ["US-KS-2"] = 8 }, { CA = 2 } },
  { "NVIDIA A100-SXM4-80GB", "A100 SXM", "AMPERE_80", 80, 1.79, 1.39, { ["US-GA-1"] = 8 }, { SE = 4 } },
  { "NVIDIA A40", "A40", "AMPERE_48", 48, 0.44, 0, { ["EU-SE-1"] = 8, ["CA-MTL-1"] = 4 }, {} },
  { "NVIDIA RTX A6000", "RTX A6000", "AMPERE_48", 48, 0.49, 0.33, { ["EU-SE-1"] = 2 }, { PL = 2 } },
  { "NVIDIA L40S", "L40S", "ADA_48_PRO", 48, 0.86, 0.79, { ["US-TX-3"] = 4 }, { US = 1 } },
  { "NVIDIA L4", "L4", "ADA_24", 24, 0.39, 0, { ["EU-RO-1"] = 1 }, {} },
  { "NVIDIA GeForce RTX 4090", "RTX 4090", "ADA_24", 24, 0.59, 0.34,
    { ["EU-RO-1"] = 8, ["EUR-IS-1"] = 2 }, { PL = 4, US = 4 } },
  { "NVIDIA GeForce RTX 5090", "RTX 5090", "ADA_32_PRO", 32, 0.89, 0.69, { ["EUR-NO-1"] = 1 }, { DE = 1 } },
  { "NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada", "ADA_48_PRO", 48, 0.77, 0.74, {}, { CZ = 1 } },
  { "NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000", "BLACKWELL_96", 96, 1.79, 0,
    { ["US-NC-1"] = 2 }, {} },
  { "NVIDIA H100 80GB HBM3", "H100 SXM", "HOPPER_80", 80, 3.99, 2.69, { ["US-CA-2"] = 8 }, { US = 8 } },
  { "NVIDIA H100 PCIe", "H100 PCIe", "HOPPER_80", 80, 2.89, 1.99, { ["CA-MTL-1"] = 1 }, {} },
  { "NVIDIA H100 NVL", "H100 NVL", "HOPPER_80", 94, 3.19, 2.59, { ["US-KS-2"] = 2 }, {} },
  { "NVIDIA H200", "H200 SXM", "HOPPER_141", 141, 4.59, 0, { ["US-CA-2"] = 8 }, {} },
  { "NVIDIA B200", "B200", "BLACKWELL_180", 180, 6.79, 5.98, {}, {} },
  { "AMD Instinct MI300X OAM", "MI300X", nil, 192, 1.99, 0, { ["EU-RO-1"] = 8 }, {}, maker = "AMD" },
}

local CUDA = { "12.4", "12.6", "12.8" }

local function copy(map)
  local made = {}
  for key, value in pairs(map) do made[key] = value end -- order: free
  return made
end

--- The types, with fresh stock. rows: others than those above, as here
function data.types(rows)
  local list = {}
  for i, row in ipairs(rows or TYPES) do
    list[i] = { id = row[1], name = row[2], pool = row[3], manufacturer = row.maker or "NVIDIA",
      memory = row[4], secure = row[5], community = row[6], most = { secure = 8, community = 4 },
      stock = copy(row[7]), hosts = copy(row[8]), cuda = row.cuda or CUDA }
  end
  return list
end

-- id, country, region, global network, tiers of volumes
local CENTRES = {
  { "EU-RO-1", "RO", "EUROPE", true, { "STANDARD", "HIGH_PERFORMANCE" } },
  { "EU-SE-1", "SE", "EUROPE", true, { "STANDARD" } }, { "EU-CZ-1", "CZ", "EUROPE", true, { "STANDARD" } },
  { "EU-NL-1", "NL", "EUROPE", false, { "STANDARD" } }, { "EU-FR-1", "FR", "EUROPE", false, {} },
  { "EUR-IS-1", "IS", "EUROPE", true, { "STANDARD" } }, { "EUR-NO-1", "NO", "EUROPE", false, { "STANDARD" } },
  { "CA-MTL-1", "CA", "NORTH_AMERICA", true, { "STANDARD" } },
  { "US-CA-2", "US", "NORTH_AMERICA", true, { "STANDARD" } },
  { "US-GA-1", "US", "NORTH_AMERICA", false, {} }, { "US-NC-1", "US", "NORTH_AMERICA", false, {} },
  { "US-KS-2", "US", "NORTH_AMERICA", true, { "STANDARD", "HIGH_PERFORMANCE" } },
  { "US-TX-3", "US", "NORTH_AMERICA", true, { "STANDARD" } },
  { "AP-JP-1", "JP", "ASIA", false, { "STANDARD" } }, { "OC-AU-1", "AU", "OCEANIA", false, {} },
}

local COUNTRIES = { RO = "Romania", SE = "Sweden", CZ = "Czechia", NL = "Netherlands", FR = "France",
  IS = "Iceland", NO = "Norway", CA = "Canada", US = "United States", JP = "Japan", AU = "Australia" }

function data.centres()
  local list = {}
  for i, row in ipairs(CENTRES) do
    list[i] = { id = row[1], name = COUNTRIES[row[2]] .. " " .. row[1]:match("%-(%w+)$"), country = row[2],
      region = row[3], global = row[4], tiers = row[5],
      compliance = row[3] == "EUROPE" and { "GDPR" } or { "SOC_2_TYPE_2" } }
  end
  return list
end

data.COUNTRY_CODES = { "AU", "BG", "CA", "CZ", "DE", "FR", "IS", "JP", "NL", "NO", "PL", "RO", "SE", "US" }

return data
