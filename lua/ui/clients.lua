-- SPDX-License-Identifier: MIT
-- What clients need to use the model (facts/serving.md §5). endpoint: { url=, openai= url/v1, model=,
-- context=, no_proxy=|nil: the value with which a client asks this computer directly, proxied= a proxy is
-- set } → lines. Pure. /v1 is used wherever a client can: clients of the native API change the context and
-- so have the model loaded again.
local json = require "base.json"

local clients = {}

clients.names = { "continue", "opencode", "codex", "claude", "aider", "zed", "pi" }

local OUTPUT = 8192

-- A value for a POSIX shell.
local function sh(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function output(endpoint)
  return math.min(OUTPUT, endpoint.context // 4)
end

local function exports(lines, pairs_of)
  for _, pair in ipairs(pairs_of) do
    lines[#lines + 1] = ("export %s=%s"):format(pair[1], sh(pair[2]))
  end
  return lines
end

-- Programs read either spelling; the local address is never asked through a proxy.
local function direct(lines, endpoint)
  return endpoint.no_proxy
    and exports(lines, { { "NO_PROXY", endpoint.no_proxy }, { "no_proxy", endpoint.no_proxy } }) or lines
end

--- Lines for `eval`.
function clients.shell(endpoint)
  return direct(exports({}, {
    { "CONTINUEPLZ_URL", endpoint.url }, { "CONTINUEPLZ_MODEL", endpoint.model },
    { "CONTINUEPLZ_CONTEXT", endpoint.context }, { "OLLAMA_HOST", endpoint.url },
    { "OLLAMA_API_BASE", endpoint.url }, { "OPENAI_BASE_URL", endpoint.openai },
    { "OPENAI_API_BASE", endpoint.openai }, { "OPENAI_API_KEY", "continueplz" },
  }), endpoint)
end

local formats = {}

formats["continue"] = function(endpoint)
  local known = require("facts.models").find(endpoint.model)
  local lines = {
    "name: continueplz", "version: 0.0.1", "schema: v1", "models:",
    "  - name: continueplz " .. endpoint.model, "    provider: openai", "    model: " .. endpoint.model,
    "    apiBase: " .. endpoint.openai,
    "    apiKey: none", "    roles: [chat, edit, apply]",
  }
  if known and known.tools then
    lines[#lines + 1] = "    capabilities: [tool_use]"
  end
  table.move({
    "    defaultCompletionOptions:", "      contextLength: " .. endpoint.context,
    "      maxTokens: " .. output(endpoint),
  }, 1, 3, #lines + 1, lines)
  return lines
end

function formats.codex(endpoint)
  return {
    ("model = %q"):format(endpoint.model), 'model_provider = "continueplz"',
    "model_context_window = " .. endpoint.context, "", "[model_providers.continueplz]",
    'name = "continueplz"',("base_url = %q"):format(endpoint.openai), 'wire_api = "responses"',
  }
end

--- Claude Code believes in 200k tokens unless it is told; its main and its small model are both named
-- (facts/additions-2026-11.md).
function formats.claude(endpoint)
  local lines = exports(endpoint.proxied and direct({}, endpoint) or {}, {
    { "ANTHROPIC_BASE_URL", endpoint.url }, { "ANTHROPIC_AUTH_TOKEN", "continueplz" },
    { "ANTHROPIC_API_KEY", "" },
    { "ANTHROPIC_MODEL", endpoint.model }, { "ANTHROPIC_SMALL_FAST_MODEL", endpoint.model },
    { "ANTHROPIC_DEFAULT_OPUS_MODEL", endpoint.model }, { "ANTHROPIC_DEFAULT_SONNET_MODEL", endpoint.model },
    { "ANTHROPIC_DEFAULT_HAIKU_MODEL", endpoint.model }, { "CLAUDE_CODE_SUBAGENT_MODEL", endpoint.model },
    { "CLAUDE_CODE_MAX_CONTEXT_TOKENS", endpoint.context },
    { "CLAUDE_CODE_MAX_OUTPUT_TOKENS", output(endpoint) },
  })
  lines[#lines + 1] = "claude --model " .. sh(endpoint.model)
  return lines
end

function formats.aider(endpoint)
  local lines = exports(endpoint.proxied and direct({}, endpoint) or {}, {
    { "OPENAI_API_BASE", endpoint.openai }, { "OPENAI_API_KEY", "continueplz" },
  })
  lines[#lines + 1] = "aider --no-show-model-warnings --model " .. sh("openai/" .. endpoint.model)
  return lines
end

-- Clients whose file is JSON: its members, each { path=, value=, mild= what is there already stays }.
local members = {}

function members.opencode(endpoint)
  return {
    { path = { "$schema" }, value = "https://opencode.ai/config.json", mild = true },
    { path = { "model" }, value = "continueplz/" .. endpoint.model },
    { path = { "provider", "continueplz" }, value = {
      npm = "@ai-sdk/openai-compatible", name = "continueplz", options = { baseURL = endpoint.openai },
      models = { [endpoint.model] = { limit = { context = endpoint.context, output = output(endpoint) } } },
    } },
  }
end

function members.zed(endpoint)
  local known = require("facts.models").find(endpoint.model)
  return { { path = { "language_models", "openai_compatible", "continueplz" }, value = {
    api_url = endpoint.openai,
    available_models = json.array {
      {
        name = endpoint.model, max_tokens = endpoint.context, max_output_tokens = output(endpoint),
        capabilities = { tools = known ~= nil and known.tools == true, images = false,
          parallel_tool_calls = false, prompt_cache_key = false },
      },
    },
  } } }
end

function members.pi(endpoint)
  return { { path = { "providers", "continueplz" }, value = {
    baseUrl = endpoint.openai, api = "openai-completions", apiKey = "continueplz",
    compat = { supportsDeveloperRole = false, supportsReasoningEffort = false },
    models = json.array { { id = endpoint.model, contextWindow = endpoint.context,
      maxTokens = output(endpoint) } },
  } } }
end

for name, of in require "base.sorted"(members) do
  formats[name] = function(endpoint)
    local whole, lines = {}, {}
    for _, member in ipairs(of(endpoint)) do
      local at = whole
      for index = 1, #member.path - 1 do
        at[member.path[index]] = at[member.path[index]] or {}
        at = at[member.path[index]]
      end
      at[member.path[#member.path]] = member.value
    end
    for line in (json.encode(whole, 2) .. "\n"):gmatch("(.-)\n") do
      lines[#lines + 1] = line
    end
    return lines
  end
end

--- The function that makes a client's configuration, or nil.
function clients.find(name)
  return formats[name]
end

--- The members of a client's JSON file, or nil when its file is none.
function clients.members(name, endpoint)
  return members[name] and members[name](endpoint)
end

-- Where the file of a client is: variable that names its folder, folder below HOME, names, the last of
-- which is made when there is none.
local places = {
  continue = { "CONTINUE_GLOBAL_DIR", ".continue", "", { "config.yaml" } },
  codex = { "CODEX_HOME", ".codex", "", { "config.toml" } },
  opencode = { "XDG_CONFIG_HOME", ".config", "/opencode", { "opencode.jsonc", "opencode.json" } },
  pi = { "PI_CODING_AGENT_DIR", ".pi/agent", "", { "models.json" } },
  zed = { "XDG_CONFIG_HOME", ".config", "/zed", { "settings.json" } },
}

--- The file that a client reads, or nil for one that has its environment.
-- @param getenv function(name); @param exists function(path)
function clients.file(name, getenv, exists)
  local place = places[name]
  if not place then return nil end
  local dir, home = getenv(place[1]), getenv "HOME"
  if not dir or dir:sub(1, 1) ~= "/" then
    dir = (home and home ~= "" and home or "~") .. "/" .. place[2]
  end
  for _, file in ipairs(place[4]) do
    local path = dir .. place[3] .. "/" .. file
    if exists(path) or file == place[4][#place[4]] then return path end
  end
end

--- What a client needs besides its file, or nil.
function clients.besides(name)
  return name == "zed" and "start Zed with CONTINUEPLZ_API_KEY=continueplz in its environment" or nil
end

return clients
