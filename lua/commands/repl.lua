-- SPDX-License-Identifier: MIT
return {
  name = "repl",
  summary = "try the functions of a cloud by hand, one line of Lua at a time",
  order = 140,
  meant = { "shell", "lua", "console" },
  details = "Calls may wait, Ctrl-C ends them; :help lists the names and commands, :trace on shows every "
    .. "request. Without a terminal it runs what comes on the standard input and ends at the first "
    .. "error. It rents nothing.",
  options = { "trace", "provider", "gpu", "gpus", "replicas", "model", "tier", "context", "spot", "on-demand",
    "region", "hours", "max-price" },
  args = "[PROVIDER]",
  words = 1,
  tolerant = true,
  data = true,
  answer = "result: any",
  run = function(ctx)
    local config = require "config.effective"
    local process = require "base.process"
    local term = require "base.term"
    local scope = require "repl.scope"
    local name = ctx.args[1] or config.get("DEFAULT_PROVIDER")
    for _, cloud in ipairs(require("facts.clouds").supported()) do
      if not name and config.secret(cloud.key_setting) then
        name = cloud.name
      end
    end
    name = scope.provider_named(name or scope.providers()[1])
    if config.get("DEFAULT_PROVIDER") ~= name then -- `want` and :offers are about this cloud
      ctx.settings.DEFAULT_PROVIDER = { text = name, flag = "--provider" }
      require("cli.run").load_settings(ctx)
    end
    local typed = term.is("in") and (term.is("out") or term.is("err"))
    local session = require("repl.session").new {
      ctx = ctx, provider = name, out = term.out, err = term.err,
      width = function() return term.is("out") and math.max(40, (term.size())) or 100 end,
    }
    if ctx.options.trace then
      session:trace(true)
    end
    if not typed then return require("repl.lines").run(session, false) end
    local hello = ("Cloud: %s. Folder: %s. :help explains, Ctrl-D leaves; nothing can be rented here.")
      :format(session.provider, ctx.home)
    session:note(table.concat(require("ui.format").wrap(hello, session.width() - 1), "\n"))
    if process.getenv("TERM") == "dumb" then
      return require("repl.lines").run(session, true)
    end
    return require("repl.prompt").run(session, ctx.home)
  end,
}
