-- SPDX-License-Identifier: MIT
-- The loader's rarer work: files beside the scripts, and scripts that are no modules.
-- `inner` is the loader's own state.

local texts = {}

--- A data file that lies beside the scripts ("templates/NAME"): the user's own wins.
-- → text, path, or nil, sentence, code
function texts.read(inner, name)
  local tried = {}
  if inner.user and inner.home then tried[1] = inner.home .. "/" .. name end
  for _, dir in ipairs(inner.scripts) do tried[#tried + 1] = dir .. "/" .. name end
  for _, path in ipairs(tried) do
    local text, sentence, code = inner.host.script.read(path)
    if text then return text, path end
    if code ~= "missing" then return nil, sentence, code end
  end
  local path = "lua/" .. name
  local text, sentence, code = inner.host.script.embedded(path)
  if text then return text, path end
  return nil, sentence, code
end

-- Does this file lie below a directory of $CONTINUEPLZ_SCRIPTS, whose files stand for the built-in ones? A
-- path that climbs ("..") does not.
local function is_ours(inner, path)
  path = path:gsub("/%.%f[/\0]", ""):gsub("//+", "/")
  if (path .. "/"):find("/../", 1, true) then return false end
  for _, dir in ipairs(inner.scripts) do
    if path:sub(1, #dir + 1) == dir .. "/" then return true end
  end
  return false
end

--- Runs a script that is no module, with `args` as its `...`; it may wait. It sees what its room gives it,
-- and every module only when it is one of ours. environment: the loader's, of a room. → what it returns
function texts.run(inner, world, environment, path, args)
  local env = environment(inner, is_ours(inner, path) and "" or "scripts")
  local fail = inner.require("base.fail")
  local text, sentence, code = inner.host.script.read(path)
  if not text then
    fail.raise(code == "missing" and "usage" or "config", sentence, { file = path, code = code })
  end
  local chunk, message = inner.host.script.compile(text, "@" .. path, env)
  if not chunk then
    fail.raise("config", message, { file = path, code = "syntax" })
  end
  local before = world.script
  world.script = path
  local results = table.pack(chunk(table.unpack(args or {})))
  world.script = before
  return table.unpack(results, 1, results.n)
end

return texts
