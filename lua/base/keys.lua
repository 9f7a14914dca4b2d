-- SPDX-License-Identifier: MIT
-- Keys, hashes and random values.

local host = ...

local crypto = host.crypto

local keys = {}

--- A fresh private key (handle with public(), secret(), close()).
function keys.fresh() return crypto.key(nil) end

--- The private key of its base64, or nil, sentence, code.
function keys.load(base64) return crypto.key(base64) end

--- A fresh Ed25519 public key (32 bytes) whose private half was never kept.
function keys.sealed() return crypto.sealed() end

--- Every byte as two digits.
function keys.hex(data)
  return (data:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

function keys.sha256_hex(data) return keys.hex(crypto.sha256(data)) end
function keys.base64(data) return crypto.base64(data) end
function keys.unbase64(text) return crypto.unbase64(text) end

--- Whether two texts are the same, in constant time.
function keys.equal(a, b) return crypto.equal(a, b) end

--- n random bytes as 2n hex digits.
function keys.random_hex(n) return keys.hex(crypto.random(n)) end

--- A uniform random integer in a … b (at most 2^48 values).
function keys.random_int(a, b)
  local span = b - a + 1
  if span < 1 or span > 1 << 48 then
    error(("no random integer between %s and %s"):format(a, b), 2)
  end
  local limit = (1 << 56) // span * span
  while true do
    local value = (">I7"):unpack(crypto.random(7))
    if value < limit then return a + value % span end
  end
end

return keys
