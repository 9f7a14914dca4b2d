-- SPDX-License-Identifier: MIT
-- Names that users' scripts of the last release may require, and what the module is called now.
-- They work for one release.

local aliases = {
  ["engines.ollama_pull"] = "engines.ollama.pull",
  ["engines.ollama_registry"] = "engines.ollama.registry",
  ["facts.config"] = "config.effective",
  ["facts.declared"] = "config.declared",
  ["facts.dotenv"] = "config.dotenv",
  ["facts.gguf"] = "engines.ollama.gguf",
  ["facts.jsontext"] = "base.jsontext",
  ["facts.lambda"] = "providers.lambda.parse",
  ["facts.numbers"] = "base.numbers",
  ["facts.pasted"] = "config.pasted",
  ["facts.settings"] = "config.settings",
  ["facts.shapes"] = "config.shapes",
  ["facts.shown"] = "config.shown",
  ["facts.values"] = "config.values",
  ["facts.vast"] = "providers.vast.parse",
  ["work.alert"] = "home.alert",
  ["work.budget"] = "money.budget",
  ["work.history"] = "money.history",
  ["work.link"] = "home.agent_client",
  ["work.model"] = "start.model",
  ["work.report"] = "start.report",
}

-- As `builtin.NAME` too.
local all = {}
for old, new in next, aliases do -- order: free
  all[old], all["builtin." .. old] = new, "builtin." .. new
end

return all
