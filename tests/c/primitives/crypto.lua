-- SPDX-License-Identifier: MIT
local host, kit = ...
local ok, is, crypto = kit.ok, kit.is, host.crypto

local function hex(data)
  return (data:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

is(hex(crypto.sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "sha256")
is(hex(crypto.sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "of nothing")

local trips = 0
for n = 0, 70 do
  local bytes = crypto.random(n)
  if #bytes == n and crypto.unbase64(crypto.base64(bytes)) == bytes then trips = trips + 1 end
end
is(trips, 71, "base64 there and back")
is(crypto.base64("\0\255a"), "AP9h", "base64 of bytes")
for _, bad in ipairs { "\xe3\x81\x88\xcf", "AP9", "AP9h=", "AA", "AB==", "A===", "AP9h\n", " AP9h", "AP-_",
  "AP9h\0", "====", "AAA=AAAA" } do
  is(select(3, crypto.unbase64(bad)), "invalid", "not base64: " .. hex(bad))
end
kit.raises("random(-1)", crypto.random, -1)
kit.raises("random(2^30)", crypto.random, 1 << 30)

local key = crypto.key()
local bytes = crypto.unbase64(key:secret())
ok(#bytes == 32 and bytes:byte(1) & 7 == 0 and bytes:byte(32) & 192 == 64, "a fresh key is clamped")
is(host.log.redact("x " .. key:secret() .. " y"), "x [hidden] y",
  "a secret that Lua saw is hidden in the log")
is(crypto.key(key:secret()):public(), key:public(), "a key read back")
ok(crypto.key():public() ~= key:public(), "keys differ")
-- X25519 of the base point: RFC 7748 §5.2, the first of the iterated results,
-- whose scalar and point are both 9
local nine = crypto.base64("\9" .. ("\0"):rep(31))
local product = hex(crypto.unbase64(crypto.key(nine):public()))
is(product, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", "X25519")
for _, bad in ipairs { "", "AAAA", crypto.base64(crypto.random(31)), crypto.base64(crypto.random(33)),
  ("A"):rep(44) } do
  is(select(3, crypto.key(bad)), "invalid", "not a key: " .. #bad .. " characters")
end
key:close()
key:close()
kit.raises("a closed key", key.public, key)

is(crypto.equal("a", "a"), true, "equal")
is(crypto.equal("a", "b"), false, "not equal")
is(crypto.equal("a", "ab"), false, "not equal in length")
is(crypto.equal("", ""), true, "nothing equals nothing")
is(crypto.equal("a\0b", "a\0c"), false, "not equal behind a zero byte")
