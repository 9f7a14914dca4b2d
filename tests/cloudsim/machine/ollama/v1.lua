-- SPDX-License-Identifier: MIT
--- The OpenAI and Anthropic forms of the same model (facts/serving.md §1.1): minimal, well formed, streams
--- included.
local json = require "base.json"
local keys = require "base.keys"
local native = require "cloudsim.machine.ollama.native"
local reply = require "cloudsim.reply"
local text = require "cloudsim.machine.ollama.text"

local v1 = {}

local SSE = { ["Content-Type"] = "text/event-stream" }

local function missing(name)
  return reply.json(404, { error = { message = "model '" .. tostring(name) .. "' not found",
    type = "not_found_error", param = json.null, code = json.null } })
end

local function bad(message)
  return reply.json(400, { error = { message = message, type = "invalid_request_error", param = json.null,
    code = json.null } })
end

-- Loads and answers (how: as native.answer). → row, what is said; or nil and the response
local function answer(call, how, refuse)
  local row = native.load(call.env, call.body.model, {})
  if not row then
    return nil, refuse and refuse("not_found_error", "model '" .. tostring(call.body.model) .. "' not found",
      404) or missing(call.body.model)
  end
  how.tools = call.body.tools
  if type(how.tools) == "table" and #how.tools > 0 and not row.facts.tools then
    local sentence = row.name .. " does not support tools"
    return nil, refuse and refuse("invalid_request_error", sentence, 400) or bad(sentence)
  end
  local said = native.answer(row, how)
  if said.problem then
    return nil, refuse and refuse("invalid_request_error", said.problem, 400) or bad(said.problem)
  end
  return row, said
end

-- The format in OpenAI's words → in Ollama's
local function format_of(wanted)
  if type(wanted) ~= "table" or wanted.type == "text" then
    return nil
  elseif wanted.type == "json_object" then
    return "json"
  end
  return type(wanted.json_schema) == "table" and wanted.json_schema.schema or wanted.schema
end

local function paced(env, tokens, fn)
  for i, token in ipairs(tokens) do
    env.sleep(1 / env.tokens_per_second() / env.scale())
    fn(token, i)
  end
end

