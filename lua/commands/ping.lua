-- SPDX-License-Identifier: MIT
return {
  name = "ping",
  summary = "ask the model for a sign of life, or a QUESTION",
  order = 80,
  aliases = { "ask" },
  meant = { "chat", "test" },
  options = {},
  args = "[QUESTION]",
  tolerant = true,
  answer = "model, server, answer: text; round_trip_ms, tokens_per_second: number",
  run = function(ctx)
    local clean = require "base.clean"
    local clock = require "base.clock"
    local term = require "base.term"
    local world = require "sandbox.world"
    local agent_client = require "home.agent_client"
    local guest_client = require "home.guest_client"
    local session, code = require "cli.ready"(ctx)
    if not session then return code end
    agent_client.ensure()
    local engine = world.require_safe("engines." .. (session.plan.engine or "ollama"))
    local base, name = guest_client.engine(), session.plan.model
    local before = clock.now()
    local version = engine.probe(base)
    local trip = clock.now() - before
    local object = { status = "ok", model = name, server = version,
      round_trip_ms = math.floor(trip * 1e4 + 0.5) / 10 }
    if #ctx.args > 0 then
      object.answer, object.tokens_per_second = engine.ask(base, name,
        table.concat(ctx.args, " "), function(piece)
          if not ctx.json then
            term.out(clean.text(piece))
          end
        end)
      ctx.print("")
    else
      object.tokens_per_second = engine.token(base, name)
    end
    ctx.print(("%s answers: round trip %.1f ms%s"):format(name, object.round_trip_ms,
      object.tokens_per_second and (", %.0f tokens/s"):format(object.tokens_per_second) or ""))
    ctx.emit(object)
    return 0
  end,
}
