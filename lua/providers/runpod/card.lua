-- SPDX-License-Identifier: MIT
-- RunPod: its key can be kept already; there is no script to rent from it yet.
return {
  name = "runpod", title = "RunPod", aliases = {}, order = 3,
  key_setting = "RUNPOD_API_KEY", key_page = "https://console.runpod.io/user/settings",
  settings = { { name = "RUNPOD_API_KEY", type = "secret" } },
}
