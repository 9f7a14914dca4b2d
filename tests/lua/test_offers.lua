-- SPDX-License-Identifier: MIT
-- Asking the clouds, and what is wanted: dead clouds, missing keys, models that do not exist.
local HOME = "/home/user/.continueplz"

return function(t)
  local fake = t:load("fakehost")

  local GIB = 1 << 30
  local manifest =
    { layers = { { digest = "sha256:a", size = 18 * GIB, mediaType = "application/vnd.ollama.image.model" },
      { digest = "sha256:b", size = 1000, mediaType = "application/vnd.ollama.image.params" } } }

  -- fn(require) in a replaced world. options: env, http, user files. → what it returns
  local function run(options, fn)
    local env = { HOME = "/home/user", VAST_API_KEY = "key-of-a-test" }
    for key, value in pairs(options.env or {}) do -- order: free
      env[key] = value ~= "" and value or nil
    end
    local s = fake.new { env = env, http = options.http or function(request)
      if request.host == "registry.ollama.ai" then
        return { json = manifest }
      end
      return { status = 503, body = "down" }
    end }
    for path, text in pairs(options.files or {}) do -- order: free
      s.disk[HOME .. "/" .. path] = { data = text, mode = 384, mtime = 0 }
    end
    local p = s:start(function(require)
      require("config.effective").load(HOME, { flags = options.flags })
      local results = table.pack(require("base.fail").try(fn, require))
      if results[1] then return table.unpack(results, 2, results.n) end
      return nil, results[2].kind, results[2].message
    end)
    s:run()
    return p:result()
  end

  local function make(options)
    return run(options, function(require)
      return require("start.want").make { strict = options.strict }
    end)
  end

  t:case("want: the registry's bytes, the table's memory per token, sizes with room", function()
    local want = make { env = { DEFAULT_MODEL = "qwen3-coder:30b", DAY_HOURS = "2" } }
    t:equal({ want.model.name, want.model.bytes, want.context, want.disk_gb, want.hours, want.spot,
      want.region, want.max_price, want.ask_above },
      { "qwen3-coder:30b", 18 * GIB + 1000, 32768, 45, 2, true, nil, nil, 3.0 })
    t:ok(math.abs(want.vram_gb - (18 + 3 + 1.5) * GIB / 0.95 / 1e9) < 0.001, "memory")
    want = make { env = { DEFAULT_MODEL = "qwen2.5-coder:32b", CONTEXT_LENGTH = "64k", DEFAULT_REGION = "eu",
      PREFER_SPOT = "no" } }
    t:equal({ want.context, want.region, want.spot, #want.notes }, { 32768, "eu", false, 1 })
    want = make { env = { DEFAULT_MODEL = "someone/own:1" } }
    t:equal({ want.model.unknown, #want.notes }, { true, 1 })
  end)

  t:case("--max-price is a wall, MAX_PRICE a question", function()
    local want = make { flags = { MAX_PRICE = { text = "0.5", flag = "--max-price" } } }
    t:equal({ want.max_price, want.ask_above }, { 0.5, 0.5 })
    want = make { env = { MAX_PRICE = "0.7" } }
    t:equal({ want.max_price, want.ask_above }, { nil, 0.7 })
    want = make { env = { MAX_PRICE = "off" } }
    t:equal({ want.max_price, want.ask_above }, { nil, nil })
  end)

  t:case("models that are refused before anything is rented", function()
    local function absent() return { status = 404, body = '{"errors":[]}' } end
    local _, kind, message = make { env = { DEFAULT_MODEL = "qwen3-codr:30b" }, http = absent }
    t:equal(kind, "usage")
    t:ok(message:find("qwen3-codr:30b", 1, true) and message:find("qwen3-coder:30b", 1, true), message)
    _, kind, message = make { env = { DEFAULT_MODEL = "zzzz" }, http = absent }
    t:ok(kind == "usage" and message:find("known to work", 1, true), message)
    for _, name in ipairs { "glm-5:cloud", "qwen3-coder:480b-cloud" } do
      _, kind, message = make { env = { DEFAULT_MODEL = name } }
      t:ok(kind == "usage" and message:find("ollama.com", 1, true), message)
    end
    _, kind = make { env = { DEFAULT_MODEL = "kimi:1" }, http = function()
      return { json = { schemaVersion = 2 } }
    end }
    t:equal(kind, "usage", "no layers: cloud only")
    _, kind = make { env = { DEFAULT_MODEL = "hf.co/some/repo:Q4" } }
    t:equal(kind, "usage", "no name of the registry")
  end)

  t:case("a registry that does not answer: renting is refused, looking is not", function()
    local function down() return { status = 503, body = "x" } end
    local want = make { http = down }
    t:equal({ want.model.bytes, #want.notes }, { 18556700761, 1 })
    local _, kind = make { http = down, strict = true }
    t:equal(kind, "transient")
    _, kind = make { http = down, env = { DEFAULT_MODEL = "unknown:1" } }
    t:equal(kind, "transient")
    _, kind = make { http = function() return { json = { layers = { { digest = "x" } } } } end,
      strict = true }
    t:equal(kind, "broken")
  end)

  t:case("keys: none, one in a file, one of a cloud without a guard, a cloud by name", function()
    local function configured(env, name)
      return run({ env = env }, function(require)
        return require("start.offers").configured(name)
      end)
    end
    t:equal({ configured({}) }, { { "vast" }, {} })
    t:equal({ configured({}, "vast.ai") }, { { "vast" }, {} })
    local _, kind, message = configured { VAST_API_KEY = "" }
    t:ok(kind == "config" and message:find("VAST_API_KEY", 1, true)
      and message:find(HOME .. "/.env", 1, true), message)
    _, kind, message = configured({}, "vats")
    t:ok(kind == "usage" and message:find("did you mean vast?", 1, true), message)
    _, kind, message = configured({}, "coreweave")
    t:ok(kind == "config" and message:find("CoreWeave has no key", 1, true), message)
    t:equal({ configured { COREWEAVE_API_KEY = "x1" } }, { { "vast", "coreweave" }, {} })
    t:equal({ configured { COREWEAVE_KUBECONFIG = "/a/file" } }, { { "vast", "coreweave" }, {} })
    local names, skipped = configured { LAMBDA_API_KEY = "x1" }
    t:equal({ names, #skipped, skipped[1].name }, { { "vast" }, 1, "lambda" })
    _, kind = configured({ VAST_API_KEY = "" }, "vast")
    t:equal(kind, "config")
  end)

  local OWN = [[
    local clock = require "base.clock"
    local function no() error("not asked") end
    return { name = "%s", capabilities = { guard = "scoped-key" }, timing = {},
      account = no, create = no, destroy = no, get = no, list = no, proof = no, terminate_request = no,
      offers = function(want)
      %s
      return { { provider = "%s", id = "1", gpu = "a6000", gpus = 1, vram_gb = 51,
        on_demand = 0.3, currency = "USD", at = clock.now() } }
    end }]]

  local function collect(files, env, name)
    return run({ files = files, env = env }, function(require)
      local told = {}
      local collected = require("start.offers").collect({ hours = 1, download_gb = 1, spot = true,
        provider = name }, function(each, result)
        told[#told + 1] = { each, result.ok, result.count }
      end)
      return told, collected.results, #collected.candidates
    end)
  end

  t:case("a dead, a slow and a broken cloud cost only themselves", function()
    local files = { ["providers/lambda.lua"] = OWN:format("lambda", "", "lambda"),
      ["providers/runpod.lua"] = OWN:format("runpod", "require('base.task').sleep(1e6)", "runpod"),
      ["providers/coreweave.lua"] = "return {" }
    local told, results, count = collect(files,
      { LAMBDA_API_KEY = "l1", RUNPOD_API_KEY = "r1", COREWEAVE_API_KEY = "c1", PAPERSPACE_API_KEY = "p1" })
    t:equal(count, 1)
    local by = {}
    for _, each in ipairs(told) do
      by[each[1]] = { each[2], each[3] }
    end
    t:equal(by, { vast = { false, 0 }, lambda = { true, 1 }, runpod = { false, 0 }, coreweave = { false, 0 },
      paperspace = { false, 0 } })
    t:equal({ results[1].name, results[2].name, results[3].name, #results },
      { "vast", "lambda", "runpod", 5 })
    t:ok(results[3].message:find("did not answer within 20 s", 1, true), results[3].message)
    t:ok(results[4].message:find("coreweave.lua", 1, true), results[4].message)
  end)

  t:case("alone, a slow cloud gets a minute", function()
    local _, results = collect({ ["providers/runpod.lua"] = OWN:format("runpod",
      "require('base.task').sleep(1e6)", "runpod") }, { RUNPOD_API_KEY = "r1" })
    t:ok(results[2].message:find("did not answer within 60 s", 1, true), results[2].message)
  end)

  t:case("a cloud whose guard needs the account's key is asked only with consent, "
    .. "and named with the way out", function()
    local function asked(env, accept)
      return run({ env = env }, function(require)
        local names, skipped = require("start.offers").configured(nil, accept)
        return names, skipped[1] and skipped[1].message or ""
      end)
    end
    local names, why = asked { LAMBDA_API_KEY = "l1" }
    t:equal(names, { "vast" })
    t:ok(why:find("GUARD_ACCOUNT_KEY=yes", 1, true) and why:find("--accept-no-guard", 1, true), why)
    t:equal((asked { LAMBDA_API_KEY = "l1", GUARD_ACCOUNT_KEY = "yes" }), { "vast", "lambda" })
    t:equal((asked({ LAMBDA_API_KEY = "l1" }, true)), { "vast", "lambda" })
    local none, kind, message = asked { LAMBDA_API_KEY = "l1", VAST_API_KEY = "" }
    t:ok(none == nil and kind == "config" and message:find("lambda: skipped", 1, true), message)
  end)

  t:case("a cloud of the user's own is asked when it is named", function()
    local _, results, count = collect({ ["providers/attic.lua"] = OWN:format("attic", "", "attic") },
      {}, "attic")
    t:equal({ results[1].name, count }, { "attic", 1 })
  end)

  t:case("nothing to rent: the dead cloud's own failure, or the reasons with a way out", function()
    local function explain(results, rejected, more)
      local _, kind, message = run({}, function(require)
        local want = { model = { name = "m:1" }, vram_gb = 24.6, context = 1, disk_gb = 44 }
        for name, value in pairs(more or {}) do -- order: free
          want[name] = value
        end
        require("start.offers").explain_nothing({ results = results }, rejected, want)
      end)
      return kind, message
    end
    local fail = require "base.fail"
    local dead = { ok = false, name = "a", message = "bad key",
      error = fail.new { kind = "auth", message = "bad key" } }
    t:equal({ explain({ dead }, {}) }, { "auth", "bad key" })
    local kind, message = explain({ dead, { ok = true } }, { { reason = "too small: x" },
      { reason = "too small: y" }, { reason = "card a, b" } }, { max_price = 1 })
    t:equal(kind, "capacity")
    t:ok(message:find("2 × too small, 1 × card a;", 1, true)
      and message:find("--max-price", 1, true), message)
    -- What was filtered out by the user himself is not the reason, whatever the policy says of it.
    local function left_out(gpu, region, reason)
      return { candidate = { spot = true, offer = { gpu = gpu, gpus = 1, region = region } },
        reason = reason }
    end
    local all = { left_out("l40", "eu-west", "too small: x"), left_out("h100", "us-east", "too small: x"),
      left_out("h100", "eu-west", "taken: y") }
    kind, message = explain({ { ok = true } }, all, { gpu = "h100", region = "eu-west" })
    t:equal(kind, "capacity")
    t:ok(message:find("44 GB disk): 1 × taken; try another model or --context, or without --gpu=h100, or "
      .. "without --region=eu-west", 1, true), message)
    message = select(2, explain({ { ok = true } }, { all[1], all[2] }, { gpu = "h100", region = "eu-west" }))
    t:ok(message:find("none of the 2 offers is what was asked for (--gpu=h100, "
      .. "--region=eu-west); try without", 1, true), message)
    t:ok(not message:find("small", 1, true), message)
    message = select(2, explain({ { ok = true } }, all, { spot = false }))
    t:ok(message:find("none of the 3 offers is what was asked for (--on-demand)", 1, true), message)
    local lost = { ok = false, name = "b", message = "too slow",
      error = fail.new { kind = "transient", message = "too slow" } }
    t:equal({ explain({ dead, lost }, {}) }, { "auth", "no cloud gave prices. a: bad key. b: too slow" })
    kind, message = explain({ { ok = true }, lost }, {})
    t:ok(kind == "capacity" and message:find(". Not in this: b: too slow", 1, true), message)
    kind, message = explain({ { ok = true } }, {})
    t:ok(kind == "capacity" and message:find(
      "nothing was offered; try another model or --context, or again later", 1, true), message)
    -- a cloud is only asked for what is large enough
    message = select(2, explain({ { ok = true } }, {}, { gpu = "h100" }))
    t:ok(message:find("nothing was offered; try another model or --context, or without "
      .. "--gpu=h100, or again later", 1, true), message)
  end)
end
