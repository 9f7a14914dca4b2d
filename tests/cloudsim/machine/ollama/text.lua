-- SPDX-License-Identifier: MIT
--- What the simulated model says: a short sentence that depends on the question alone, as a list of tokens.
local text = {}

--- The text of a message's content, which may be a list of parts.
function text.of(content)
  if type(content) ~= "table" then return tostring(content or "") end
  local list = {}
  for _, part in ipairs(content) do
    list[#list + 1] = type(part) == "table" and (part.text or part.input_text) or nil
  end
  return table.concat(list, " ")
end

--- The last thing a user said in a list of messages.
function text.last_question(messages)
  local last = ""
  for _, message in ipairs(messages or {}) do
    if type(message) == "table" and message.role == "user" then
      last = text.of(message.content)
    end
  end
  return last
end

local function count_words(question)
  local number, last = 0, ""
  for word in question:gmatch("%S+") do
    number, last = number + 1, word
  end
  return number, (last:gsub("[\"?!.,;:]+$", ""))
end

--- Tokens of the answer to `question` by `model`, at most `limit`.
function text.answer(model, question, limit)
  local number, last = count_words(question)
  local sentence = number == 0 and ("This is " .. model .. ", and nothing was asked.")
    or ("This is %s: the question has %d words and ends with \"%s\"."):format(model, number, last)
  local tokens = {}
  for token in sentence:gmatch("%s*%S+") do
    tokens[#tokens + 1] = token
  end
  if limit and limit > 0 then
    for i = #tokens, limit + 1, -1 do
      tokens[i] = nil
    end
  end
  return tokens, number + 8
end

-- A direction of eight numbers that depends on the text alone.
local function vector(words)
  local list, sum = {}, 0
  for i = 1, 8 do
    local number = 0
    for at = i, #words + i, 3 do
      number = (number * 31 + (words:byte(at) or i)) % 2003
    end
    list[i] = number / 2003 - 0.5
    sum = sum + list[i] ^ 2
  end
  for i, number in ipairs(list) do
    list[i] = number / math.max(sum, 1e-9) ^ 0.5
  end
  return list
end

--- Vectors of a text or of a list of texts. → array of arrays, number of tokens asked
function text.embeddings(input)
  local list, asked = {}, 0
  for i, each in ipairs(type(input) == "table" and input or { input }) do
    list[i] = vector(tostring(each))
    asked = asked + count_words(tostring(each)) + 2
  end
  return list, asked
end

return text
