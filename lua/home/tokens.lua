-- SPDX-License-Identifier: MIT
-- The names of what we rent: "cplz-", the home's id, "-", digits by chance. Whatever bears such a name is
-- ours, and of that home; whatever does not is somebody else's (DESIGN §1.1, §1.8).
local tokens = {}

--- The id of the home that a token is of, or nil: it is no token of ours.
function tokens.home_of(token)
  return type(token) == "string" and token:match("^cplz%-(%x+)%-%x+$") or nil
end

return tokens
