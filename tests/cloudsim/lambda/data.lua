-- SPDX-License-Identifier: MIT
--- What Lambda sells (facts/lambda.md §2.3): types, regions, images. A snapshot of prices in US cents per
--- hour.
local data = {}

-- name, description, gpu_description, cents, vCPUs, GiB, storage GiB, GPUs, regions that have some,
-- architecture
local TYPES = {
  { "gpu_1x_a10", "1x A10 (24 GB PCIe)", "A10 (24 GB PCIe)", 129, 30, 200, 1400, 1, "us-west-1 us-east-1" },
  { "gpu_1x_a100", "1x A100 (40 GB PCIe)", "A100 (40 GB PCIe)", 199, 30, 200, 512, 1, "" },
  { "gpu_1x_a100_sxm4", "1x A100 (40 GB SXM4)", "A100 (40 GB SXM4)", 199, 30, 200, 512, 1,
    "us-east-1 us-west-2" },
  { "gpu_2x_a100", "2x A100 (40 GB PCIe)", "A100 (40 GB PCIe)", 398, 60, 400, 1024, 2, "" },
  { "gpu_4x_a100", "4x A100 (40 GB PCIe)", "A100 (40 GB PCIe)", 796, 120, 800, 1024, 4, "" },
  { "gpu_8x_a100", "8x A100 (40 GB SXM4)", "A100 (40 GB SXM4)", 1592, 124, 1800, 6144, 8, "us-west-2" },
  { "gpu_8x_a100_80gb_sxm4", "8x A100 (80 GB SXM4)", "A100 (80 GB SXM4)", 2232, 240, 1800, 19456, 8,
    "us-midwest-1" },
  { "gpu_1x_a6000", "1x A6000 (48 GB)", "A6000 (48 GB)", 109, 14, 100, 512, 1, "us-south-1 us-west-1" },
  { "gpu_2x_a6000", "2x A6000 (48 GB)", "A6000 (48 GB)", 218, 28, 200, 1024, 2, "us-west-1" },
  { "gpu_4x_a6000", "4x A6000 (48 GB)", "A6000 (48 GB)", 436, 56, 400, 1024, 4, "" },
  { "gpu_1x_h100_pcie", "1x H100 (80 GB PCIe)", "H100 (80 GB PCIe)", 329, 26, 200, 1024, 1, "us-west-3" },
  { "gpu_1x_h100_sxm5", "1x H100 (80 GB SXM5)", "H100 (80 GB SXM5)", 429, 26, 225, 2816, 1,
    "us-east-1 us-south-2 europe-central-1" },
  { "gpu_2x_h100_sxm5", "2x H100 (80 GB SXM5)", "H100 (80 GB SXM5)", 838, 52, 450, 5632, 2, "us-south-2" },
  { "gpu_4x_h100_sxm5", "4x H100 (80 GB SXM5)", "H100 (80 GB SXM5)", 1636, 104, 900, 11264, 4, "" },
  { "gpu_8x_h100_sxm5", "8x H100 (80 GB SXM5)", "H100 (80 GB SXM5)", 3192, 208, 1800, 22528, 8,
    "us-south-2 us-east-3" },
  { "gpu_1x_gh200", "1x GH200 (96 GB)", "GH200 (96 GB)", 229, 64, 432, 4096, 1, "us-east-3", "arm64" },
  { "gpu_1x_b200_sxm6", "1x B200 (180 GB SXM6)", "B200 (180 GB SXM6)", 699, 26, 360, 2816, 1, "us-south-2" },
  { "gpu_2x_b200_sxm6", "2x B200 (180 GB SXM6)", "B200 (180 GB SXM6)", 1378, 52, 720, 5632, 2, "" },
  { "gpu_8x_b200_sxm6", "8x B200 (180 GB SXM6)", "B200 (180 GB SXM6)", 5352, 208, 2900, 22528, 8,
    "us-east-3" },
  { "gpu_1x_rtx6000", "1x RTX 6000 (24 GB)", "RTX 6000 (24 GB)", 69, 14, 46, 512, 1, "us-south-1" },
  { "gpu_8x_v100", "8x Tesla V100 (16 GB)", "Tesla V100 (16 GB)", 632, 92, 448, 5939, 8, "us-south-1" },
  { "gpu_8x_v100_n", "8x Tesla V100 (16 GB)", "Tesla V100 (16 GB)", 632, 88, 448, 2048, 8, "" },
  { "cpu_4x_general", "4x CPU General", "N/A", 20, 4, 16, 128, 0, "us-east-1 us-south-2" },
}

