-- SPDX-License-Identifier: MIT
-- The command `models`, and models outside the table: sized from the registry's manifest and the beginning
-- of the weights.
local json = require "base.json"
local models = require "facts.models"

local HOME = "/home/user/.continueplz"
local GIB = 2 ^ 30

return function(t)
  local fake, weights = t:load("fakehost"), t:load("weights")

  local function run(line, options)
    options = options or {}
    local s = fake.new { env = { HOME = "/home/user" }, http = options.http or function()
      return { status = 503, body = "down" }
    end }
    s.disk[HOME .. "/.env"] = { data = "TIME_SCALE=1\n" .. (options.settings or ""), mode = 384, mtime = 0 }
    local p = s:start(function(require)
      local words = {}
      for word in line:gmatch("%S+") do words[#words + 1] = word end
      return require("cli").main(words)
    end, { bare = true })
    s:run()
    return p:result(), p.out, p.err, s
  end

  t:case("models: list and fit ask nobody, 80 columns, the same twice", function()
    for _, line in ipairs { "models", "models list --tier=small", "models fit", "models fit --gpu=rtx4090",
      "models fit --vram=80 --gpus=4",
      "models fit --gpu=a6000 --context=64k", "models list --context=4096" } do
      local code, out, err, s = run(line)
      t:equal({ code, err, #s.requests }, { 0, "", 0 }, line)
      for each in out:gmatch("[^\n]+") do
        t:ok(utf8.len(each) <= 80, line .. ": " .. each)
      end
      t:equal((select(2, run(line))), out, line)
    end
    local _, out = run "models --output=json"
    local object = json.decode(out)
    t:equal({ object.status, #object.models, object.tiers }, { "models", #models.list, models.tiers })
    for _, model in ipairs(object.models) do
      t:equal(model.default, models.tiers[model.tier] == model.name, model.name)
    end
  end)

  t:case("models fit: what holds, what is too big, what was not trained for it", function()
    local _, out = run "models fit --gpu=rtx4090 --context=64k --output=json"
    local object = json.decode(out)
    local fits = {}
    for _, model in ipairs(object.fits) do
      fits[model.name] = model
      t:ok(model.vram_gb <= object.memory_gb and model.most_context >= 65536
        and model.tokens_per_second_estimate > 0, model.name)
    end
    t:ok(fits["gpt-oss:20b"] and fits["glm-4.7-flash"] and not fits["qwen3-coder:30b"],
      "24.8 GiB at 64k is too much for 24 GB")
    t:equal(object.short[1], "qwen2.5-coder:1.5b")
    t:ok(table.concat(object.too_big, " "):find("qwen3-coder:30b", 1, true))
    _, out = run("models fit --output=json", { settings = "DEFAULT_GPU=h100\nGPUS=2\n" })
    object = json.decode(out)
    t:equal({ object.gpu, object.gpus }, { "h100", 2 }, "the settings' card")
  end)

  t:case("models: bad input is one sentence with a way out", function()
    local rows = {
      { "models lits", 2, "did you mean list?" }, { "models qwen3-coder:30b", 2,
        "models info qwen3-coder:30b" }, { "models --tier=huge", 2, "none of small, medium, large" },
      { "models --gpu=h100", 2, "models fit does" }, { "models info a b", 2, "a second one" },
      { "models info a --tier=small", 2, "not both" }, { "models list x", 2, "models info x" },
      { "models fit --gpu=h100 --vram=80", 2, "contradict" }, { "models fit --gpus=2", 2, "--gpu=TYPE" },
      { "models fit --gpu=h1000", 2, "h100" }, { "models fit x --tier=small", 2, "not both" },
      { "models fit --vram=no", 2, "--vram" }, { "models fit --vram=1", 4, "needs 3.7 GB" },
      { "models fit --context=1", 2, "1024" },
      { "models fit --vram=4000 --context=4096k", 4, "none was trained" },
      { "models info kimi-k3:cloud", 2, "ollama.com" },
    }
    for _, row in ipairs(rows) do
      local code, _, err = run(row[1])
      t:equal(code, row[2], row[1])
      t:ok(err:find(row[3], 1, true) and not err:find("%.lua:%d")
        and select(2, err:gsub("continueplz: ", "")) == 1, row[1] .. ": " .. err)
    end
    local code, _, err = run("models info qwen3-codr:30b", { http = function()
      return { status = 404, body = "{}" }
    end })
    t:equal(code, 2)
    t:ok(err:find("did you mean qwen3-coder:30b", 1, true), err)
  end)

  -- A registry with one model: the size that is wanted, and these first bytes behind a redirect
  -- with a key in it.
  local function one(size, content, seen, options)
    options = options or {}
    return function(request)
      seen[#seen + 1] = request
      if request.path:find("/manifests/", 1, true) then
        return { json = { layers = { { digest = "sha256:ab", size = size,
          mediaType = "application/vnd.ollama.image.model" } } } }
      elseif request.path:find("/blobs/", 1, true) then
        return { status = 307,
          headers = { location = "https://storage.example/x?signature=top-secret-words" } }
      end
      local last = tonumber(request.headers.range:match("^bytes=0%-(%d+)$"))
      return options.answer or { status = 206, body = content:sub(1, last + 1) }
    end
  end

  local DENSE = { { "block_count", 80 }, { "attention.head_count_kv", 8 }, { "attention.key_length", 128 },
    { "context_length", 16384 }, { "general.parameter_count", 72000000 } }

  t:case("info: a model outside the table is sized from its manifest and its weights", function()
    local seen = {}
    local code, out, err, s = run("models info someone/own:1 --output=json",
      { http = one(47e9 // 1 | 0, weights.of(DENSE), seen) })
    local object = json.decode(out)
    t:equal({ code, object.bytes, object.bytes_source, object.kv_bytes_per_token, object.kv_source,
      object.context, object.context_max },
      { 0, 47000000000, "registry", 320 * 1024, "weights", 16384, 16384 })
    t:ok(math.abs(object.vram_gb - (47e9 + 320 * 1024 * 16384 + 1.5 * GIB) / 0.95 / 1e9) < 0.01, "need")
    t:equal({ #seen, seen[1].path, seen[2].path, seen[3].host, seen[3].headers.range }, { 3,
      "/v2/someone/own/manifests/1", "/v2/someone/own/blobs/sha256:ab", "storage.example", "bytes=0-262143" })
    t:ok(err:find("its weights say 320 KiB", 1, true), err)
    t:ok(not json.encode(s.log):find("top-secret-words", 1, true), "the key in the address is in no log")
  end)

  t:case("info: a long beginning is read again, more of it", function()
    local seen, fields = {}, { { "general.description", ("x"):rep(300 << 10) }, table.unpack(DENSE) }
    local code, out = run("models info someone/own:1 --output=json",
      { http = one(4 << 30, weights.of(fields), seen) })
    t:equal({ code, json.decode(out).kv_source, #seen, seen[5].headers.range },
      { 0, "weights", 5, "bytes=0-4194303" })
  end)

  t:case("info: weights that cannot be read are guessed, and it says so and why", function()
    local rows = { { { status = 206, body = "PK\3\4" }, "no GGUF file" },
      { { status = 404, body = "gone" }, "404" }, { { error = "too many bytes", code = "toolarge" },
        "too many bytes" }, { { status = 307, headers = {} }, "elsewhere" } }
    for _, row in ipairs(rows) do
      local code, out, err = run("models info someone/own:1 --output=json",
        { http = one(20 << 30, "", {}, { answer = row[1] }) })
      local object = json.decode(out)
      t:equal({ code, object.kv_source, object.kv_bytes_per_token }, { 0, "guess", 256 * 1024 }, row[2])
      t:ok(err:find(row[2], 1, true) and err:find("assumed to be much", 1, true), err)
    end
  end)

  t:case("info: without the registry the table serves, and it says so; a tag that became "
    .. "another model is not believed", function()
    local code, out, err = run "models info gpt-oss:20b"
    t:equal(code, 0)
    t:ok(out:find("13.8 GB by the built-in table (the registry did not answer)", 1, true)
      and err:find("503", 1, true), out .. err)
    t:equal((run "models info someone/own:1"), 5)
    local seen = {}
    code, out, err = run("models info gpt-oss:20b --output=json",
      { http = one(40 << 30, weights.of(DENSE), seen) })
    local object = json.decode(out)
    t:equal({ code, object.kv_source, object.context_max, object.tools }, { 0, "weights", 16384, true })
    t:ok(err:find("the table is not believed", 1, true), err)
    code, out, err = run("models info gpt-oss:20b --output=json",
      { http = one(5 << 30, weights.of(DENSE), {}) })
    t:equal({ code, json.decode(out).kv_source }, { 0, "weights" }, "nor when it became smaller")
    t:ok(err:find("the table is not believed", 1, true), err)
  end)

  t:case("info: --context above what the model was trained for is cut, and it says so", function()
    local code, out, err = run("models info qwen2.5-coder:32b --context=64k --output=json")
    t:equal({ code, json.decode(out).context }, { 0, 32768 })
    t:ok(err:find("was trained for 32768 tokens", 1, true), err)
  end)

  t:case("candidates: the cloud's bandwidth, else the table's; dollars per million tokens", function()
    local s = fake.new { env = { HOME = "/home/user", VAST_API_KEY = "key-of-a-test" },
      http = one(18556700761, "", {}) }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local want = require("start.want").make { strict = true }
      local list = {}
      for index, bandwidth in ipairs { 500, 0 } do
        local offer = { id = index, provider = "vast", gpu = "a6000", gpus = 1, vram_gb = 51, on_demand = 0.5,
          gpu_bandwidth = bandwidth > 0 and bandwidth or nil }
        local candidate = require("home.cost").candidates(offer, want)[1]
        list[index] = { candidate.tokens_per_second, candidate.usd_per_million_tokens }
      end
      return list
    end)
    s:run()
    local list = p:result()
    local model = models.find "qwen3-coder:30b"
    t:equal({ list[1][1], list[2][1] }, { models.speed(model, 500), models.speed(model, 768) })
    t:ok(math.abs(list[2][2] - 0.5 / (list[2][1] * 3600) * 1e6) < 1e-9, "price of a million")
  end)

  t:case("offers: columns leave in their order until the table fits, and it says which", function()
    local format, view = require "ui.format", require "ui.offers"
    local rows = { { "One", "Two", "Three" }, { "section" }, { "1111111111", "2222222222", "3333333333" } }
    local lines, dropped = format.fitted(rows, "lrl", 22, { "Two", "Three" })
    t:equal({ lines, dropped }, { { "One         Three", "section", "1111111111  3333333333" }, { "Two" } })
    local function candidate(provider, gpu)
      return { offer = { provider = provider, gpu = gpu, gpus = 8, region = "us-central", id = 1 },
        spot = false, hourly = 22.5, total = 180, parts = { compute = 180, disk = 0, download = 0,
          minimum = 0 }, tokens_per_second = 250, usd_per_million_tokens = 25 }
    end
    local function shown(provider, gpu)
      local text = table.concat(view.lines { want = { model = models.find "gpt-oss:120b", vram_gb = 70,
        context = 32768, disk_gb = 100, hours = 8 }, ordered = { candidate(provider, gpu) }, rejected = {},
        results = {}, reasons = {}, rate = { per_dollar = 1, date = "2026-11-01", source = "test" } }, "\n")
      for line in text:gmatch("[^\n]+") do
        t:ok(utf8.len(line) <= 80, line)
      end
      return text
    end
    local text = shown("vast", "a6000")
    t:ok(text:find("us-central", 1, true) and text:find("~$25.00", 1, true)
      and not text:find("want of width", 1, true), text)
    text = shown("paperspace", "rtx-pro-6000")
    local head = text:sub(1, text:find("would be taken", 1, true))
    t:ok(not head:find("us-central", 1, true) and head:find("~$25.00", 1, true)
      and text:find("left out for want of width: Region;", 1, true), text)
  end)
end
