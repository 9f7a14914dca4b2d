-- SPDX-License-Identifier: MIT
-- continueplz tests/bench/many.lua FILE, with CONTINUEPLZ_SCRIPTS=tests: an answer to a search of Vast's in a
-- file is parsed, ranked and shown as `offers` does it with what comes over the wire. Says on stderr how many
-- offers there were.
local clock = require "base.clock"
local files = require "base.files"
local json = require "base.json"
local term = require "base.term"
local config = require "config.effective"
local cost = require "home.cost"
local hosts = require "start.hosts"
local offers = require "start.offers"
local parse = require "providers.vast.parse"

local want = require("start.want").make {}
local collected = { candidates = {}, results = { { name = "vast", ok = true } }, rejected = {},
  shunned = hosts.shunned() }
local count, offer_of = 0, parse.offers(want, clock.wall())
for _, row in ipairs(assert(json.decode(assert(files.read((...), 1 << 28)))).offers) do
  local offer = offer_of(row)
  count = count + 1
  if offer then cost.candidates(offer, want, collected.candidates) end
end
local ordered, rejected = offers.rank(collected, want)
term.out(table.concat(require("ui.offers").lines { want = want, ordered = ordered, rejected = rejected,
  results = collected.results, reasons = offers.reasons(rejected), rate = config.rate(), currency = "usd",
  room = require("ui.format").room(3) }, "\n") .. "\n")
term.err(("%d offers, %d candidates\n"):format(count, #ordered))
return count == 10000 and #ordered > 0 and 0 or 1
