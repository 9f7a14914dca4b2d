-- SPDX-License-Identifier: MIT
--- Ollama's own endpoints (facts/serving.md §1.1). Each function gets {env, request, body} and returns a
--- response.
local clock = require "base.clock"
local json = require "base.json"
local kinds = require "cloudsim.kinds"
local models = require "cloudsim.registry.models"
local pull = require "cloudsim.machine.ollama.pull"
local reply = require "cloudsim.reply"
local text = require "cloudsim.machine.ollama.text"
local tools = require "cloudsim.machine.ollama.tools"

local native = {}

local NDJSON = { ["Content-Type"] = "application/x-ndjson" }

local function missing(name)
  return reply.json(404, { error = "model '" .. tostring(name) .. "' not found" })
end

local function stamp(env)
  return clock.iso(env.now())
end

local function details(row)
  local facts = row.facts
  return { parent_model = "", format = "gguf", family = facts.family, families = json.array({ facts.family }),
    parameter_size = facts.size, quantization_level = facts.quant or "Q4_K_M" }
end

local function capabilities(row)
  return json.array(row.facts.tools and { "completion", "tools" } or { "completion" })
end

function native.version()
  return reply.json(200, { version = "0.33.0" })
end

function native.tags(call)
  local list = {}
  for i, row in ipairs(call.env.store:list()) do
    list[i] = { name = row.name, model = row.name, modified_at = clock.iso(row.modified), size = row.bytes,
      digest = row.digest, details = details(row), capabilities = capabilities(row) }
  end
  return reply.json(200, { models = json.array(list) })
end

function native.ps(call)
  local list = {}
  for i, known in ipairs(call.env.store:in_memory()) do
    local row = known.row
    list[i] = { name = row.name, model = row.name, size = known.size, digest = row.digest,
      details = details(row), expires_at = clock.iso(known.expires), size_vram = known.vram,
      context_length = known.context }
  end
  return reply.json(200, { models = json.array(list) })
end

function native.show(call)
  local row = call.env.store:find(call.body.model or call.body.name)
  if not row then return missing(call.body.model or call.body.name) end
  local facts = row.facts
  return reply.json(200, { modelfile = "FROM " .. row.name .. "\n", parameters = row.parameters
    and row.parameters.num_ctx and "num_ctx " .. row.parameters.num_ctx or "", template = "{{ .Prompt }}",
    details = details(row), model_info = { ["general.architecture"] = facts.family,
    [facts.family .. ".block_count"] = facts.layers, [facts.family .. ".context_length"] = facts.context,
    [facts.family .. ".attention.head_count_kv"] = facts.kv_heads }, capabilities = capabilities(row),
    modified_at = clock.iso(row.modified) })
end

function native.pull(call)
  local env, name = call.env, call.body.model or call.body.name
  if type(name) ~= "string" or name == "" then
    return reply.json(400, { error = "invalid model name" })
  elseif call.body.stream == false then
    local ok, sentence = pull.run(env, name, function() end)
    return ok and reply.json(200, { status = "success" }) or reply.json(500, { error = sentence })
  end
  return { status = 200, headers = NDJSON, stream = function(write)
    local function write_line(value)
      write(json.encode(value) .. "\n")
    end
    local ok, sentence = pull.run(env, name, write_line)
    if not ok then
      write_line({ error = sentence })
    end
  end }
end

function native.delete(call)
  local name = call.body.model or call.body.name
  if not call.env.store:find(name) then return missing(name) end
  call.env.store:remove(name)
  return { status = 200, headers = {}, body = "" }
end

function native.copy(call)
  local row = call.env.store:find(call.body.source)
  if not row then return missing(call.body.source) end
  call.env.store:add(call.body.destination, row.manifest, { from = row.name })
  return { status = 200, headers = {}, body = "" }
end

function native.create(call)
  local row = call.env.store:find(call.body.from)
  if not row then return missing(call.body.from) end
  local parameters = call.body.parameters or {}
  parameters.from = row.name
  call.env.store:add(call.body.model, row.manifest, parameters)
  return reply.json(200, { status = "success" })
end

