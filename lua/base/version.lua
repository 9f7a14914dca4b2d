-- SPDX-License-Identifier: MIT
-- The version of the program, as text.

local host = ...

return host.version
