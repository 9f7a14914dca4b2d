-- SPDX-License-Identifier: MIT
-- The simulated Ollama by its pure handler (facts/serving.md §1.1, §1.2, §1.5).
local host = require "sandbox.host"
local loader = require "sandbox.loader"

return function(t)
  local simulated = loader.new { host = host, scripts = { t.root }, user = false }
  local api = simulated.require("cloudsim.machine.ollama.api")
  local json = simulated.require("base.json")
  local models = simulated.require("cloudsim.registry.models")
  local sorted = simulated.require("base.sorted")
  local store = simulated.require("cloudsim.machine.ollama.store")

  -- An Ollama whose time passes only when it sleeps; `given` fields replace those of env.
  local function ollama(given, dir)
    local env = { loopback = false, time = 1786000000, slept = 0, bytes = 0, orders = {} }
    env.now = function() return env.time end
    env.sleep = function(seconds)
      env.slept, env.time = env.slept + seconds, env.time + seconds
    end
    env.scale = function() return 1 end
    env.speed = function() return 1e9 end
    env.tokens_per_second = function() return 50 end
    env.number = function() return 1 end
    env.received = function(bytes) env.bytes = env.bytes + bytes end
    env.report = function() end
    env.fault = function(name)
      local order = env.orders[name]
      env.orders[name] = nil
      return order
    end
    env.manifest = function(name)
      local row = models.find(name)
      if not row then return nil, "file does not exist" end
      return models.manifest(row)
    end
    env.store = store.new { dir = dir or t:directory(), vram = 48 * 2 ^ 30, context = 32768, now = env.now }
    for name, value in sorted(given or {}) do
      env[name] = value
    end
    return env
  end

  local function call(env, method, path, body, headers)
    local response = api.handler({ method = method, path = path, headers = headers
      or { host = "127.0.0.1:11434" }, body = body and json.encode(body) or "" }, env)
    return response.status, response.body and response.body ~= "" and json.decode(response.body)
      or response.body, response
  end

  -- The lines of a stream; `break_after` of them, then the client is gone.
  local function lines(response, break_after)
    local list, rest = {}, ""
    local ok, problem = pcall(response.stream, function(piece)
      rest = (rest .. piece):gsub("([^\n]*)\n", function(line)
        list[#list + 1] = line
        return ""
      end)
      if break_after and #list >= break_after then error("gone") end
    end)
    t:ok(ok or break_after, problem)
    return list
  end

  local function pull(env, name, break_after)
    local _, _, response = call(env, "POST", "/api/pull", { model = name })
    local list = lines(response, break_after)
    for i, line in ipairs(list) do
      list[i] = json.decode(line)
    end
    return list
  end

  t:case("a pull: manifest, progress per digest, zero left out, a step back, verify, write, success",
    function()
    local env = ollama()
    local list = pull(env, "qwen2.5-coder:7b")
    local layer = models.layers(models.find("qwen2.5-coder:7b"))[1]
    t:equal(list[1], { status = "pulling manifest" })
    t:equal(list[2], { status = "pulling " .. layer.digest:sub(8, 19), digest = layer.digest,
      total = layer.size })
    local back, last = 0, 0
    for _, line in ipairs(list) do
      if line.digest == layer.digest then
        back = back + ((line.completed or 0) < last and 1 or 0)
        last = line.completed or 0
      end
    end
    t:equal({ back, last }, { 1, layer.size })
    t:equal({ list[#list - 2].status, list[#list - 1].status, list[#list].status },
      { "verifying sha256 digest", "writing manifest", "success" })
    t:ok(env.bytes >= 4683087561, "all bytes came over the line")
    t:ok(env.slept > 4.6 and env.slept < 9, "it took its time: " .. env.slept)
    local _, tags = call(env, "GET", "/api/tags")
    t:equal({ #tags.models, tags.models[1].name, tags.models[1].size }, { 1, "qwen2.5-coder:7b", 4683087561 })
  end)

  t:case("an unknown model is an error inside a 200 stream", function()
    local env = ollama()
    local status, _, response = call(env, "POST", "/api/pull", { model = "qwen2.5-coder:72b" })
    t:equal(status, 200)
    t:equal(json.decode(lines(response)[2]), { error = "pull model manifest: file does not exist" })
    status = call(env, "POST", "/api/pull", { model = "qwen2.5-coder:72b", stream = false })
    t:equal(status, 500)
  end)

  t:case("a pull that is broken off goes on where it was, also after a restart", function()
    local dir = t:directory()
    local env = ollama(nil, dir)
    pull(env, "qwen3-coder:30b", 200)
    local done = env.bytes
    t:ok(done > 5e9, "something came")
    local again = ollama(nil, dir)
    local list = pull(again, "qwen3-coder:30b")
    t:equal(list[#list].status, "success")
    t:ok(again.bytes < 18556700761 - done + 2e9, "only the rest came")
  end)

  t:case("a stall repeats the same line until the client gives up; then it is over", function()
    local env = ollama()
    env.orders["pull.stall"] = { percent = 50 }
    local list = pull(env, "gpt-oss:20b", 400)
    t:equal(#list, 400)
    t:equal(list[400], list[300])
    list = pull(env, "gpt-oss:20b")
    t:equal(list[#list].status, "success")
  end)

  t:case("a pull that fails half-way, and a slow one", function()
    local env = ollama()
    env.orders["pull.error"] = { percent = 30 }
    local list = pull(env, "gpt-oss:20b")
    t:equal(list[#list], { error = "max retries exceeded: unexpected EOF" })
    local slow = ollama()
    slow.orders["pull.slow"] = { factor = 10 }
    pull(slow, "tiny-sim")
    t:ok(slow.slept > 0.4, "it took " .. slow.slept)
  end)

  t:case("the ladder: nothing, tags, load, ps, a token", function()
    local env = ollama()
    local status, _, response = call(env, "GET", "/")
    t:equal({ status, response.body }, { 200, "Ollama is running" })
    t:equal({ call(env, "POST", "/api/generate", { model = "qwen3-coder:30b" }) },
      { 404, { error = "model 'qwen3-coder:30b' not found" }, select(3, call(env, "POST", "/api/generate",
      { model = "qwen3-coder:30b" })) })
    pull(env, "qwen3-coder:30b")
    local _, ps = call(env, "GET", "/api/ps")
    t:equal(ps.models, {})
    local before = env.slept
    local _, loaded = call(env, "POST", "/api/generate", { model = "qwen3-coder:30b", keep_alive = -1,
      stream = false })
    t:equal({ loaded.done, loaded.done_reason, loaded.response }, { true, "load", "" })
    t:ok(env.slept - before > 9, "loading takes time")
    local row = select(2, call(env, "GET", "/api/ps")).models[1]
    t:equal({ row.size == row.size_vram, row.context_length, row.expires_at:sub(1, 4) },
      { true, 32768, "2318" })
    local _, said = call(env, "POST", "/api/chat", { model = "qwen3-coder:30b", stream = false,
      options = { num_predict = 1 }, messages = { { role = "user", content = "Why?" } } })
    t:equal({ said.message.content, said.eval_count, said.eval_duration, said.done_reason },
      { "This", 1, 20000000, "stop" })
    t:equal(select(2, call(env, "POST", "/api/generate", { model = "qwen3-coder:30b",
      keep_alive = 0 })).done_reason, "unload")
    t:equal(select(2, call(env, "GET", "/api/ps")).models, {})
  end)

  t:case("a model too large for the card is partly outside; another num_ctx loads anew", function()
    local env = ollama()
    pull(env, "gpt-oss:120b")
    call(env, "POST", "/api/generate", { model = "gpt-oss:120b" })
    local row = select(2, call(env, "GET", "/api/ps")).models[1]
    t:ok(row.size_vram < row.size)
    local before = env.slept
    call(env, "POST", "/api/generate", { model = "gpt-oss:120b" })
    t:equal(env.slept, before)
    call(env, "POST", "/api/generate", { model = "gpt-oss:120b", options = { num_ctx = 4096 } })
    t:ok(env.slept > before + 10)
    env.time = env.time + 301
    t:equal(select(2, call(env, "GET", "/api/ps")).models, {}, "keep_alive of five minutes")
  end)

  t:case("chat streams token by token", function()
    local env = ollama()
    pull(env, "tiny-sim")
    local _, _, response = call(env, "POST", "/api/chat", { model = "tiny-sim",
      messages = { { role = "user", content = "What is a mutex?" } } })
    local text, list = "", lines(response)
    for i, line in ipairs(list) do
      local value = json.decode(line)
      text = text .. value.message.content
      t:equal(value.done, i == #list)
    end
    t:equal(text, 'This is tiny-sim:latest: the question has 4 words and ends with "mutex".')
    t:equal(json.decode(list[#list]).eval_count, #list - 1)
  end)

  t:case("OpenAI and Anthropic forms, plain and streamed", function()
    local env = ollama()
    pull(env, "tiny-sim")
    local ask = { model = "tiny-sim",
      messages = { { role = "user", content = { { type = "text", text = "What is a mutex?" } } } } }
    local wanted = 'This is tiny-sim:latest: the question has 4 words and ends with "mutex".'
    local _, chat = call(env, "POST", "/v1/chat/completions", ask)
    t:equal({ chat.choices[1].message.content, chat.choices[1].finish_reason, chat.object }, { wanted, "stop",
      "chat.completion" })
    local _, message = call(env, "POST", "/v1/messages", ask)
    t:equal({ message.content[1].text, message.stop_reason }, { wanted, "end_turn" })
    local _, answer = call(env, "POST", "/v1/responses", { model = "tiny-sim", input = "What is a mutex?" })
    t:equal({ answer.output[1].content[1].text, answer.status }, { wanted, "completed" })
    ask.stream, ask.stream_options = true, { include_usage = true }
    local _, _, response = call(env, "POST", "/v1/chat/completions", ask)
    local text, list = "", lines(response)
    for _, line in ipairs(list) do
      local value = line:find("^data: {") and json.decode(line:sub(7))
      text = text .. (value and value.choices[1] and value.choices[1].delta.content or "")
    end
    t:equal({ text, list[#list - 1] }, { wanted, "data: [DONE]" })
    list = lines(select(3, call(env, "POST", "/v1/messages", ask)))
    t:equal({ list[1], list[#list - 2] }, { "event: message_start", "event: message_stop" })
    list = lines(select(3, call(env, "POST", "/v1/responses", { model = "tiny-sim", input = "What?",
    stream = true })))
    t:equal({ list[1], list[#list - 2] }, { "event: response.created", "event: response.completed" })
    t:equal(select(2, call(env, "GET", "/v1/models")).data[1].id, "tiny-sim:latest")
    t:equal(select(2, call(env, "POST", "/v1/chat/completions",
      { model = "x", messages = ask.messages })).error.type, "not_found_error")
  end)

  t:case("a derived model with its own context; delete; tools refused where there are none", function()
    local env = ollama()
    pull(env, "tiny-sim")
    call(env, "POST", "/api/create", { model = "mine", from = "tiny-sim", parameters = { num_ctx = 2048 } })
    call(env, "POST", "/api/generate", { model = "mine" })
    t:equal(select(2, call(env, "GET", "/api/ps")).models[1].context_length, 2048)
    t:equal((call(env, "DELETE", "/api/delete", { model = "mine" })), 200)
    t:equal((call(env, "DELETE", "/api/delete", { model = "mine" })), 404)
    pull(env, "codellama:7b")
    t:equal((call(env, "POST", "/api/chat", { model = "codellama:7b",
      messages = { { role = "user", content = "x" } }, tools = { {} } })), 400)
  end)

  local WEATHER = { type = "object", required = { "city", "days" }, properties = { city = { type = "string" },
    days = { type = "integer" }, unit = { enum = { "C", "F" } }, parts = { type = "array",
    items = { type = "boolean" } }, more = { type = "object", properties = { x = { type = "number" } } } } }
  local FILLED = { city = "Delft", days = 5, unit = "C", parts = { true }, more = { x = 2.5 } }
  local HI = { { role = "user", content = "hi there" } }
  local ASK = { { role = "user", content = "call get_weather for Delft!" } }

  local function told(response)
    local list = {}
    for _, line in ipairs(lines(response)) do
      local data = line:match("^data: ({.*)$") or line:match("^{.*$")
      list[#list + 1] = data and json.decode(data) or nil
    end
    return list
  end

  t:case("tools are called by name, with arguments by their schema, in every form, plain and streamed",
    function()
    local env = ollama()
    pull(env, "qwen3-coder:30b")
    local openai = { { type = "function", ["function"] = { name = "get_weather", parameters = WEATHER } } }
    local native = { model = "qwen3-coder:30b", messages = ASK, tools = openai, stream = false }
    local _, value = call(env, "POST", "/api/chat", native)
    t:equal({ value.message.content, value.message.tool_calls[1]["function"], value.done_reason },
      { "", { index = 0, name = "get_weather", arguments = FILLED }, "stop" })
    native.stream = nil
    local stream = told(select(3, call(env, "POST", "/api/chat", native)))
    t:equal({ #stream, stream[1].message.tool_calls[1]["function"].arguments, stream[2].message.tool_calls,
      stream[2].done }, { 2, FILLED, nil, true })
    local chat = { model = "qwen3-coder:30b", messages = ASK, tools = openai }
    _, value = call(env, "POST", "/v1/chat/completions", chat)
    local one = value.choices[1]
    t:equal({ one.finish_reason, one.message.tool_calls[1].type,
      json.decode(one.message.tool_calls[1]["function"].arguments) }, { "tool_calls", "function", FILLED })
    chat.stream = true
    stream = told(select(3, call(env, "POST", "/v1/chat/completions", chat)))
    t:equal({ stream[1].choices[1].delta.tool_calls[1]["function"].name, stream[2].choices[1].finish_reason },
      { "get_weather", "tool_calls" })
    local claude = { model = "qwen3-coder:30b", max_tokens = 99, messages = ASK,
      tools = { { name = "get_weather", input_schema = WEATHER } } }
    _, value = call(env, "POST", "/v1/messages", claude)
    t:equal({ value.stop_reason, value.content[1].type, value.content[1].name, value.content[1].input },
      { "tool_use", "tool_use", "get_weather", FILLED })
    claude.stream = true
    stream = told(select(3, call(env, "POST", "/v1/messages", claude)))
    t:equal({ stream[2].content_block.input, json.decode(stream[3].delta.partial_json),
      stream[5].delta.stop_reason }, { {}, FILLED, "tool_use" })
    local responses = { model = "qwen3-coder:30b", input = ASK,
      tools = { { type = "function", name = "get_weather", parameters = WEATHER } } }
    _, value = call(env, "POST", "/v1/responses", responses)
    t:equal({ value.output[1].type, json.decode(value.output[1].arguments) }, { "function_call", FILLED })
    responses.stream = true
    stream = told(select(3, call(env, "POST", "/v1/responses", responses)))
    t:equal({ stream[3].item.arguments, json.decode(stream[4].delta),
      stream[#stream].response.output[1].name }, { "", FILLED, "get_weather" })
  end)

  t:case("with the result of a tool, or when none is named, the model answers in words", function()
    local env = ollama()
    pull(env, "qwen3-coder:30b")
    local openai = { { type = "function", ["function"] = { name = "get_weather", parameters = WEATHER } } }
    local rows = {
      { "/v1/chat/completions", { messages = { ASK[1], { role = "tool", content = "rain",
        tool_call_id = "call_1" } }, tools = openai } },
      { "/v1/chat/completions", { messages = { { role = "user", content = "say hello" } }, tools = openai } },
      { "/v1/messages", { max_tokens = 99, messages = { ASK[1], { role = "user",
        content = { { type = "tool_result", tool_use_id = "x", content = "rain" } } } },
        tools = { { name = "get_weather", input_schema = WEATHER } } } },
      { "/v1/responses", { input = { ASK[1], { type = "function_call_output", call_id = "x",
        output = "rain" } }, tools = { { type = "function", name = "get_weather" } } } },
    }
    for _, row in ipairs(rows) do
      row[2].model = "qwen3-coder:30b"
      local status, _, response = call(env, "POST", row[1], row[2])
      t:ok(status == 200 and response.body:find("This is qwen3-coder:30b", 1, true),
        row[1] .. ": " .. response.body)
    end
  end)

  t:case("qwen2.5-coder writes its calls as text; a model without tools refuses them everywhere", function()
    local env = ollama()
    pull(env, "qwen2.5-coder:7b")
    pull(env, "codellama:7b")
    local openai = { { type = "function", ["function"] = { name = "get_weather", parameters = WEATHER } } }
    local _, value = call(env, "POST", "/v1/chat/completions", { model = "qwen2.5-coder:7b", messages = ASK,
      tools = openai })
    t:equal({ value.choices[1].message.tool_calls, json.decode(value.choices[1].message.content).name },
      { nil, "get_weather" })
    for _, path in ipairs { "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat" } do
      local status, _, response = call(env, "POST", path, { model = "codellama:7b", messages = ASK,
        input = ASK, tools = openai, max_tokens = 9, stream = false })
      t:ok(status == 400 and response.body:find("does not support tools", 1, true),
        path .. ": " .. response.body)
    end
  end)

  t:case("formats: JSON, a schema, and what is none", function()
    local env = ollama()
    pull(env, "qwen3-coder:30b")
    local schema = { type = "object", properties = { word = { type = "string" }, ok = { type = "boolean" } } }
    for _, row in ipairs { { "json", "answer" }, { schema, "word" } } do
      local _, value = call(env, "POST", "/api/chat", { model = "qwen3-coder:30b", messages = HI,
        format = row[1], stream = false })
      t:ok(json.decode(value.message.content)[row[2]]:find("^This is qwen3"), value.message.content)
      _, value = call(env, "POST", "/api/generate", { model = "qwen3-coder:30b", prompt = "hi",
        format = row[1], stream = false })
      t:ok(json.decode(value.response)[row[2]], value.response)
      local wanted = row[1] == "json" and { type = "json_object" } or { type = "json_schema",
        json_schema = { name = "x", schema = schema } }
      _, value = call(env, "POST", "/v1/chat/completions", { model = "qwen3-coder:30b", messages = HI,
        response_format = wanted })
      t:ok(json.decode(value.choices[1].message.content)[row[2]], value.choices[1].message.content)
    end
    local status, value = call(env, "POST", "/api/chat", { model = "qwen3-coder:30b", messages = HI,
      format = "xml", stream = false })
    t:ok(status == 400 and value.error:find('invalid format: "xml"', 1, true), value.error)
  end)

  t:case("embeddings in three forms; count_tokens is not there (facts/serving.md §1.1)", function()
    local env = ollama()
    pull(env, "qwen3-coder:30b")
    local _, many = call(env, "POST", "/api/embed", { model = "qwen3-coder:30b", input = { "one", "two",
      "one" } })
    t:equal({ #many.embeddings, #many.embeddings[1] }, { 3, 8 })
    t:equal(many.embeddings[1], many.embeddings[3])
    t:ok(json.encode(many.embeddings[1]) ~= json.encode(many.embeddings[2]),
      "different texts have different vectors")
    local _, old = call(env, "POST", "/api/embeddings", { model = "qwen3-coder:30b", prompt = "one" })
    t:equal(old.embedding, many.embeddings[1])
    local _, list = call(env, "POST", "/v1/embeddings", { model = "qwen3-coder:30b", input = "one" })
    t:equal({ list.data[1].embedding, list.data[1].index, list.object }, { many.embeddings[1], 0, "list" })
    _, list = call(env, "POST", "/v1/embeddings", { model = "qwen3-coder:30b", input = { "one" },
      encoding_format = "base64" })
    t:equal(#list.data[1].embedding, 44, "8 floats")
    t:equal((call(env, "POST", "/v1/embeddings", { model = "none", input = "x" })), 404)
    t:equal((call(env, "POST", "/v1/messages/count_tokens", { model = "qwen3-coder:30b", messages = ASK })),
      404)
  end)

  t:case("on loopback foreign host names are refused, elsewhere not", function()
    for _, row in ipairs { { true, "evil.example", 403 }, { true, "10.13.37.1:11434", 200 },
      { true, "localhost:1", 200 }, { true, "172.20.0.1", 200 }, { true, "172.32.0.1", 403 },
      { true, "x.internal", 200 }, { false, "evil.example", 200 } } do
      t:equal((call(ollama { loopback = row[1] }, "GET", "/api/tags", nil, { host = row[2] })), row[3],
        row[2])
    end
  end)

  t:case("durations of keep_alive", function()
    for text, seconds in sorted { ["5m"] = 300, ["1h30m"] = 5400, ["-1"] = -1, ["300"] = 300, ["-5m"] = -300,
      ["0"] = 0, ["90s"] = 90 } do
      t:equal(store.seconds(text) + 0.0, seconds + 0.0, text)
    end
    t:equal(store.seconds("soon"), nil)
  end)
end
