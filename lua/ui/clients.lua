-- SPDX-License-Identifier: MIT
-- What clients need to use the model (facts/serving.md §5). endpoint: { url=, openai= url/v1, model=, context= } → lines. Pure.
-- /v1 is used wherever a client can: clients of the native API change the context and so have the model loaded again.
local json = require "base.json"

local M = {}

M.names = { "continue", "opencode", "codex", "claude", "aider", "zed", "pi" }

local OUTPUT = 8192

-- A value for a POSIX shell.
local function sh(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function output(endpoint)
  return math.min(OUTPUT, endpoint.context // 4)
end

local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

--- Lines for `eval`.
function M.shell(endpoint)
  local lines = {}
  for _, pair in ipairs {
    { "CONTINUEPLZ_URL", endpoint.url }, { "CONTINUEPLZ_MODEL", endpoint.model }, { "CONTINUEPLZ_CONTEXT", endpoint.context },
    { "OLLAMA_HOST", endpoint.url }, { "OLLAMA_API_BASE", endpoint.url }, { "OPENAI_BASE_URL", endpoint.openai },
    { "OPENAI_API_BASE", endpoint.openai }, { "OPENAI_API_KEY", "continueplz" },
  } do
    lines[#lines + 1] = ("export %s=%s"):format(pair[1], sh(pair[2]))
  end
  return lines
end

local formats = {}

formats["continue"] = function(endpoint)
  local known = require("facts.models").find(endpoint.model)
  local lines = {
    "# ~/.continue/config.yaml", "name: continueplz", "version: 0.0.1", "schema: v1", "models:",
    "  - name: continueplz " .. endpoint.model, "    provider: openai", "    model: " .. endpoint.model,
    "    apiBase: " .. endpoint.openai,
    "    apiKey: none", "    roles: [chat, edit, apply]",
  }
  if known and known.tools then
    lines[#lines + 1] = "    capabilities: [tool_use]"
  end
  table.move({
    "    defaultCompletionOptions:", "      contextLength: " .. endpoint.context, "      maxTokens: " .. output(endpoint),
  }, 1, 3, #lines + 1, lines)
  return lines
end

function formats.opencode(endpoint)
  return split(json.encode({
    ["$schema"] = "https://opencode.ai/config.json", model = "continueplz/" .. endpoint.model,
    provider = {
      continueplz = {
        npm = "@ai-sdk/openai-compatible", name = "continueplz", options = { baseURL = endpoint.openai },
        models = { [endpoint.model] = { limit = { context = endpoint.context, output = output(endpoint) } } },
      },
    },
  }, 2))
end

function formats.codex(endpoint)
  return {
    "# ~/.codex/config.toml", ("model = %q"):format(endpoint.model), 'model_provider = "continueplz"',
    "model_context_window = " .. endpoint.context, "", "[model_providers.continueplz]", 'name = "continueplz"',
    ("base_url = %q"):format(endpoint.openai), 'wire_api = "responses"',
  }
end

function formats.claude(endpoint)
  local lines = {}
  for _, pair in ipairs {
    { "ANTHROPIC_BASE_URL", endpoint.url }, { "ANTHROPIC_AUTH_TOKEN", "continueplz" }, { "ANTHROPIC_API_KEY", "" },
    { "ANTHROPIC_DEFAULT_OPUS_MODEL", endpoint.model }, { "ANTHROPIC_DEFAULT_SONNET_MODEL", endpoint.model },
    { "ANTHROPIC_DEFAULT_HAIKU_MODEL", endpoint.model }, { "CLAUDE_CODE_SUBAGENT_MODEL", endpoint.model },
  } do
    lines[#lines + 1] = ("export %s=%s"):format(pair[1], sh(pair[2]))
  end
  lines[#lines + 1] = "claude --model " .. sh(endpoint.model)
  return lines
end

function formats.aider(endpoint)
  return {
    "export OPENAI_API_BASE=" .. sh(endpoint.openai), "export OPENAI_API_KEY=continueplz",
    "aider --model " .. sh("openai/" .. endpoint.model),
  }
end

function formats.zed(endpoint)
  local known = require("facts.models").find(endpoint.model)
  local lines = split(json.encode({
    language_models = {
      openai_compatible = {
        continueplz = {
          api_url = endpoint.openai,
          available_models = json.array {
            {
              name = endpoint.model, max_tokens = endpoint.context, max_output_tokens = output(endpoint),
              capabilities = { tools = known ~= nil and known.tools == true, images = false, parallel_tool_calls = false,
              prompt_cache_key = false },
            },
          },
        },
      },
    },
  }, 2))
  table.insert(lines, 1, "// settings.json of Zed; start Zed with CONTINUEPLZ_API_KEY=continueplz in its environment")
  return lines
end

function formats.pi(endpoint)
  local lines = split(json.encode({
    providers = {
      continueplz = {
        baseUrl = endpoint.openai, api = "openai-completions", apiKey = "continueplz",
        compat = { supportsDeveloperRole = false, supportsReasoningEffort = false },
        models = json.array { { id = endpoint.model, contextWindow = endpoint.context, maxTokens = output(endpoint) } },
      },
    },
  }, 2))
  return lines
end

--- The function that makes a client's configuration, or nil.
function M.find(name)
  return formats[name]
end

return M
