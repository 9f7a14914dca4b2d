-- SPDX-License-Identifier: MIT
-- What the texts of settings may look like: shape(text) → whether it fits, the words for one that does not,
-- and where it differs the text that is meant.
local gpus = lazy "facts.gpus"
local regions = lazy "facts.regions"
local suggest = lazy "facts.suggest"

local shapes = {}

function shapes.model(text)
  local name, tag = text:match("^([%w][%w%._%-/]*)(.*)$")
  return name and #text <= 200 and not name:find("..", 1, true) and not name:find("//", 1, true)
    and not name:find("/$")
    and (tag == "" or tag:match("^:[%w][%w%._%-]*$")), "is not a model's name, like qwen3-coder:30b"
end

function shapes.version(text)
  return text:match("^[%w][%w%._%-]*$") and #text <= 60, "is not a version, like 0.32.15"
end

function shapes.word(text)
  return text:match("^[%w][%w%._%-]*$") and #text <= 60, "is not a name"
end

function shapes.path(text)
  return text:sub(1, 1) == "/", "is not a path that begins with /"
end

function shapes.key(text)
  return text:match("^[%w+/]+=$") and #text == 44, "is not 32 bytes in base64"
end

function shapes.gpu(text)
  local row, several = gpus.meant(text)
  if row then return true, nil, row.name end
  local names = {}
  for index, each in ipairs(several) do
    names[index] = each.name
  end
  if #names > 0 then
    return false, "is the name of several cards; say which: " .. table.concat(names, " or ")
  end
  names = gpus.names()
  return false,
    "is not a card we know" .. suggest.hint(text, names, "; there are " .. table.concat(names, " "))
end

function shapes.region(text)
  local known = { "any", "eu", "ap" } -- "us" is both a group and a region
  table.move(regions.names, 1, #regions.names, #known + 1, known)
  return text == "any" or regions.known(text),
    "is not a region we know" .. suggest.hint(text, known, "; there are " .. table.concat(known, " "))
end

return shapes