local REGIONS = {
  { "us-west-1", "California, USA" }, { "us-west-2", "Arizona, USA" }, { "us-west-3", "Utah, USA" },
  { "us-south-1", "South Texas, USA" }, { "us-south-2", "North Texas, USA" }, { "us-south-3",
    "Central Texas, USA" },
  { "us-midwest-1", "Illinois, USA" }, { "us-midwest-2", "Midwest, USA" }, { "us-east-1", "Virginia, USA" },
  { "us-east-2", "Washington DC, USA" }, { "us-east-3", "Washington DC, USA" }, { "europe-central-1",
    "Germany" },
  { "europe-south-1", "Italy" }, { "asia-northeast-1", "Osaka, Japan" }, { "asia-northeast-2",
    "Tokyo, Japan" },
  { "asia-south-1", "India" }, { "me-west-1", "Israel" }, { "australia-east-1", "Sydney, Australia" },
}

-- family, name, version, newest of its kind last
local FAMILIES = {
  { "ubuntu-22-04", "Ubuntu Server 22.04", "22.4.2" }, { "ubuntu-24-04", "Ubuntu Server 24.04", "24.4.1" },
  { "ubuntu-lts", "Ubuntu Server LTS", "24.4.1" }, { "lambda-stack-22-04", "Lambda Stack 22.04", "22.4.7" },
  { "lambda-stack-24-04", "Lambda Stack 24.04", "24.4.3" },
}

--- The image family a launch without image gets.
data.DEFAULT_FAMILY = "lambda-stack-24-04"

--- → list of types {name, description, gpu_description, cents, vcpus, memory, storage, gpus, arch,
--- capacity={region=n}}. `given` rows (the same fields, `regions` = list of names, `count` machines each)
--- replace the usual ones.
function data.types(given)
  local list = {}
  for i, row in ipairs(given or {}) do
    local capacity = {}
    for _, region in ipairs(row.regions or {}) do
      capacity[region] = row.count or 3
    end
    list[i] = { name = row.name, description = row.description, gpu_description = row.gpu_description
      or row.description, cents = row.cents, vcpus = row.vcpus or 26, memory = row.memory or 200,
      storage = row.storage or 512, gpus = row.gpus or 1, arch = row.arch or "x86_64", capacity = capacity }
  end
  for i, row in ipairs(given and {} or TYPES) do
    local capacity = {}
    for region in row[9]:gmatch("%S+") do
      capacity[region] = 3
    end
    list[i] = { name = row[1], description = row[2], gpu_description = row[3], cents = row[4], vcpus = row[5],
      memory = row[6], storage = row[7], gpus = row[8], arch = row[10] or "x86_64", capacity = capacity }
  end
  return list
end

--- → list of {name, description}
function data.regions()
  local list = {}
  for i, row in ipairs(REGIONS) do
    list[i] = { name = row[1], description = row[2] }
  end
  return list
end

--- → one image per family, region and architecture; `hex` makes ids.
function data.images(regions, hex)
  local list = {}
  for _, region in ipairs(regions) do
    for _, row in ipairs(FAMILIES) do
      for _, arch in ipairs({ "x86_64", "arm64" }) do
        list[#list + 1] = { id = hex(), name = row[2], family = row[1], version = row[3], architecture = arch,
          region = region, created_time = "2026-06-02T17:04:11Z", updated_time = "2026-07-14T09:30:00Z",
          description = row[2] .. (arch == "arm64" and " for ARM64" or "") }
      end
    end
  end
  return list
end

return data