function native.embed(call)
  if not call.env.store:find(call.body.model) then
    return missing(call.body.model)
  end
  local row, _, loading = native.load(call.env, call.body.model, call.body)
  local list, asked = text.embeddings(call.body.input)
  return reply.json(200, { model = row.name, embeddings = json.array(list), prompt_eval_count = asked,
    load_duration = loading * 1e9 // 1, total_duration = (loading * 1e9 + asked * 1e6) // 1 })
end

--- The older form: one text, one vector.
function native.embedding(call)
  if not native.load(call.env, call.body.model, call.body) then
    return missing(call.body.model)
  end
  return reply.json(200, { embedding = json.array(text.embeddings(call.body.prompt)[1] or {}) })
end

local UNUSED = kinds.of("machine"):kind("gpu.unused",
  "the engine finds no GPU: the model is on the processor; with `message` it says that, and loads nothing")

--- Loads a model, waiting as long as that takes. → row, memory row, seconds; or nil when there is none, and
--- what the engine says when it cannot be loaded
function native.load(env, name, body)
  local row = env.store:find(name)
  if not row then return nil end
  local unused = env.fault(UNUSED.name)
  if unused then -- CUDA is of no use on this machine: the processor does it all, or the engine says so
    env.store.vram, env.broken_card = 0, unused.message
  end
  if env.broken_card then return nil, nil, nil, env.broken_card end
  local options = type(body.options) == "table" and body.options or {}
  local known, fresh = env.store:load(row, math.tointeger(options.num_ctx), body.keep_alive)
  if fresh then
    env.sleep(row.bytes / 2e9 / env.scale())
  end
  return row, known, fresh and row.bytes / 2e9 or 0.02
end

local function figures(env, tokens, asked, loading)
  local each = 1e9 / env.tokens_per_second()
  local eval = #tokens * each // 1
  return { prompt_eval_count = asked, prompt_eval_duration = asked * 1000000, eval_count = #tokens,
    eval_duration = eval, load_duration = loading * 1e9 // 1,
    total_duration = (eval + asked * 1e6 + loading * 1e9) // 1 }
end

-- Streams or sums up; `shape(piece)` makes the fields that carry text.
local function speak(call, row, loading, tokens, asked, shape)
  local env = call.env
  local function last(piece)
    local out = shape(piece)
    for key, value in pairs(figures(env, tokens, asked, loading)) do -- order: free
      out[key] = value
    end
    out.model, out.created_at, out.done, out.done_reason = row.name, stamp(env), true, "stop"
    return out
  end
  if call.body.stream == false then
    env.sleep(#tokens / env.tokens_per_second() / env.scale())
    return reply.json(200, last(table.concat(tokens)))
  end
  return { status = 200, headers = NDJSON, stream = function(write)
    for _, token in ipairs(tokens) do
      env.sleep(1 / env.tokens_per_second() / env.scale())
      local out = shape(token)
      out.model, out.created_at, out.done = row.name, stamp(env), false
      write(json.encode(out) .. "\n")
    end
    write(json.encode(last("")) .. "\n")
  end }
end

-- An empty prompt only loads, keep_alive 0 only unloads.
local function only_load(call, row, shape)
  local out = shape("")
  out.model, out.created_at, out.done = row.name, stamp(call.env), true
  out.done_reason = "load"
  if call.body.keep_alive ~= nil and call.env.store.seconds(call.body.keep_alive) == 0 then
    call.env.store.loaded[row.name] = nil
    out.done_reason = "unload"
  end
  return reply.json(200, out)
end

function native.generate(call)
  local function shape(piece)
    return { response = piece }
  end
  local row, _, loading, problem = native.load(call.env, call.body.model, call.body)
  if not row then
    return problem and reply.json(500, { error = problem }) or missing(call.body.model)
  elseif call.body.prompt == nil or call.body.prompt == "" then
    return only_load(call, row, shape)
  end
  local said = native.answer(row, { question = text.of(call.body.prompt),
    limit = (call.body.options or {}).num_predict, format = call.body.format })
  if said.problem then return reply.json(400, { error = said.problem }) end
  return speak(call, row, loading, said.tokens, said.asked, shape)
end

--- What a model answers. how: {question, limit, tools (as declared), messages, format (nil or "": none)} →
--- {tokens, asked, call = {name, arguments}|nil} or {problem}
function native.answer(row, how)
  local tokens, asked = text.answer(row.name, how.question, how.limit)
  local wanted = tools.call(how.question, tools.declared(how.tools), tools.answered(how.messages))
  if wanted and tools.as_text(row) then
    return { tokens = tools.tokens(json.encode(wanted)), asked = asked }
  elseif wanted then
    return { tokens = { "" }, asked = asked, call = wanted }
  elseif how.format ~= nil and how.format ~= "" then
    local made, problem = tools.formatted(how.format, table.concat(tokens))
    return { tokens = made and tools.tokens(made), asked = asked, problem = problem }
  end
  return { tokens = tokens, asked = asked }
end

function native.chat(call)
  local said
  local function shape(piece)
    local message = { role = "assistant", content = piece }
    if said and said.call then -- told once, before the last line of a stream
      message.tool_calls = { { ["function"] = { index = 0, name = said.call.name,
        arguments = said.call.arguments } } }
      said.call = nil
    end
    return { message = message }
  end
  local row, _, loading, problem = native.load(call.env, call.body.model, call.body)
  if not row then
    return problem and reply.json(500, { error = problem }) or missing(call.body.model)
  elseif type(call.body.messages) ~= "table" or #call.body.messages == 0 then
    return only_load(call, row, shape)
  elseif type(call.body.tools) == "table" and #call.body.tools > 0 and not row.facts.tools then
    return reply.json(400, { error = models.full_name(call.body.model) .. " does not support tools" })
  end
  said = native.answer(row, { question = text.last_question(call.body.messages),
    limit = (call.body.options or {}).num_predict, tools = call.body.tools, messages = call.body.messages,
    format = call.body.format })
  if said.problem then return reply.json(400, { error = said.problem }) end
  return speak(call, row, loading, said.tokens, said.asked, shape)
end

return native
