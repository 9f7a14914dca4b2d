-- SPDX-License-Identifier: MIT
-- continueplz tests/bench/many.lua <FILE, with CONTINUEPLZ_SCRIPTS=tests: an answer to a search of Vast's
-- is parsed, ranked and shown as `offers` does it with what comes over the wire. Says on stderr how many
-- offers there were.
local clock = require "base.clock"
local json = require "base.json"
local term = require "base.term"
local config = require "config.effective"
local cost = require "home.cost"
local hosts = require "start.hosts"
local offers = require "start.offers"
local parse = require "providers.vast.parse"

local want = require("start.want").make {}
local reader, found = parse.reader(want, clock.wall())
for piece in function() return term.read(16384) end do reader:feed(piece) end
assert(#assert(json.decode(reader:finish())).offers == 0)

local collected = { candidates = {}, results = { { name = "vast", ok = true } }, rejected = {},
  shunned = hosts.shunned() }
for _, offer in ipairs(found.list) do cost.candidates(offer, want, collected.candidates) end
local ordered, rejected = offers.rank(collected, want)
term.out(table.concat(require("ui.offers").lines { want = want, ordered = ordered, rejected = rejected,
  results = collected.results, reasons = offers.reasons(rejected), rate = config.rate(), currency = "usd",
  room = require("ui.format").room(3) }, "\n") .. "\n")
local count = #found.list + #found.left
term.err(("%d offers, %d candidates\n"):format(count, #ordered))
return count == 10000 and #ordered > 0 and 0 or 1
