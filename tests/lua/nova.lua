-- SPDX-License-Identifier: MIT
-- A made-up cloud as it would be built in: the script of examples/providers/toy.lua, with a card in its
-- folder instead of what it says about itself. Its server speaks as the toy cloud does.
local files = require "base.files"

local nova = {}

local CARD = [[
-- SPDX-License-Identifier: MIT
return {
  name = "nova", title = "Nova Cloud", aliases = { "novacloud" }, order = 9,
  console = "https://nova.example/machines", credit_page = "https://nova.example/billing",
  key_setting = "NOVA_API_KEY", key_page = "https://nova.example/keys", key_rights = "rent, end",
  settings = {
    { name = "NOVA_API_KEY", type = "secret" },
    { name = "NOVA_BASE_URL", type = "url", default = "https://nova.example", doc = "address of Nova's API" },
  },
  creates = { { "POST", "/toy/v%d+/machines$" } },
  capabilities = { spot = false, udp = true, boot = "container", guard = "scoped-key", billing = "absence" },
  timing = { consistency = 30, poll = 5, boot = 600, proof_gap = 5 },
  gpus = { { "a6000", names = { "Star 6" } } },
}
]]

local HEAD = [[
local card = require "providers.nova.card"

local toy = {
  name = card.name, title = card.title, console = card.console, credit_page = card.credit_page,
  key_setting = card.key_setting, capabilities = card.capabilities, timing = card.timing,
}
]]

--- The files of the cloud, as they would lie in lua/: path → text. root: the directory of the whole tree
function nova.files(root)
  local text = assert(files.read(files.join(root, "examples/providers/toy.lua")))
  local script, count = text:gsub("local toy = {\n.-\n}\n", function() return HEAD end, 1)
  assert(count == 1, "the toy's own table")
  script = script:gsub("facts%.config", "config.effective"):gsub("TOY_", "NOVA_"):gsub('provider = "toy"',
    'provider = "nova"')
  return { ["providers/nova.lua"] = script, ["providers/nova/card.lua"] = CARD }
end

local CARDS = [[{"offers":[
  {"id":"s1","card":"a6000","cards":1,"memory_gb":51,"hour":0.4,"disk_gb_hour":0.0001,"place":"europe"}]}]]

local MANIFEST =
  [[{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:00","size":18556685856}]}]]

--- What a server of it answers that knows one key and has one card to rent: a function for `http` of a
-- replaced world. host: nil for the made-up cloud's own
function nova.server(key, host)
  return function(request)
    if request.path:find("/manifests/", 1, true) then
      return { body = MANIFEST }
    end
    if request.host ~= (host or "nova.example") then
      return { status = 503, body = "" }
    end
    if request.method == "HEAD" then return { status = 404, body = "" } end
    if request.headers["x-toy-key"] ~= key then
      return { status = 401, body = '{"error":"bad_key"}' }
    end
    if request.path == "/toy/v1/account" then
      return { body = '{"id":7,"name":"ada","credit":20}' }
    end
    if request.path == "/toy/v1/offers" then return { body = CARDS } end
    if request.path == "/toy/v1/machines" then
      return { body = '{"machines":[],"total":0}' }
    end
    return { status = 404, body = '{"error":"no_machine"}' }
  end
end

return nova
