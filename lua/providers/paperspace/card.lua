-- SPDX-License-Identifier: MIT
-- Paperspace: its key can be kept already; there is no script to rent from it yet.
return {
  name = "paperspace", title = "Paperspace", aliases = {}, order = 5,
  key_setting = "PAPERSPACE_API_KEY", key_page = "https://console.paperspace.com/settings/apikeys",
  settings = { { name = "PAPERSPACE_API_KEY", type = "secret" } },
}
