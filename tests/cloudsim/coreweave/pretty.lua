-- SPDX-License-Identifier: MIT
--- An API server answers curl, wget and browsers in lines that people can read; also who asks so by `pretty`.
local pretty = {}

-- Where the text that begins with the quote at `at` has its last quote; one that is cut off ends anywhere.
local function end_of_text(json, at)
  local escaped
  repeat
    at = json:find('["\\]', at + 1) or #json
    escaped = json:byte(at) == 92
    at = escaped and at + 1 or at
  until not escaped or at > #json
  return at
end

--- The same JSON, with what it holds on lines of its own.
function pretty.lines(json)
  local out, depth, at = {}, 0, 1
  local function line(text) return text .. "\n" .. ("  "):rep(depth) end
  while at <= #json do
    local char, to = json:sub(at, at), at
    if char == '"' then
      to = end_of_text(json, at)
    elseif json:find("^[{%[][}%]]", at) then
      to = at + 1
    end
    local text, opens = json:sub(at, to), char:find "[{%[]" and to == at
    if opens then depth = depth + 1 end
    if #text == 1 and char:find "[}%]]" then
      depth = depth - 1
      text = line "" .. text
    elseif opens or char == "," then
      text = line(text)
    elseif char == ":" then
      text = ": "
    end
    out[#out + 1], at = text, to + 1
  end
  return table.concat(out)
end

--- Does this request want it?
function pretty.wanted(request)
  local asked, agent = (request.query or {}).pretty, request.headers["user-agent"] or ""
  if asked and asked ~= "" then return asked ~= "false" and asked ~= "0" end
  return agent:find "^curl" ~= nil or agent:find "^Wget" ~= nil or agent:find "^Mozilla/5%.0" ~= nil
end

return pretty
