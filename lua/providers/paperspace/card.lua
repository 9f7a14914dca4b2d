-- SPDX-License-Identifier: MIT
-- Everything that is true of Paperspace and that no request answers (facts/paperspace.md §4).
return {
  name = "paperspace", title = "Paperspace", aliases = {}, order = 5,
  console = "https://console.paperspace.com/machines",
  credit_page = "https://console.paperspace.com/settings/billing",
  support_page = "https://support.paperspace.com",
  key_setting = "PAPERSPACE_API_KEY", key_page = "https://console.paperspace.com/settings/apikeys",
  settings = {
    { name = "PAPERSPACE_API_KEY", type = "secret" },
    { name = "PAPERSPACE_BASE_URL", type = "url", default = "https://api.paperspace.com",
      doc = "address of Paperspace's API" },
  },
  creates = { -- §4.4 to §4.8: also what is switched on, claimed or kept bills
    { "POST", "/v%d+/machines$" }, { "PATCH", "/v%d+/machines/[^/]+/start$" },
    { "POST", "/v%d+/public%-ips$" }, { "POST", "/v%d+/snapshots$" }, { "POST", "/v%d+/shared%-drives$" },
    { "POST", "/v%d+/custom%-templates$" },
  },
  around = { { "POST", "/v%d+/startup%-scripts$", "startup script", '{"id":"id-of-the-script"}' } }, -- §4.7
  capabilities = {
    spot = false, udp = true, boot = "startup-script",
    guard = "account-key", billing = "none", switches_off = true,
  },
  timing = { -- seconds, see docs/lua.md
    consistency = 90, poll = 10, boot = 1800, usual = 240, proof_gap = 10, ending = 600,
  },
  -- Its labels of machine types (§4.3).
  gpus = {
    { "a100-80", names = { "A100-80G", "A100-80Gx8" } },
    { "a6000", names = { "A6000", "A6000x2", "A6000x4" } },
    { "h100", names = { "H100", "H100x8" } },
    { "v100", names = { "V100", "V100-32G", "V100-32Gx2", "V100-32Gx4" } },
  },
  -- What no request tells (§4.3): prices in dollars an hour without a commitment, as its price page showed
  -- them on that day or, for A100-80G, H100 and V100, as the catalog of SkyPilot lists them. Several cards
  -- are so many times as dear as one there, which for A5000 and A6000 is inferred. The rate that a machine
  -- shows once it is made decides. Where each can be had is of the same section. vram: GB of one card
  prices = {
    at = "2026-09-20T00:00:00Z",
    types = {
      { type = "P5000", hourly = 0.78, vram = 16, bandwidth = 288, regions = "NY2 CA1 AMS1" },
      { type = "P6000", hourly = 1.10, vram = 24, bandwidth = 432, regions = "NY2 CA1 AMS1" },
      { type = "RTX5000", hourly = 0.82, vram = 16, bandwidth = 448, regions = "NY2" },
      { type = "A4000", hourly = 0.76, vram = 16, bandwidth = 448, regions = "NY2 CA1 AMS1" },
      { type = "A4000x2", hourly = 1.52, vram = 16, gpus = 2, bandwidth = 448, regions = "NY2" },
      { type = "A4000x4", hourly = 3.04, vram = 16, gpus = 4, bandwidth = 448, regions = "NY2" },
      { type = "A5000", hourly = 1.38, vram = 24, bandwidth = 768, regions = "NY2 CA1" },
      { type = "A5000x2", hourly = 2.76, vram = 24, gpus = 2, bandwidth = 768, regions = "NY2" },
      { type = "A5000x4", hourly = 5.52, vram = 24, gpus = 4, bandwidth = 768, regions = "NY2" },
      { type = "A6000", hourly = 1.89, vram = 48, regions = "NY2 CA1" },
      { type = "A6000x2", hourly = 3.78, vram = 48, gpus = 2, regions = "NY2" },
      { type = "A6000x4", hourly = 7.56, vram = 48, gpus = 4, regions = "NY2" },
      { type = "V100", hourly = 2.30, vram = 16, regions = "NY2 AMS1" },
      { type = "V100-32G", hourly = 2.30, vram = 32, regions = "NY2" },
      { type = "V100-32Gx2", hourly = 4.60, vram = 32, gpus = 2, regions = "NY2" },
      { type = "V100-32Gx4", hourly = 9.20, vram = 32, gpus = 4, regions = "NY2" },
      { type = "A100-80G", hourly = 3.18, vram = 80, regions = "NY2" },
      { type = "A100-80Gx8", hourly = 25.44, vram = 80, gpus = 8, regions = "NY2" },
      { type = "H100", hourly = 5.95, vram = 80, regions = "NY2" },
      { type = "H100x8", hourly = 47.60, vram = 80, gpus = 8, regions = "NY2" },
    },
    -- dollars for a GB in a month, on the dear side: §4.4 shows 5 for a disk of 100 GB, and no list is
    -- published. A machine's own storageRate takes its place.
    disk_month_gb = 0.10,
  },
}
