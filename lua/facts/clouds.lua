-- SPDX-License-Identifier: MIT
-- The clouds by name, in the order in which they are shown, with the setting that holds the key.
return {
  { name = "vast", title = "Vast.ai", key = "VAST_API_KEY", aliases = { "vast.ai", "vastai" } },
  { name = "lambda", title = "Lambda", key = "LAMBDA_API_KEY", aliases = { "lambdalabs" } },
  { name = "runpod", title = "RunPod", key = "RUNPOD_API_KEY", aliases = {} },
  { name = "coreweave", title = "CoreWeave", key = "COREWEAVE_API_KEY", aliases = {} },
  { name = "paperspace", title = "Paperspace", key = "PAPERSPACE_API_KEY", aliases = {} },
}
