-- SPDX-License-Identifier: MIT
-- A model server of your own: copy this file to engines/flash.lua in your folder and say --engine=flash (or
-- DEFAULT_ENGINE=flash in .env). It is Ollama with flash attention and a context kept in 8 bits, which halves
-- the memory that the context takes. Under the name engines/ollama.lua it would be used
-- without being asked for.
local ollama = require "builtin.engines.ollama"

local flash = {}
for name, value in pairs(ollama) do -- order: free
  flash[name] = value
end
flash.name = "flash"

local function faster(started)
  table.insert(started.env, "OLLAMA_FLASH_ATTENTION=1")
  table.insert(started.env, "OLLAMA_KV_CACHE_TYPE=q8_0")
  return started
end

function flash.start(options) return faster(ollama.start(options)) end

-- the same for one of several servers (--replicas)
function flash.pod(options) return faster(ollama.pod(options)) end

return flash
