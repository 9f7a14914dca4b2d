-- SPDX-License-Identifier: MIT
-- `continueplz config`: what is set, and changes to .env.
local json = require "base.json"
local keys = require "base.keys"

local HOME = "/home/user/.continueplz"
local KEY = "good-key-0123456789abcdef"

return function(t)
  local world = t:load("setup_world")(t)
  local run, env_of, says = world.run, world.env_of, world.says
  local _

  t:case("config: get, set, unset and show; secrets by their end, never from the command line", function()
    local file = { [".env"] = "VAST_API_KEY=" .. KEY .. "\nMAX_PRICE=2 # mine\n" }
    local rows = { -- line, exit code, texts of stdout and stderr; input
      { "config get max-price", 0, "2\n" }, { "config get VAST_API_KEY", 0, "…cdef\n" },
      { "config get DEFAULT_GPU", 1, "DEFAULT_GPU is not set" },
      { "config get MAX_PRIC", 2, "did you mean MAX_PRICE?" }, { "config get", 2, "needs the name" },
      { "config frob", 2, "'frob'" }, { "config set MAX_PRICE 2x", 2, "'2x' is not a number" },
      { "config set MAX_PRICE", 2, "needs a value" }, { "config set MAX_PRICE 1 2", 2, "'2'" },
      { "config set MAX_PRICE=", 2, "config unset MAX_PRICE" },
      { "config set VAST_API_KEY new-key-0123456789", 2, "not taken from the command line" },
      { "config set VAST_API_KEY", 2, "no value came" },
      { "config set WIREGUARD_PRIVATE_KEY", 2, "no WireGuard private key", input = "abcd=\n" },
      { "config show", 0, "MAX_PRICE 2 .env line 2" }, { "config show extra", 2, "'extra'" },
      { "config show --all", 0, "not set" },
    }
    for _, row in ipairs(rows) do
      local code, out, err, s = run(row[1], { files = file, input = row.input })
      t:equal({ code, s.disk[HOME .. "/.env"].data }, { row[2], file[".env"] }, row[1] .. err)
      says(out .. err, (row[3]:gsub("\n", "")))
      t:ok(not (out .. err):find(KEY, 1, true), row[1] .. " shows the key")
    end
    local code, out, err, s = run("config set MAX_PRICE 1.25", { files = file, env = { MAX_PRICE = "9" } })
    t:equal({ code, s.disk[HOME .. "/.env"].data },
      { 0, "VAST_API_KEY=" .. KEY .. "\nMAX_PRICE=1.25 # mine\n" })
    says(out .. err, "MAX_PRICE is now 1.25", "environment as well, which wins")
    code, _, _, s = run("config set VAST_API_KEY", { files = file, input = "'new-key-0123456789'\n" })
    t:equal({ code, env_of(s).VAST_API_KEY }, { 0, "new-key-0123456789" })
    code, _, _, s = run("config set VAST_API_KEY",
      { files = file, input = "new-key-0123456789\n", tty = true })
    t:equal({ code, env_of(s).VAST_API_KEY }, { 0, "new-key-0123456789" })
    code, _, err, s = run("config set VAST_API_KEY", { files = file, tty = true })
    t:equal({ code, env_of(s).VAST_API_KEY }, { 130, KEY }, err)
    local pair = keys.fresh()
    code, _, _, s = run("config set WIREGUARD_PRIVATE_KEY", { files = file, input = pair:secret() .. "\n" })
    t:equal({ code, env_of(s).WIREGUARD_PUBLIC_KEY }, { 0, pair:public() })
    code, _, _, s = run("config unset MAX_PRICE", { files = file })
    t:equal({ code, s.disk[HOME .. "/.env"].data }, { 0, "VAST_API_KEY=" .. KEY .. "\nMAX_PRICE=  # mine\n" })
    code, out = run("config show --output=json", { files = file })
    local settings = json.decode(out).settings
    t:equal({ code, settings.MAX_PRICE, settings.VAST_API_KEY }, { 0, { value = 2, origin = HOME
        .. "/.env line 2" }, { value = "…cdef", origin = HOME .. "/.env line 1", secret = true } })
    for _, line in ipairs { "config set MAX_PRICE 1", "config get MAX_PRICE" } do
      t:equal((run(line)), 0, line)
    end
  end)
end
