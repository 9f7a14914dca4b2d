-- SPDX-License-Identifier: MIT
-- The loader's rarer work: files beside the scripts, and scripts that are no modules. `inner` is the loader's own state.

local texts = {}

-- A data file that lies beside the scripts ("templates/NAME"): the user's own wins. → text, path, or nil, sentence, code
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

-- Runs a script that is no module in the environment `env`, with `args` as its `...`; it may wait. → what it returns
function texts.run(inner, world, env, path, args)
  local fail = inner.require("base.fail")
  local text, sentence, code = inner.host.script.read(path)
  if not text then fail.raise(code == "missing" and "usage" or "config", sentence, { file = path, code = code }) end
  local chunk, message = inner.host.script.compile(text, "@" .. path, env)
  if not chunk then fail.raise("config", message, { file = path, code = "syntax" }) end
  local before = world.script
  world.script = path
  local results = table.pack(chunk(table.unpack(args or {})))
  world.script = before
  return table.unpack(results, 1, results.n)
end

return texts
