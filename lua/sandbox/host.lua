-- SPDX-License-Identifier: MIT
-- The primitives as they are, for tests that build a replaced world.
-- No other file of the program requires this.

local host = ...

return host
