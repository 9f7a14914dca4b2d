-- SPDX-License-Identifier: MIT
--- The OpenAI and Anthropic forms of the same model (facts/serving.md §1.1): minimal, well formed, streams included.
local json = require "base.json"
local native = require "cloudsim.ollama.native"
local reply = require "cloudsim.reply"
local text = require "cloudsim.ollama.text"

local v1 = {}

local SSE = {["Content-Type"] = "text/event-stream"}

local function missing(name)
  return reply.json(404, {error = {message = "model '" .. tostring(name) .. "' not found", type = "not_found_error",
    param = json.null, code = json.null}})
end

local function bad(message)
  return reply.json(400, {error = {message = message, type = "invalid_request_error", param = json.null, code = json.null}})
end

-- Loads and answers. → row, tokens, number of tokens asked; nil when there is no such model
local function answer(call, question, limit)
  local row = native.load(call.env, call.body.model, {})
  if not row then
    return nil
  end
  return row, text.answer(row.name, question, limit)
end

local function paced(env, tokens, fn)
  for i, token in ipairs(tokens) do
    env.sleep(1 / env.tokens_per_second() / env.scale())
    fn(token, i)
  end
end

local function model_row(row)
  return {id = row.name, object = "model", created = row.modified // 1, owned_by = "library"}
end

function v1.models(call)
  local list = {}
  for i, row in ipairs(call.env.store:list()) do
    list[i] = model_row(row)
  end
  return reply.json(200, {object = "list", data = json.array(list)})
end

function v1.model(call)
  local row = call.env.store:find(call.args[1])
  return row and reply.json(200, model_row(row)) or missing(call.args[1])
end

local function usage_of(tokens, asked)
  return {prompt_tokens = asked, completion_tokens = #tokens, total_tokens = asked + #tokens}
end

-- Chat and plain completions differ in the shape of a choice alone.
local function complete(call, kind, question, shape)
  local env = call.env
  local row, tokens, asked = answer(call, question, call.body.max_completion_tokens or call.body.max_tokens)
  if not row then
    return missing(call.body.model)
  end
  local frame = {id = kind .. "-" .. env.number(), created = env.now() // 1, model = row.name, system_fingerprint = "fp_ollama"}
  if not call.body.stream then
    env.sleep(#tokens / env.tokens_per_second() / env.scale())
    local choice = shape(table.concat(tokens), false)
    choice.index, choice.finish_reason = 0, "stop"
    frame.object = kind == "chatcmpl" and "chat.completion" or "text_completion"
    frame.choices, frame.usage = {choice}, usage_of(tokens, asked)
    return reply.json(200, frame)
  end
  frame.object = kind == "chatcmpl" and "chat.completion.chunk" or "text_completion"
  return {status = 200, headers = SSE, stream = function(write)
    local function send(choice, reason)
      choice.index, choice.finish_reason = 0, reason or json.null
      frame.choices = {choice}
      write("data: " .. json.encode(frame) .. "\n\n")
    end
    paced(env, tokens, function(token) send(shape(token, true)) end)
    send(shape("", true), "stop")
    if type(call.body.stream_options) == "table" and call.body.stream_options.include_usage then
      frame.choices, frame.usage = json.array({}), usage_of(tokens, asked)
      write("data: " .. json.encode(frame) .. "\n\n")
    end
    write("data: [DONE]\n\n")
  end}
end

function v1.chat(call)
  if type(call.body.messages) ~= "table" or #call.body.messages == 0 then
    return bad("[] is too short - 'messages'")
  end
  return complete(call, "chatcmpl", text.last_question(call.body.messages), function(piece, streamed)
    return {[streamed and "delta" or "message"] = {role = "assistant", content = piece}}
  end)
end

function v1.completions(call)
  return complete(call, "cmpl", text.of(call.body.prompt), function(piece) return {text = piece} end)
end

local function question_of(input)
  return type(input) == "table" and text.last_question(input) or text.of(input)
end

local function response_object(call, row, status, output, usage)
  return {id = "resp_" .. call.id, object = "response", created_at = call.env.now() // 1, status = status, model = row.name,
    output = json.array(output), parallel_tool_calls = true, tool_choice = "auto", tools = json.array({}), error = json.null,
    incomplete_details = json.null, usage = usage or json.null}
end

local function message_item(call, status, words)
  local content = words and {{type = "output_text", text = words, annotations = json.array({})}} or {}
  return {id = "msg_" .. call.id, type = "message", role = "assistant", status = status, content = json.array(content)}
end

local function response_usage(tokens, asked)
  return {input_tokens = asked, output_tokens = #tokens, total_tokens = asked + #tokens,
    input_tokens_details = {cached_tokens = 0}, output_tokens_details = {reasoning_tokens = 0}}
end

local function stream_response(call, row, tokens, asked)
  local words, item, number = table.concat(tokens), "msg_" .. call.id, -1
  return {status = 200, headers = SSE, stream = function(write)
    local function send(kind, fields)
      number = number + 1
      fields.type, fields.sequence_number = kind, number
      write("event: " .. kind .. "\ndata: " .. json.encode(fields) .. "\n\n")
    end
    local place = function(fields)
      fields.item_id, fields.output_index, fields.content_index = item, 0, 0
      return fields
    end
    send("response.created", {response = response_object(call, row, "in_progress", {})})
    send("response.in_progress", {response = response_object(call, row, "in_progress", {})})
    send("response.output_item.added", {output_index = 0, item = message_item(call, "in_progress")})
    send("response.content_part.added", place{part = {type = "output_text", text = "", annotations = json.array({})}})
    paced(call.env, tokens, function(token) send("response.output_text.delta", place{delta = token}) end)
    send("response.output_text.done", place{text = words})
    send("response.content_part.done", place{part = {type = "output_text", text = words, annotations = json.array({})}})
    send("response.output_item.done", {output_index = 0, item = message_item(call, "completed", words)})
    send("response.completed", {response = response_object(call, row, "completed", {message_item(call, "completed", words)},
      response_usage(tokens, asked))})
  end}
end

function v1.responses(call)
  local row, tokens, asked = answer(call, question_of(call.body.input), call.body.max_output_tokens)
  if not row then
    return missing(call.body.model)
  end
  call.id = tostring(call.env.number())
  if call.body.stream then
    return stream_response(call, row, tokens, asked)
  end
  call.env.sleep(#tokens / call.env.tokens_per_second() / call.env.scale())
  return reply.json(200, response_object(call, row, "completed", {message_item(call, "completed", table.concat(tokens))},
    response_usage(tokens, asked)))
end

local function anthropic_message(call, row, content, reason, usage)
  return {id = "msg_" .. call.id, type = "message", role = "assistant", model = row.name, content = json.array(content),
    stop_reason = reason or json.null, stop_sequence = json.null, usage = usage}
end

function v1.messages(call)
  local row, tokens, asked = answer(call, text.last_question(call.body.messages), call.body.max_tokens)
  if not row then
    return reply.json(404, {type = "error", error = {type = "not_found_error",
      message = "model '" .. tostring(call.body.model) .. "' not found"}})
  end
  local env = call.env
  call.id = tostring(env.number())
  local usage = {input_tokens = asked, output_tokens = #tokens}
  if not call.body.stream then
    env.sleep(#tokens / env.tokens_per_second() / env.scale())
    return reply.json(200, anthropic_message(call, row, {{type = "text", text = table.concat(tokens)}}, "end_turn", usage))
  end
  return {status = 200, headers = SSE, stream = function(write)
    local function send(kind, fields)
      fields.type = kind
      write("event: " .. kind .. "\ndata: " .. json.encode(fields) .. "\n\n")
    end
    send("message_start", {message = anthropic_message(call, row, {}, nil, {input_tokens = asked, output_tokens = 0})})
    send("content_block_start", {index = 0, content_block = {type = "text", text = ""}})
    paced(env, tokens, function(token)
      send("content_block_delta", {index = 0, delta = {type = "text_delta", text = token}})
    end)
    send("content_block_stop", {index = 0})
    send("message_delta", {delta = {stop_reason = "end_turn", stop_sequence = json.null}, usage = usage})
    send("message_stop", {})
  end}
end

return v1
