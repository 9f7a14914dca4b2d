-- SPDX-License-Identifier: MIT
-- CoreWeave: its key can be kept already; there is no script to rent from it yet.
return {
  name = "coreweave", title = "CoreWeave", aliases = {}, order = 4,
  key_setting = "COREWEAVE_API_KEY", key_page = "https://console.coreweave.com/tokens",
  settings = { { name = "COREWEAVE_API_KEY", type = "secret" } },
}
