-- SPDX-License-Identifier: MIT
-- Everything that is true of Lambda and that no request answers (facts/lambda.md part 2).
return {
  name = "lambda", title = "Lambda", aliases = { "lambdalabs" }, order = 2,
  console = "https://cloud.lambda.ai/instances", credit_page = "https://cloud.lambda.ai/settings/billing",
  support_page = "https://cloud.lambda.ai/support",
  key_setting = "LAMBDA_API_KEY", key_page = "https://cloud.lambda.ai/api-keys",
  settings = {
    { name = "LAMBDA_API_KEY", type = "secret" },
    { name = "LAMBDA_BASE_URL", type = "url", default = "https://cloud.lambda.ai",
      doc = "address of Lambda's API" },
  },
  creates = { { "POST", "/api/v%d+/instance%-operations/launch$" } }, -- §2.5
  around = { -- §2.5, §2.7
    { "POST", "/api/v%d+/ssh%-keys$", "SSH key that opens nothing", '{"data":{"id":"id-of-the-key"}}' },
    { "POST", "/api/v%d+/firewall%-rulesets$", "firewall ruleset", '{"data":{"id":"id-of-the-ruleset"}}' },
  },
  capabilities = {
    spot = false, udp = true, boot = "cloud-init",
    guard = "account-key", billing = "absence",
  },
  timing = { -- seconds, see docs/lua.md
    consistency = 90, poll = 10, boot = 1800, usual = 240, proof_gap = 10, ending = 600,
  },
  -- The model in the name of a machine type (§2.3); memory: least and most GB that the type tells, where a
  -- name says too little.
  gpus = {
    { "a100-40", names = { "a100" }, memory = { 40, 41 } },
    { "a100-80", names = { "a100" }, memory = { 80, 81 } },
    { "a6000", names = { "a6000" } },
    { "a10", names = { "a10" } },
    { "h100", names = { "h100" } },
    { "h200", names = { "h200" } },
    { "b200", names = { "b200" } },
    { "v100", names = { "v100" } },
    { "l40s", names = { "l40s" } },
    { "l4", names = { "l4" } },
  },
}
