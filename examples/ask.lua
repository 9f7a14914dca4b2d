-- SPDX-License-Identifier: MIT
-- Asks the model that runs for this folder one question and prints its answer as it comes:
--   continueplz examples/ask.lua "Why is the sky blue?"
local fail = require "base.fail"
local term = require "base.term"
local config = require "facts.config"
local engine = require "engines.ollama"
local journal = require "work.journal"
local link = require "work.link"

local question = table.concat({ ... }, " ")
if question == "" then
  fail.raise("usage", "say the question: continueplz ask.lua \"Why is the sky blue?\"")
end

local session = journal.open(config.home()):current()
if not session or not session.ready_at then
  fail.raise("refused", "no model is ready in " .. config.home() .. "; start one with continueplz --cheapest")
end

link.ensure()
local _, speed = engine.ask(link.engine(), session.plan.model, question, term.out)
term.out(("\n\n(%s%s)\n"):format(session.plan.model, speed and (", %.0f tokens/s"):format(speed) or ""))
