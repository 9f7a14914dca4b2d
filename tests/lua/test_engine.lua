-- SPDX-License-Identifier: MIT
-- The Ollama engine: sizes, the download with its troubles, the ladder to a real token.
local json = require "base.json"
local pull = require "engines.ollama.pull"

local HOME = "/home/user/.continueplz"
local BASE = { url = "http://127.0.0.1:1" }

return function(t)
  local fake = t:load("fakehost")

  -- fn(engine, require) in a replaced world. → what it returns; the sim
  local function run(http, fn)
    local s = fake.new { http = http }
    local p = s:start(function(require)
      require("config.effective").load(HOME)
      local results = table.pack(require("base.fail").try(fn, require "engines.ollama", require))
      if results[1] then return table.unpack(results, 2, results.n) end
      if results[2].kind == "internal" then error(results[2], 0) end
      return nil, results[2].kind, results[2].message, results[2].exit
    end)
    s:run()
    return table.pack(p:result()), s
  end

  local function lines(list)
    local text = {}
    for index, line in ipairs(list) do
      text[index] = json.encode(line) .. "\n"
    end
    return table.concat(text)
  end

  local A, B = "sha256:aaaa", "sha256:bbbb"
  local manifest = { layers = {
    { digest = A, size = 900, mediaType = "application/vnd.ollama.image.model" },
    { digest = B, size = 100, mediaType = "application/vnd.ollama.image.template" },
  } }

  local function progress(digest, done, total)
    return { status = "pulling " .. digest:sub(8), digest = digest, total = total,
      completed = done > 0 and done or nil }
  end

  t:case("start: pinned image, loopback only, one model, no cloud", function()
    local results = run(nil, function(engine)
      return engine.image(), engine.start { port = 45678, context = 65536 }
    end)
    t:ok(results[1]:find("^ollama/ollama:%d+%.%d+%.%d+$"), results[1])
    t:equal(results[2].argv, { "ollama", "serve" })
    local env = table.concat(results[2].env, "\n")
    for _, line in ipairs { "OLLAMA_HOST=127.0.0.1:45678", "OLLAMA_CONTEXT_LENGTH=65536",
      "OLLAMA_KEEP_ALIVE=-1", "OLLAMA_NO_CLOUD=1", "OLLAMA_MAX_LOADED_MODELS=1" } do
      t:ok(env:find(line, 1, true), line)
    end
  end)

  t:case("size: the manifest of library and user models, with its media type", function()
    local seen = {}
    local function http(request)
      seen[#seen + 1] = { request.path, request.headers.accept }
      return { json = manifest }
    end
    local results = run(http, function(engine)
      engine.size "me/own:q4"
      engine.size "gpt-oss"
      local size = engine.size "qwen3-coder:30b"
      return size.bytes, #size.layers, size.disk_gb, size.vram(1000, 1e6)
    end)
    t:equal({ seen[1][1], seen[2][1], seen[3][1] }, { "/v2/me/own/manifests/q4",
      "/v2/library/gpt-oss/manifests/latest", "/v2/library/qwen3-coder/manifests/30b" })
    t:equal(seen[1][2], "application/vnd.docker.distribution.manifest.v2+json")
    t:equal({ results[1], results[2], results[3] }, { 1000, 2, 21 })
    t:ok(math.abs(results[4] - (900 + 1e9 + 1.5 * 2 ^ 30) / 0.95 / 1e9) < 1e-8,
      "memory counts the weights and the context")
  end)

  t:case("an answer that is JSON and no object is broken, at every call", function()
    for _, body in ipairs { "false", "7", '"text"', "null", "" } do
      for _, name in ipairs { "size", "probe", "list", "load", "check", "token" } do
        local results = run(function() return { body = body } end, function(engine)
          return engine[name](name == "size" and "qwen3-coder:30b" or BASE, "m:1", 10)
        end)
        t:equal({ results[1], results[2] }, { nil, "broken" }, name .. " " .. body)
      end
    end
  end)

  t:case("lines: pieces in any cut, an endless line is refused", function()
    local seen = {}
    local feed = pull.lines(function(line) seen[#seen + 1] = line.n end)
    for byte in ('{"n":1}\n\n{"n":2}\n{"n":3}\n'):gmatch(".") do
      feed(byte)
    end
    t:equal(seen, { 1, 2, 3 })
    t:raises("broken", feed, "no json\n")
    local endless = pull.lines(function() end)
    t:raises("broken", function()
      for _ = 1, 20 do
        endless(("x"):rep(100000))
      end
    end)
  end)

  t:case("progress is summed over layers and never goes back", function()
    local meter = pull.meter(manifest.layers, 1)
    meter:restart(0)
    local shown = {}
    for index, line in ipairs { { status = "pulling manifest" }, progress(A, 0, 900), progress(A, 450, 900),
      progress(A, 300, 900), progress(A, 900, 900), progress(B, 50, 100),
      { status = "verifying sha256 digest" }, progress(B, 100, 100) } do
      shown[index] = meter:line(line, index).bytes
    end
    t:equal(shown, { 0, 0, 450, 450, 900, 950, 950, 1000 })
    t:equal(meter:view().fraction, 1.0)
    t:equal(pull.meter({ manifest.layers[1], manifest.layers[1], manifest.layers[2] }, 1):view().total, 1000,
      "one layer, named twice")
    local unknown = pull.meter(nil, 1)
    unknown:restart(0)
    unknown:line(progress(A, 450, 900), 1)
    t:equal({ unknown:view().fraction, unknown:line(progress(B, 0, 100), 2).total }, { 0.5, 1000 })
  end)

  t:case("rate and time left", function()
    local meter = pull.meter({ { digest = A, size = 1e9 } }, 1)
    meter:restart(0)
    local view
    for second = 0, 20 do
      view = meter:line(progress(A, second * 1e7 + 1, 1e9), second)
    end
    t:ok(math.abs(view.rate - 1e7) < 1e5, "rate " .. tostring(view.rate))
    t:ok(math.abs(view.eta - 80) < 2, "eta " .. tostring(view.eta))
  end)

  t:case("a stall is no byte for 45 s, a crawl a tenth of the best for 60 "
    .. "s; verifying may be silent", function()
    local meter = pull.meter({ { digest = A, size = 1e12 } }, 1)
    meter:restart(0)
    meter:line(progress(A, 1, 1e12), 0)
    t:equal(meter:stalled(44), nil)
    t:ok(meter:stalled(46):find("no byte", 1, true), "stall")
    meter:restart(100)
    local done = 1
    for second = 100, 130 do
      done = done + 1e8
      meter:line(progress(A, done, 1e12), second)
    end
    t:equal(meter:stalled(130), nil)
    local first
    for second = 131, 260 do
      done = done + 1e6
      meter:line(progress(A, done, 1e12), second)
      first = first or meter:stalled(second) and second
    end
    t:ok(first and first > 195 and first < 215, "crawl seen at " .. tostring(first))
    meter:restart(300)
    meter:line({ status = "verifying sha256 digest" }, 300)
    t:equal(meter:stalled(1000), nil)
    t:ok(meter:stalled(300 + 1801), "but not for ever")
  end)

  -- An Ollama whose pulls answer one after the other.
  local function server(pulls, more)
    local index = 0
    return function(request)
      if request.path:find("/manifests/", 1, true) then
        return { json = manifest }
      elseif request.path == "/api/pull" then
        index = index + 1
        return pulls[index] or { error = "no more" }
      elseif request.path == "/api/tags" then
        return { json = { models = json.array { { name = "qwen3-coder:30b" } } } }
      end
      return more and more(request) or { status = 404, json = { error = "no such path" } }
    end
  end

  local good = { body = lines { { status = "pulling manifest" }, progress(A, 900, 900), progress(B, 100, 100),
    { status = "success" } } }

  t:case("what was downloaded is listed", function()
    local problem = run(server({ good }), function(engine)
      local ok, why = require("base.fail").try(engine.pull, BASE, "gpt-oss:20b", function() end)
      return ok and "believed" or why.message
    end)[1]
    t:ok(problem:find("does not list it", 1, true), problem)
  end)

  local function pulled(pulls)
    local results, s = run(server(pulls), function(engine)
      local shown = {}
      engine.pull(BASE, "qwen3-coder:30b", function(state)
        shown[#shown + 1] = state.note or state.fraction
      end)
      return shown[#shown], shown
    end)
    local count = 0
    for _, each in ipairs(s.requests) do
      count = count + (each.request.path == "/api/pull" and 1 or 0)
    end
    return results, count, s
  end

  t:case("a pull that works, one that is cut, one that stalls and is taken up again", function()
    local results, count = pulled { good }
    t:equal({ results[1], count }, { 1.0, 1 })
    local half = { body = lines { progress(A, 300, 900) } }
    results, count = pulled { half, { lost = true }, good }
    t:equal({ results[1], count }, { 1.0, 3 })
    local stalled = { pieces = { { data = lines { progress(A, 300, 900) } }, { data = "\n", after = 5000 } } }
    local s
    results, count, s = pulled { stalled, good }
    t:equal({ results[1], count }, { 1.0, 2 })
    local said = false
    for _, state in ipairs(results[2]) do
      said = said or (type(state) == "string" and state:find("no byte came", 1, true) ~= nil)
    end
    t:ok(said, "the stall was told")
    t:ok(s.now - 1000 < 300, "it took " .. (s.now - 1000))
  end)

  t:case("an error inside a 200: retried when it may pass, refused when nothing mends it", function()
    local passing = { body = lines { progress(A, 1, 900),
      { error = "max retries exceeded: unexpected EOF" } } }
    local results, count = pulled { passing, good }
    t:equal({ results[1], count }, { 1.0, 2 })
    local hopeless = { body = lines { { status = "pulling manifest" },
      { error = "pull model manifest: file does not exist" } } }
    results, count = pulled { hopeless, good }
    t:equal({ results[2], results[4], count }, { "refused", "failed", 1 })
    t:ok(results[3]:find("file does not exist", 1, true), results[3])
    local always = {}
    for index = 1, 20 do
      always[index] = passing
    end
    results, count = pulled(always)
    t:equal({ results[2], results[4], count }, { "transient", "failed", 8 })
  end)

  t:case("the ladder: probe, load, check, a real token", function()
    local ps = { name = "qwen3-coder:30b", size = 100, size_vram = 100, context_length = 32768 }
    local http = server({}, function(request)
      local body = request.body ~= "" and json.decode(request.body)
      if request.path == "/api/version" then
        return { json = { version = "0.32.15" } }
      elseif request.path == "/api/ps" then
        return { json = { models = json.array { ps } } }
      elseif request.path == "/api/generate" then
        t:equal({ body.keep_alive, body.stream }, { -1, false })
        return { delay = 200, json = { done = true, done_reason = "load" } }
      end
      return { json = { done = true, eval_count = 16, eval_duration = 160000000,
        message = { content = "Hello" } } }
    end)
    local results = run(http, function(engine)
      local version = engine.probe(BASE)
      engine.load(BASE, "qwen3-coder:30b")
      local state = engine.check(BASE, "qwen3-coder:30b", 32768)
      ps.size_vram, ps.context_length = 40, 4096
      local worse = engine.check(BASE, "qwen3-coder:30b", 32768)
      return version, state, worse, engine.check(BASE, "other:1", 1).loaded,
        (engine.token(BASE, "qwen3-coder:30b"))
    end)
    t:equal(results[1], "0.32.15")
    t:equal({ results[2].loaded, results[2].on_gpu, results[2].warnings }, { true, 1.0, {} })
    t:equal({ #results[3].warnings, results[3].on_gpu, results[4], results[5] }, { 1, 0.4, false, 100.0 })
  end)

  t:case("rungs that break", function()
    local function rung(answer, fn)
      local results = run(function() return answer end, function(engine)
        return fn(engine)
      end)
      return results[2], results[3]
    end
    t:equal(rung({ json = { other = 1 } }, function(e) return e.probe(BASE) end), "broken")
    t:equal(rung({ json = { done_reason = "stop" } }, function(e) return e.load(BASE, "m") end), "broken")
    t:equal(rung({ json = { done = true, eval_count = 0 } },
      function(e) return e.token(BASE, "m") end), "broken")
    local kind, message = rung({ status = 500, json = { error = "llama runner process has terminated" } },
      function(e) return e.load(BASE, "m") end)
    t:equal(kind, "transient")
    t:ok(message:find("llama runner process has terminated", 1, true), message)
    t:equal(rung({ lost = true }, function(e) return e.probe(BASE) end), "transient")
  end)

  t:case("a question: the answer as it comes, an error in its midst, an answer cut off", function()
    local function ask(answer)
      return run(function() return answer end, function(engine)
        local heard = {}
        local text, speed = engine.ask(BASE, "m", "why?", function(piece) heard[#heard + 1] = piece end)
        return text, speed, #heard
      end)[1], run(function() return answer end, function(engine)
        return engine.ask(BASE, "m", "why?", function() end)
      end)[2]
    end
    local words = { { message = { content = "Be" } }, { message = { content = "cause" } },
      { done = true, eval_count = 2, eval_duration = 1e8 } }
    t:equal((ask { body = lines(words) }), "Because")
    t:equal(select(2, ask { body = lines { words[1], { error = "out of memory" } } }), "refused")
    t:equal(select(2, ask { body = lines { words[1] } }), "transient")
  end)
end
