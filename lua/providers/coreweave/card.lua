-- SPDX-License-Identifier: MIT
-- Everything that is true of CoreWeave and that no request answers (facts/coreweave.md §3). Its API is that
-- of the customer's own Kubernetes cluster, and it tells no prices: the table is dated.

-- Made before a machine (§3.7, §3.11), and what the cluster answers.
local function made(path, what)
  return { "POST", path .. "$", what, '{"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","uid":"0"}}' }
end

return {
  name = "coreweave", title = "CoreWeave", aliases = {}, order = 4,
  console = "https://console.coreweave.com/", key_setting = "COREWEAVE_API_KEY",
  credit_page = "https://console.coreweave.com/", key_file = "COREWEAVE_KUBECONFIG",
  key_page = "https://console.coreweave.com/tokens",
  settings = {
    { name = "COREWEAVE_API_KEY", type = "secret" },
    { name = "COREWEAVE_API_SERVER", type = "url", authority = "COREWEAVE_CA_FILE",
      doc = "address of the cluster's API, as its kubeconfig has it" },
    { name = "COREWEAVE_KUBECONFIG", type = "string",
      doc = "instead: a kubeconfig file with address, authority and a token or client certificate" },
    { name = "COREWEAVE_CONTEXT", type = "string", doc = "which context of it; empty: its current one" },
    { name = "COREWEAVE_CA_FILE", type = "string",
      doc = "the authority that signs for the cluster, a PEM file" },
    { name = "COREWEAVE_NAMESPACE", type = "string",
      doc = "where pods are made; empty: the context's, else default" },
    { name = "COREWEAVE_INSIDE_SERVER", type = "url", default = "https://kubernetes.default.svc",
      inside = true,
      doc = "address of the cluster's API as its pods reach it, for the guard" },
    { name = "COREWEAVE_GUARD_IMAGE", type = "string", default = "curlimages/curl:8.10.1",
      doc = "image of the guard's CronJob: sh, date and curl" },
    { name = "COREWEAVE_WHOLE_NODES", type = "bool", default = false,
      doc = "yes: whole nodes of 8 GPUs may be rented, 6 to 70 dollars an hour" },
  },
  creates = { { "POST", "/apis/compute%.coreweave%.com/v1alpha1/nodepools$" } }, -- §3.6
  around = { made("/serviceaccounts", "ServiceAccount of the guard"), made("/roles", "Role of the guard"),
    made("/rolebindings", "RoleBinding of the guard"), made("/clusterroles", "ClusterRole of the guard"),
    made("/clusterrolebindings", "ClusterRoleBinding of the guard"), made("/secrets", "Secret"),
    made("/configmaps", "ConfigMap with the guard's program"), made("/pods", "pod"),
    made("/cronjobs", "CronJob of the guard"), made("/services", "Service"),
    made("/networkpolicies", "NetworkPolicy"), made("/deployments", "Deployment"),
    made("/leaderworkersets", "LeaderWorkerSet") },
  -- whether a LoadBalancer takes UDP is not known (§3.9)
  capabilities = { spot = true, udp = false, boot = "config-map", guard = "scoped-key",
    billing = "absence", replicas = true },
  timing = { -- seconds; §3.6
    consistency = 60, poll = 15, boot = 2700, usual = 1500, proof_gap = 10, ending = 180,
  },
  -- What no request tells: dollars for a node and hour on demand and spot, as its price page showed them on
  -- that day (§3.4, §3.5), 4 dollars a month for a public address (§3.9), 0.07 for a GB of storage (§3.4).
  prices = {
    at = "2026-09-20T00:00:00Z", address_hour = 4 / 730, storage_gb_hour = 0.07 / 730,
    types = {
      { id = "gd-8xh100ib-i128", gpu = "h100", gpus = 8, on_demand = 49.24, spot = 19.71 },
      { id = "gd-8xh200ib-i128", gpu = "h200", gpus = 8, on_demand = 50.44, spot = 20.93 },
      { id = "b200-8x", gpu = "b200", gpus = 8, on_demand = 68.80, spot = 34.11 },
      { id = "gd-8xa100-i128", gpu = "a100-80", gpus = 8, on_demand = 21.60, spot = 9.65 },
      { id = "gd-8xl40s-i128", gpu = "l40s", gpus = 8, on_demand = 18.00 },
      { id = "gd-8xl40-i128", gpu = "l40", gpus = 8, on_demand = 10.00 },
      { id = "rtxp6000-8x", gpu = "rtx-pro-6000", gpus = 8, on_demand = 20.00 },
    },
  },
  gpus = {
    { "h100", names = { "H100" } }, { "h200", names = { "H200" } }, { "b200", names = { "B200" } },
    { "a100-80", names = { "A100" } }, { "l40s", names = { "L40S" } }, { "l40", names = { "L40" } },
    { "rtx-pro-6000", names = { "RTX PRO 6000" } },
  },
}
