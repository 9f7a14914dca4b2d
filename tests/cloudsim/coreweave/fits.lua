-- SPDX-License-Identifier: MIT
--- Whether a pod may go to a node.
local selectors = require "cloudsim.coreweave.selectors"

local fits = {}

--- Cards that a pod asks for.
function fits.cards(pod)
  local sum = 0
  for _, one in ipairs(pod.spec.containers) do
    sum = sum + (math.tointeger(tonumber(((one.resources or {}).limits or {})["nvidia.com/gpu"] or 0)) or 0)
  end
  return sum
end

local function tolerated(pod, taint)
  for _, row in ipairs(pod.spec.tolerations or {}) do
    local key = row.key == nil or row.key == taint.key
    local value = row.operator == "Exists" or (row.value or "") == (taint.value or "")
    local effect = row.effect == nil or row.effect == "" or row.effect == taint.effect
    if key and value and effect then return true end
  end
  return false
end

--- nil when the pod may go there, else why not in the scheduler's words
function fits.why_not(pod, node, gpus)
  if not selectors.all(pod.spec.nodeSelector, node.metadata.labels) then
    return "node(s) didn't match Pod's node affinity/selector"
  end
  for _, taint in ipairs(node.spec.taints or {}) do
    if not tolerated(pod, taint) then return ("node(s) had untolerated taint {%s: %s}"):format(taint.key,
      taint.value or "") end
  end
  if fits.cards(pod) > gpus then return "Insufficient nvidia.com/gpu" end
end

return fits
