-- SPDX-License-Identifier: MIT
-- Everything that is true of Vast.ai and that no request answers (facts/vast.md part 1).
return {
  name = "vast", title = "Vast.ai", aliases = { "vast.ai", "vastai" }, order = 1,
  console = "https://cloud.vast.ai/instances/", credit_page = "https://cloud.vast.ai/billing/",
  key_setting = "VAST_API_KEY", key_page = "https://cloud.vast.ai/manage-keys/",
  key_rights = "misc, user_read, instance_read, instance_write, billing_read",
  settings = {
    { name = "VAST_API_KEY", type = "secret" },
    { name = "VAST_BASE_URL", type = "url", default = "https://console.vast.ai",
      doc = "address of Vast's API" },
  },
  creates = { { "PUT", "/api/v%d+/asks/[^/]+$" } }, -- §1.7
  capabilities = {
    spot = true, udp = true, boot = "container",
    guard = "scoped-key", billing = "absence",
  },
  timing = { -- seconds, see docs/lua.md
    consistency = 60, poll = 10, boot = 1200, usual = 180, proof_gap = 10,
  },
  -- Its names of our cards (§1.5); memory: least and most MiB that it reports, where a name says too little.
  gpus = {
    { "a100-40", names = { "A100 SXM4", "A100 PCIE" }, memory = { 38000, 60000 } },
    { "a100-80", names = { "A100 SXM4", "A100 PCIE", "A100X" }, memory = { 76000, 1e9 } },
    { "a6000", names = { "RTX A6000" } },
    { "rtx6000-ada", names = { "RTX 6000Ada" } },
    { "rtx-pro-6000", names = { "RTX PRO 6000 S", "RTX PRO 6000 WS" }, prefix = "RTX PRO 6000" },
    { "h100", names = { "H100 SXM", "H100 PCIE" } },
    { "h100-94", names = { "H100 NVL" } },
    { "h200", names = { "H200", "H200 NVL" } },
    { "b200", names = { "B200" } },
    { "l40s", names = { "L40S" } },
    { "l40", names = { "L40" } },
    { "a40", names = { "A40" } },
    { "rtx5090", names = { "RTX 5090" } },
    { "rtx4090-48", names = { "RTX 4090" }, memory = { 40000, 60000 } },
    { "rtx4090", names = { "RTX 4090" }, memory = { 20000, 30000 } },
    { "rtx3090", names = { "RTX 3090" } },
    { "l4", names = { "L4" } },
    { "a10", names = { "A10" } },
    { "v100", names = { "Tesla V100" } },
    { "t4", names = { "Tesla T4" } },
  },
}
