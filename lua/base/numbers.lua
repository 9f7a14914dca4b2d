-- SPDX-License-Identifier: MIT
-- Numbers in what clouds answer, which may be anything. Pure.
local type = type -- of thousands of values

local numbers = {}

--- A finite number as it is; nil for everything else.
function numbers.finite(value)
  return type(value) == "number" and value - value == 0 and value or nil
end

--- A price: a finite number above 0. 0 and null are no price (DESIGN §1.9). → number or nil
function numbers.price(value)
  return type(value) == "number" and value > 0 and value - value == 0 and value or nil
end

return numbers
