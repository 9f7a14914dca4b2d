-- SPDX-License-Identifier: MIT
--- Tool calls and formats of the simulated model (facts/serving.md §1.1). It calls the tool whose name its
--- user says, fills every argument by its schema, and answers in words when it was given the result.
--- qwen2.5-coder writes its calls as text, as the real one does in Ollama (facts/additions-2026-11.md).
local json = require "base.json"
local sorted = require "base.sorted"

local tools = {}

local fill

local function object_of(schema, words)
  local made = json.object {}
  for name, property in sorted(type(schema.properties) == "table" and schema.properties or {}) do
    made[name] = fill(property, words)
  end
  return made
end

local fillers = {
  object = object_of,
  array = function(schema, words) return json.array(type(schema.items) == "table" and { fill(schema.items,
  words) } or {}) end,
  string = function(_, words) return words end,
  integer = function(_, words) return #words end,
  number = function(_, words) return #words / 2 end,
  boolean = function() return true end,
  null = function() return json.null end,
}

--- A value that a JSON schema allows: texts are `words`.
function fill(schema, words)
  schema = type(schema) == "table" and schema or {}
  local choices = schema.anyOf or schema.oneOf
  if type(choices) == "table" and choices[1] then
    return fill(choices[1], words)
  elseif schema.const ~= nil then
    return schema.const
  elseif type(schema.enum) == "table" and schema.enum[1] ~= nil then
    return schema.enum[1]
  end
  local kind = type(schema.type) == "table" and schema.type[1] or schema.type
  return (fillers[kind] or schema.properties and object_of or fillers.string)(schema, words)
end
tools.fill = fill

-- The last word of a question, without its mark.
local function last_word(question)
  return (question:match("(%S+)%s*$") or "nothing"):gsub("[\"?!.,;:]+$", "")
end

--- What the model calls. declared: array of {name, parameters}; answered: the last message is a result. →
--- {name, arguments} or nil
function tools.call(question, declared, answered)
  if answered then return nil end
  for _, tool in ipairs(declared) do
    if type(tool.name) == "string" and tool.name ~= "" and (" " .. question .. " "):find(tool.name, 1,
      true) then
      return { name = tool.name, arguments = fill(tool.parameters or { type = "object" },
        (last_word(question))) }
    end
  end
  return nil
end

--- Does this model write its calls as text? row: of the store.
function tools.as_text(row)
  return row.name:find("^qwen2%.5%-coder:") ~= nil
end

--- Declared tools in the forms of Ollama and OpenAI ({type, function = {…}}), Responses ({type, name,
--- parameters}) and Anthropic ({name, input_schema}).
function tools.declared(list)
  local declared = {}
  for _, each in ipairs(type(list) == "table" and list or {}) do
    local inner = type(each) == "table" and (type(each["function"]) == "table" and each["function"] or each)
      or {}
    declared[#declared + 1] = { name = inner.name, parameters = inner.parameters or inner.input_schema }
  end
  return declared
end

--- Is the last of these messages the result of a tool?
function tools.answered(messages)
  local last = type(messages) == "table" and messages[#messages]
  if type(last) ~= "table" then return false end
  local part = type(last.content) == "table" and last.content[#last.content]
  return last.role == "tool" or last.type == "function_call_output" or type(part) == "table"
    and part.type == "tool_result"
end

--- The text of an answer in a format: "json", or a schema. → text, or nil and what is wrong with the format
function tools.formatted(format, sentence)
  if format == "json" then
    return json.encode({ answer = sentence })
  elseif type(format) == "table" then
    return json.encode(fill(format, sentence))
  end
  local problem = "invalid format: %s; expected \"json\" or a valid JSON Schema object"
  return nil, problem:format(json.encode(format))
end

--- Text as tokens.
function tools.tokens(text)
  local list = {}
  for token in text:gmatch("%s*%S+") do
    list[#list + 1] = token
  end
  return list
end

return tools
