-- SPDX-License-Identifier: MIT
-- The full screen with 10,000 offers: milliseconds of a key that moves and of one that filters, from the key
-- to the bytes that are written, and how many those are. Prints "NAME VALUE" lines.
local clock = require "base.clock"
local frame = require "tui.frame"
local list = require "tui.list"
local style = require "ui.screens.style"
local term = require "base.term"
local view = require "ui.screens.choose"
local models = require "lua.screen_models"

local MANY, ROUNDS, WIDTH, HEIGHT = 10000, 200, 120, 40

local function median(values)
  table.sort(values)
  return values[#values // 2 + 1]
end

local base = models.choose_of(MANY)
local self = list.new { filter = "", all = function() return base.items end, text_of = function(item)
  local offer = item.first.offer
  return ("%s %s %s"):format(offer.provider, offer.gpu, offer.region or "")
end }
local look, shown, bytes = style.new { unicode = true, colour = true }, nil, 0

local function draw()
  local model = setmetatable(list.model(self), { __index = base })
  local rows = view.draw(model, WIDTH, HEIGHT, look)
  local now = { rows = rows }
  local text = frame.change(shown, now, true)
  shown, bytes = now, #text
end

local function timed(act)
  local times, sizes = {}, {}
  for round = 1, ROUNDS do
    local before = clock.now()
    act(round)
    draw()
    times[round], sizes[round] = (clock.now() - before) * 1000, bytes
  end
  return median(times), median(sizes)
end

draw()
local FILTERS = { "r", "rt", "rtx", "rtx 4", "eu", "eu-w", "l40", "l40 eu" }
local scroll, scroll_bytes = timed(function() self:move(1) end)
local page, page_bytes = timed(function() self:move(30) end)
local filter = timed(function(round) self.filter = FILTERS[round % #FILTERS + 1] end)
for _, row in ipairs { { "scroll_ms", scroll }, { "scroll_bytes", scroll_bytes }, { "page_ms", page },
  { "page_bytes", page_bytes }, { "filter_ms", filter } } do
  term.out(("%s %.4f\n"):format(row[1], row[2]))
end
return 0
