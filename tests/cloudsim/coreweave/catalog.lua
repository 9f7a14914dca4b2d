-- SPDX-License-Identifier: MIT
--- What the simulated zone has: instance types with their dollars per node and hour (facts/coreweave.md
--- §3.4), their GPUs and memory per GPU (GB), and how many nodes of each there are.
local catalog = { ZONE = "US-EAST-04A" }

-- id, GPUs, class, memory, on demand, spot
local ROWS = {
  { "gd-8xh100ib-i128", 8, "H100", 80, 49.24, 19.71 }, { "gd-8xh200ib-i128", 8, "H200", 141, 50.44, 20.93 },
  { "b200-8x", 8, "B200", 192, 68.80, 34.11 }, { "gd-8xa100-i128", 8, "A100", 80, 21.60, 9.65 },
  { "gd-8xl40s-i128", 8, "L40S", 48, 18.00 }, { "gd-8xl40-i128", 8, "L40", 48, 10.00 },
  { "rtxp6000-8x", 8, "RTX_PRO_6000", 96, 20.00 }, { "gd-1xgh200", 1, "GH200", 96, 6.50 },
  { "cd-gp-i64-erapids", 0, "", 0, 3.36, 2.29 },
}

--- A fresh stock: id → { name, gpus, class, memory, prices = { default, spot }, free }
function catalog.types()
  local types = {}
  for _, row in ipairs(ROWS) do
    types[row[1]] = { name = row[1], gpus = row[2], class = row[3], memory = row[4],
      prices = { default = row[5], spot = row[6] }, free = 3 }
  end
  return types
end

return catalog