local function model_row(row)
  return { id = row.name, object = "model", created = row.modified // 1, owned_by = "library" }
end

function v1.models(call)
  local list = {}
  for i, row in ipairs(call.env.store:list()) do
    list[i] = model_row(row)
  end
  return reply.json(200, { object = "list", data = json.array(list) })
end

function v1.model(call)
  local row = call.env.store:find(call.args[1])
  return row and reply.json(200, model_row(row)) or missing(call.args[1])
end

local function usage_of(tokens, asked)
  return { prompt_tokens = asked, completion_tokens = #tokens, total_tokens = asked + #tokens }
end

-- Chat and plain completions differ in the shape of a choice alone.
local function complete(call, kind, how, shape)
  local env = call.env
  how.limit = call.body.max_completion_tokens or call.body.max_tokens
  local row, said = answer(call, how)
  if not row then return said end
  local tokens, asked, wanted = said.tokens, said.asked, nil
  local reason = said.call and "tool_calls" or "stop"
  if said.call then
    wanted = { { id = "call_" .. env.number(), index = 0, type = "function",
      ["function"] = { name = said.call.name, arguments = json.encode(said.call.arguments) } } }
  end
  local frame = { id = kind .. "-" .. env.number(), created = env.now() // 1, model = row.name,
    system_fingerprint = "fp_ollama" }
  if not call.body.stream then
    env.sleep(#tokens / env.tokens_per_second() / env.scale())
    local choice = shape(table.concat(tokens), false, wanted)
    choice.index, choice.finish_reason = 0, reason
    frame.object = kind == "chatcmpl" and "chat.completion" or "text_completion"
    frame.choices, frame.usage = { choice }, usage_of(tokens, asked)
    return reply.json(200, frame)
  end
  frame.object = kind == "chatcmpl" and "chat.completion.chunk" or "text_completion"
  return { status = 200, headers = SSE, stream = function(write)
    local function send(choice, finished)
      choice.index, choice.finish_reason = 0, finished or json.null
      frame.choices = { choice }
      write("data: " .. json.encode(frame) .. "\n\n")
    end
    paced(env, tokens, function(token) send(shape(token, true, wanted)) end)
    send(shape("", true), reason)
    if type(call.body.stream_options) == "table" and call.body.stream_options.include_usage then
      frame.choices, frame.usage = json.array({}), usage_of(tokens, asked)
      write("data: " .. json.encode(frame) .. "\n\n")
    end
    write("data: [DONE]\n\n")
  end }
end

function v1.chat(call)
  if type(call.body.messages) ~= "table" or #call.body.messages == 0 then
    return bad("[] is too short - 'messages'")
  end
  local how = { question = text.last_question(call.body.messages), messages = call.body.messages,
    format = format_of(call.body.response_format) }
  return complete(call, "chatcmpl", how, function(piece, streamed, wanted)
    return { [streamed and "delta" or "message"] = { role = "assistant", content = piece,
      tool_calls = wanted } }
  end)
end

function v1.completions(call)
  return complete(call, "cmpl", { question = text.of(call.body.prompt) },
    function(piece) return { text = piece } end)
end

function v1.embeddings(call)
  if not native.load(call.env, call.body.model, {}) then
    return missing(call.body.model)
  elseif call.body.input == nil or call.body.input == "" then
    return bad("invalid input")
  end
  local list, asked = text.embeddings(call.body.input)
  for i, each in ipairs(list) do
    local packed = call.body.encoding_format == "base64"
      and keys.base64(("<" .. ("f"):rep(#each)):pack(table.unpack(each)))
    list[i] = { object = "embedding", index = i - 1, embedding = packed or json.array(each) }
  end
  return reply.json(200, { object = "list", data = json.array(list), model = call.body.model,
    usage = { prompt_tokens = asked, total_tokens = asked } })
end

local function question_of(input)
  return type(input) == "table" and text.last_question(input) or text.of(input)
end

local function response_object(call, row, status, output, usage)
  return { id = "resp_" .. call.id, object = "response", created_at = call.env.now() // 1, status = status,
    model = row.name, output = json.array(output), parallel_tool_calls = true, tool_choice = "auto",
    tools = json.array({}), error = json.null, incomplete_details = json.null, usage = usage or json.null }
end

local function message_item(call, status, words)
  local content = words and { { type = "output_text", text = words, annotations = json.array({}) } } or {}
  return { id = "msg_" .. call.id, type = "message", role = "assistant", status = status,
    content = json.array(content) }
end

local function response_usage(tokens, asked)
  return { input_tokens = asked, output_tokens = #tokens, total_tokens = asked + #tokens,
    input_tokens_details = { cached_tokens = 0 }, output_tokens_details = { reasoning_tokens = 0 } }
end

local function call_item(call, wanted, status)
  return { id = "fc_" .. call.id, type = "function_call", call_id = "call_" .. call.id, name = wanted.name,
    status = status, arguments = status == "completed" and json.encode(wanted.arguments) or "" }
end

local function stream_call(call, row, said)
  local item, number, wanted = "fc_" .. call.id, -1, said.call
  return { status = 200, headers = SSE, stream = function(write)
    local function send(kind, fields)
      number = number + 1
      fields.type, fields.sequence_number = kind, number
      write("event: " .. kind .. "\ndata: " .. json.encode(fields) .. "\n\n")
    end
    send("response.created", { response = response_object(call, row, "in_progress", {}) })
    send("response.in_progress", { response = response_object(call, row, "in_progress", {}) })
    send("response.output_item.added", { output_index = 0, item = call_item(call, wanted, "in_progress") })
    send("response.function_call_arguments.delta", { item_id = item, output_index = 0,
      delta = json.encode(wanted.arguments) })
    send("response.function_call_arguments.done", { item_id = item, output_index = 0,
      arguments = json.encode(wanted.arguments) })
    send("response.output_item.done", { output_index = 0, item = call_item(call, wanted, "completed") })
    send("response.completed", { response = response_object(call, row, "completed",
      { call_item(call, wanted, "completed") }, response_usage(said.tokens, said.asked)) })
  end }
end

local function stream_response(call, row, tokens, asked)
  local words, item, number = table.concat(tokens), "msg_" .. call.id, -1
  return { status = 200, headers = SSE, stream = function(write)
    local function send(kind, fields)
      number = number + 1
      fields.type, fields.sequence_number = kind, number
      write("event: " .. kind .. "\ndata: " .. json.encode(fields) .. "\n\n")
    end
    local place = function(fields)
      fields.item_id, fields.output_index, fields.content_index = item, 0, 0
      return fields
    end
    send("response.created", { response = response_object(call, row, "in_progress", {}) })
    send("response.in_progress", { response = response_object(call, row, "in_progress", {}) })
    send("response.output_item.added", { output_index = 0, item = message_item(call, "in_progress") })
    send("response.content_part.added", place { part = { type = "output_text", text = "",
      annotations = json.array({}) } })
    paced(call.env, tokens, function(token) send("response.output_text.delta", place { delta = token }) end)
    send("response.output_text.done", place { text = words })
    send("response.content_part.done", place { part = { type = "output_text", text = words,
      annotations = json.array({}) } })
    send("response.output_item.done", { output_index = 0, item = message_item(call, "completed", words) })
    send("response.completed", { response = response_object(call, row, "completed",
      { message_item(call, "completed", words) }, response_usage(tokens, asked)) })
  end }
end

function v1.responses(call)
  local input = call.body.input
  local row, said = answer(call, { question = question_of(input), limit = call.body.max_output_tokens,
    messages = input, format = format_of(type(call.body.text) == "table" and call.body.text.format or nil) })
  if not row then return said end
  call.id = tostring(call.env.number())
  if call.body.stream then
    return said.call and stream_call(call, row, said) or stream_response(call, row, said.tokens, said.asked)
  end
  call.env.sleep(#said.tokens / call.env.tokens_per_second() / call.env.scale())
  local item = said.call and call_item(call, said.call, "completed") or message_item(call, "completed",
    table.concat(said.tokens))
  return reply.json(200, response_object(call, row, "completed", { item }, response_usage(said.tokens,
    said.asked)))
end

local function anthropic_message(call, row, content, reason, usage)
  return { id = "msg_" .. call.id, type = "message", role = "assistant", model = row.name,
    content = json.array(content), stop_reason = reason or json.null, stop_sequence = json.null,
    usage = usage }
end

local function anthropic_refusal(kind, sentence, status)
  return reply.json(status, { type = "error", error = { type = kind, message = sentence } })
end

-- What a message begins with, as a whole and as it is streamed: the block, and what its deltas are.
local function block_of(call, said)
  if said.call then
    local id = "toolu_" .. call.id
    return { type = "tool_use", id = id, name = said.call.name, input = said.call.arguments },
      { type = "tool_use", id = id, name = said.call.name, input = json.object {} },
      function() return { type = "input_json_delta", partial_json = json.encode(said.call.arguments) } end
  end
  return { type = "text", text = table.concat(said.tokens) }, { type = "text", text = "" },
    function(token) return { type = "text_delta", text = token } end
end

function v1.messages(call)
  local messages = call.body.messages
  local row, said = answer(call, { question = text.last_question(messages), limit = call.body.max_tokens,
    messages = messages }, anthropic_refusal)
  if not row then return said end
  local env = call.env
  call.id = tostring(env.number())
  local usage = { input_tokens = said.asked, output_tokens = #said.tokens }
  local reason = said.call and "tool_use" or "end_turn"
  local whole, empty, delta = block_of(call, said)
  if not call.body.stream then
    env.sleep(#said.tokens / env.tokens_per_second() / env.scale())
    return reply.json(200, anthropic_message(call, row, { whole }, reason, usage))
  end
  return { status = 200, headers = SSE, stream = function(write)
    local function send(kind, fields)
      fields.type = kind
      write("event: " .. kind .. "\ndata: " .. json.encode(fields) .. "\n\n")
    end
    send("message_start", { message = anthropic_message(call, row, {}, nil, { input_tokens = said.asked,
      output_tokens = 0 }) })
    send("content_block_start", { index = 0, content_block = empty })
    paced(env, said.tokens, function(token) send("content_block_delta",
      { index = 0, delta = delta(token) }) end)
    send("content_block_stop", { index = 0 })
    send("message_delta", { delta = { stop_reason = reason, stop_sequence = json.null }, usage = usage })
    send("message_stop", {})
  end }
end

return v1
