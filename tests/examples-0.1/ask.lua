-- SPDX-License-Identifier: MIT
-- Asks the model that runs for this folder one question and prints its answer as it comes:
--   continueplz examples/ask.lua "Why is the sky blue?"
local cplz = require "api"
local term = require "base.term"

local question = table.concat(cplz.args, " ")
if question == "" then
  cplz.print("say the question: continueplz examples/ask.lua \"Why is the sky blue?\"")
  cplz.exit("usage")
end

local model = cplz.endpoint().model
local _, speed = cplz.ask(question, term.out)
term.out(("\n\n(%s%s)\n"):format(model, speed and (", %.0f tokens/s"):format(speed) or ""))
