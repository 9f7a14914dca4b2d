-- SPDX-License-Identifier: MIT
-- A cloud more is a folder with a card and a script beside it: every command knows it,
-- and no other file was touched.
local files = require "base.files"
local json = require "base.json"
local nova = require "lua.nova"
local world = require "sandbox.world"

local HOME, SCRIPTS = "/home/user/.continueplz", "/made-up"
local KEY = "nova-key-0123456789abcdef"

return function(t)
  local fake, made = t:load("fakehost"), nova.files(files.dirname(t.root))

  local scripts = { SCRIPTS, table.unpack(world.scripts) }

  -- Runs a command line in a world that has the cloud. options: env, home = {path = text}, tty, input
  -- → code, stdout, stderr, sim
  local function run(line, options)
    options = options or {}
    local s = fake.new { env = { HOME = "/home/user" }, http = nova.server(KEY, options.host) }
    for name, value in pairs(options.env or {}) do s.env[name] = value end -- order: free
    for _, list in ipairs { made, options.more or {} } do
      for path, text in pairs(list) do -- order: free
        s.disk[SCRIPTS .. "/" .. path] = { data = text, mode = 420, mtime = 0 }
      end
    end
    for path, text in pairs(options.home or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = text, mode = 384, mtime = 0 }
    end
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    local p = s:start(function(require) return require("cli").main(words) end,
      { bare = true, scripts = scripts,
        tty = options.tty and { ["in"] = true, out = true, err = true } or {}, input = options.input })
    s:run()
    return p:result(), p.out, p.err, s
  end

  local function says(text, ...)
    local flat = text:gsub("\27%[%d*m", ""):gsub("%s+", " ")
    for _, part in ipairs { ... } do t:ok(flat:find(part, 1, true), ("%q in: %s"):format(part, flat)) end
  end

  local WITH_KEY = { [".env"] = "NOVA_API_KEY=" .. KEY .. "\n" }

  t:case("init: offered, its key asked for, checked, and kept", function()
    local code, out, err, s = run("init", { tty = true, input = "nova cloud\n6\n" .. KEY .. "\n\n" })
    t:equal(code, 0, out .. err)
    says(out, "6 Nova Cloud", "keys are made at https://nova.example/keys (rights: rent, end)",
      "Nova Cloud key valid - account: ada, balance $20.00")
    says(s.disk[HOME .. "/.env"].data, "# Keys of the clouds (at least one) NOVA_API_KEY=" .. KEY)
    local same, _, _, second = run("init -y", { env = { NOVA_API_KEY = KEY } })
    t:equal({ same, second.disk[HOME .. "/.env"].data:find(KEY, 1, true) ~= nil }, { 0, true })
    local wrong, _, said = run("init -y --provider=novacloud", { input = "nova-key-of-nobody-at-all\n" })
    t:equal(wrong, 3)
    says(said, "NOVA_API_KEY: Nova Cloud does not know this key",
      "https://nova.example/keys; nothing was saved")
  end)

  t:case("settings, help and config know its key and address", function()
    local _, out = run("config show --all",
      { home = { [".env"] = "NOVA_API_KEY=" .. KEY .. "\nNOVA_BASE_URL=http://127.0.0.1:7\n" } })
    says(out, "PAPERSPACE_API_KEY - not set NOVA_API_KEY …cdef .env line 1",
      "PAPERSPACE_BASE_URL https://api.paperspace.com built-in NOVA_BASE_URL http://127.0.0.1:7 .env line 2")
    says(select(2, run("help --all")), "NOVA_API_KEY Nova Cloud: https://nova.example/keys (rent, end)",
      "NOVA_BASE_URL address of Nova's API [https://nova.example]",
      "only this cloud: vast, lambda, runpod, coreweave, paperspace or nova",
      "only this cloud: vast, lambda, runpod, coreweave, paperspace or nova")
    says(select(3, run("status", { home = { [".env"] = "NOVA_API_KYE=x\n" } })),
      "unknown setting NOVA_API_KYE; did you mean NOVA_API_KEY?")
    local _, _, err, s = run("config set NOVA_API_KEY", { input = KEY .. "\n" })
    t:equal(s.disk[HOME .. "/.env"].data:match("NOVA_API_KEY=(%S+)"), KEY, err)
  end)

  t:case("waits are divided only when its address is on this computer, too", function()
    for address, wanted in pairs { ["http://127.0.0.1:7"] = "50", -- order: free
      ["https://nova.example"] = "1" } do
      local env = "REGISTRY_URL=http://127.0.0.1:8\nTIME_SCALE=50\nNOVA_API_KEY=" .. KEY .. "\nNOVA_BASE_URL="
        .. address .. "\n"
      says(select(2, run("config get TIME_SCALE", { home = { [".env"] = env } })), wanted)
    end
  end)

  t:case("doctor: its key, its machines and its address are looked at", function()
    local _, out = run("doctor", { home = WITH_KEY })
    says(out, "key nova ada, balance $20.00, 0 machines in the account",
      "Nova Cloud: none that continueplz started", "https://nova.example can be reached")
  end)

  t:case("offers and a start without renting: asked beside the others, alone by name and alias", function()
    for _, line in ipairs { "offers --model=qwen3-coder:30b --output=json",
      "offers --model=qwen3-coder:30b --output=json --provider=novacloud --gpu=Star-6" } do
      local code, out, err = run(line, { home = WITH_KEY })
      t:equal(code, 0, out .. err)
      local object = json.decode(out)
      t:equal({ object.providers[1].name, object.providers[1].ok, #object.offers }, { "nova", true, 1 })
      t:equal({ object.offers[1].provider, object.offers[1].gpu }, { "nova", "a6000" })
    end
    local code, out, err, s = run("up --dry-run -y --model=qwen3-coder:30b --provider=nova --output=json",
      { home = WITH_KEY })
    t:equal(code, 0, out .. err)
    for _, request in ipairs(s.requests) do t:ok(request.request.method ~= "POST", "nothing was rented") end
  end)

  t:case("what cannot be asked is told with it: no key, no such cloud, none that is supported", function()
    says(select(3, run("offers --provider=novacloud")),
      "Nova Cloud has no key: type continueplz init, or put NOVA_API_KEY=... into")
    says(select(3, run("offers --provider=mars")),
      "there is no cloud named 'mars'; vast, lambda, runpod, coreweave, paperspace and nova are known")
    says(select(3, run("offers --provider=nvoa")), "did you mean nova?")
    -- a card whose script is still missing
    local moon = made["providers/nova/card.lua"]:gsub("Nova", "Moon"):gsub("nova", "moon")
      :gsub("NOVA", "MOON"):gsub("order = %d+", "order = 99")
    says(select(3, run("offers --provider=moon", { more = { ["providers/moon/card.lua"] = moon } })),
      "Moon Cloud is not supported yet; vast, lambda, runpod, coreweave, paperspace and nova are")
  end)

  t:case("stop and the REPL know it", function()
    local code, out, err = run("stop", { home = WITH_KEY })
    t:equal(code, 0, out .. err)
    says(out, "Nothing is running")
    says(select(2, run("repl novacloud", { home = WITH_KEY, input = "provider.name\n#provider.list()\n" })),
      "nova", "0")
  end)

  t:case("a cloud of the user's own, which is one file, is set up and looked at like the others", function()
    local toy = assert(files.read(files.join(files.dirname(t.root), "examples/providers/toy.lua")))
    local options = { home = { ["providers/toy.lua"] = toy }, host = "toy.example" }
    local page = "the toy cloud's web page"
    options.tty, options.input = true, "7\n" .. KEY .. "\n\n"
    local code, out, err, s = run("init", options)
    t:equal(code, 0, out .. err)
    says(out, "6 Nova Cloud 7 Toy Cloud", "Toy Cloud: keys are made at " .. page, "key valid - account: ada")
    t:equal(s.disk[HOME .. "/.env"].data:match("TOY_API_KEY=(%S+)"), KEY)
    options.tty, options.input = nil, "some-key-of-nobody\n"
    says(select(3, run("init -y --provider=toy", options)), "TOY_API_KEY: Toy Cloud does not know this key",
      "make a new one at " .. page .. "; nothing was saved")
    options.home[".env"] = "TOY_API_KEY=" .. KEY .. "\n"
    says(select(2, run("doctor", options)), "key toy ada, balance $20.00, 0 machines in the account",
      "https://toy.example can be reached", "Toy Cloud: none that continueplz started")
    local broken = {
      ["gives no account or no list"] = "function toy.list() end\nreturn toy\n",
      ["attempt to call a nil value"] = "function toy.account() toy.nothing() end\nreturn toy\n",
      ["attempt to index a nil value"] = "toy.capabilities = nil\n"
        .. "function toy.list() return toy.nothing.at_all end\nreturn toy\n",
    }
    for sentence, ending in pairs(broken) do -- order: free
      options.home["providers/toy.lua"] = toy:gsub("return toy\n$", ending)
      says(select(2, run("doctor", options)), "Toy Cloud could not be asked: ", sentence,
        "; the key was not judged", "disk")
    end
  end)

  t:case("what rents there is refused to every script, and to every client without a ticket", function()
    local script = "local http = require 'base.http'\n"
      .. "local spec = { method = 'POST', url = 'https://nova.example/toy/v1/machines' }\n"
      .. "local ok, why = pcall(http.request, spec)\n"
      .. "require('base.term').out(tostring(why.message or why) .. '\\n')\n"
    local _, out, err, s = run(HOME .. "/rent.lua", { home = { ["rent.lua"] = script } })
    t:equal(#s.requests, 0)
    says(out .. err, "rents a machine: that needs client:create and a ticket of the journal")
    local w = fake.new { http = nova.server(KEY) }
    for path, text in pairs(made) do -- order: free
      w.disk[SCRIPTS .. "/" .. path] = { data = text, mode = 420, mtime = 0 }
    end
    w:start(function(require)
      local client = require("base.http").client { base = "https://nova.example", writes = { "POST ^/" } }
      for _, path in ipairs { "/toy/v1/machines", "/toy/v2//machines/", "/toy/v1/x/%2e%2e/machines?a=b" } do
        t:raises("needs client:create and a ticket", client.post, client, path, { json = {} })
      end
      t:raises("only created with a ticket", require("providers.nova").create, { ports = {}, env = {},
        candidate = { offer = {} } }, { token = "forged" })
    end, { scripts = scripts })
    w:run()
    w.processes[1]:result()
    t:equal(#w.requests, 0)
  end)
end
