-- SPDX-License-Identifier: MIT
--- A seeded generator (splitmix64): the same seed gives the same world on every machine.
local random = {}
random.__index = random

function random.new(seed)
  return setmetatable({ state = seed or 1 }, random)
end

function random:next()
  self.state = self.state + 0x9E3779B97F4A7C15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

--- A whole number from a to b, both included.
function random:int(a, b)
  return a + (self:next() >> 1) % (b - a + 1)
end

--- `n` lower-case hexadecimal digits.
function random:hex(n)
  local parts = {}
  while #parts * 16 < n do
    parts[#parts + 1] = string.format("%016x", self:next())
  end
  return table.concat(parts):sub(1, n)
end

return random
