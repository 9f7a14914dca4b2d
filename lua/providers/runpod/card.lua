-- SPDX-License-Identifier: MIT
-- Everything that is true of RunPod and that no request answers (facts/runpod.md part 2).

-- The one question that is put to GraphQL, which could also rent.
local BALANCE = '{"query":"query { myself { clientBalance } }"}'

return {
  name = "runpod", title = "RunPod", aliases = { "runpod.io" }, order = 3,
  console = "https://console.runpod.io/pods", credit_page = "https://console.runpod.io/user/billing",
  key_setting = "RUNPOD_API_KEY", key_page = "https://console.runpod.io/user/settings",
  key_rights = "All, or Restricted with Read/Write for the REST API; Read Only for GraphQL shows the balance",
  settings = {
    { name = "RUNPOD_API_KEY", type = "secret" },
    { name = "RUNPOD_BASE_URL", type = "url", default = "https://api.runpod.io",
      doc = "address of RunPod's API" },
  },
  creates = { -- §2.7; what was stopped bills again when it is started
    { "POST", "/v%d+/pods$" }, { "POST", "/v%d+/pods/[^/]+/action$" }, { "POST", "/v%d+/network%-volumes$" },
    { "POST", "/graphql$", BALANCE },
  },
  capabilities = {
    spot = false, udp = false, boot = "container", guard = "scoped-key", billing = "absence",
    -- its entry point runs what it is given, which Ollama's own does not (§2.7, §2.13)
    image = "runpod/base:1.0.2-ubuntu2204",
  },
  timing = { -- seconds, see docs/lua.md
    consistency = 60, poll = 5, boot = 1200, usual = 180, proof_gap = 10,
  },
  -- Its ids of our cards (§2.6).
  gpus = {
    { "a100-80", names = { "NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB" } },
    { "a100-40", names = { "NVIDIA A100-SXM4-40GB" } },
    { "a6000", names = { "NVIDIA RTX A6000" } },
    { "rtx6000-ada", names = { "NVIDIA RTX 6000 Ada Generation" } },
    { "rtx-pro-6000", names = { "NVIDIA RTX PRO 6000 Blackwell Server Edition",
      "NVIDIA RTX PRO 6000 Blackwell Workstation Edition" } },
    { "h100", names = { "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe" } },
    { "h100-94", names = { "NVIDIA H100 NVL" } },
    { "h200", names = { "NVIDIA H200", "NVIDIA H200 NVL" } },
    { "b200", names = { "NVIDIA B200" } },
    { "l40s", names = { "NVIDIA L40S" } },
    { "l40", names = { "NVIDIA L40" } },
    { "a40", names = { "NVIDIA A40" } },
    { "rtx5090", names = { "NVIDIA GeForce RTX 5090" } },
    { "rtx4090", names = { "NVIDIA GeForce RTX 4090" } },
    { "rtx3090", names = { "NVIDIA GeForce RTX 3090" } },
    { "l4", names = { "NVIDIA L4" } },
  },
}
