-- SPDX-License-Identifier: MIT
-- When an X.509 certificate is good, as openssl made it and as it may be broken.
local certificate = require "base.certificate"
local clock = require "base.clock"
local keys = require "base.keys"

-- From November 2026 (a UTCTime) until June 2136 (a GeneralizedTime).
local PEM = [[
-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUL/NeEKiKZOt1+AMIRrFUO8qNUD8wCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjkwOTU5MDlaGA8yMTM2MDYwNTA5NTkwOVow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH987Ft8fu9v
8ZbPIW+3mwN+HIJmNxIoKDbcfZVH+2uwQjIfk/WIkdiKSGNqnfZmoSenpSuIBvCM
nC8a01VIxQKjUzBRMB0GA1UdDgQWBBR5ODj0xVBU1Dq+krmgZ05fE5F/5DAfBgNV
HSMEGDAWgBR5ODj0xVBU1Dq+krmgZ05fE5F/5DAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQDKIpDtufRBtB74eEJWsWVpYtzU0lK1NjcK49CF/RCa
RAIhAJePmnTnOnHdaN3Wri2oiCi0jnIj7GD0ArzFJE+9sbAP
-----END CERTIFICATE-----
]]

return function(t)
  local function pem(der)
    return "-----BEGIN CERTIFICATE-----\n" .. keys.base64(der) .. "\n-----END CERTIFICATE-----\n"
  end

  local function element(tag, ...)
    local content = table.concat { ... }
    local length = #content < 128 and string.char(#content)
      or #content < 256 and "\x81" .. string.char(#content) or "\x82" .. (">I2"):pack(#content)
    return string.char(tag) .. length .. content
  end

  -- One that says no more than it must.
  local function made(from, until_, more)
    local times = element(0x30, from, until_)
    return element(0x30, element(0x30, more or "", element(2, "\1"), element(0x30), element(0x30), times))
  end

  local function utc(text) return element(0x17, text) end

  t:case("its times in both forms; text around it and others behind it", function()
    t:equal({ certificate.validity(PEM) },
      { clock.parse_iso "2026-11-29T09:59:09Z", clock.parse_iso "2136-06-05T09:59:09Z" })
    t:equal((certificate.validity("a key\n" .. PEM .. pem "none")), clock.parse_iso "2026-11-29T09:59:09Z")
    t:equal({ certificate.validity(pem(made(utc "500101000000Z", utc "491231235959Z"))) },
      { clock.parse_iso "1950-01-01T00:00:00Z", clock.parse_iso "2049-12-31T23:59:59Z" })
    local one = element(0xA0, element(2, "\2"))
    t:equal({ certificate.validity(pem(made(utc "500101000000Z", element(0x18, "21000101000000Z"), one))) },
      { clock.parse_iso "1950-01-01T00:00:00Z", clock.parse_iso "2100-01-01T00:00:00Z" })
  end)

  t:case("what is none says nothing, wherever it ends", function()
    for _, text in ipairs { "", "x", pem "", pem "\x30\x80", pem "\x30\x84\xff\xff\xff\xff", pem "\x02\1\1",
      pem(made(utc "5001010000Z", utc "491231235959Z")), pem(made(element(0x16, "500101000000Z"), "")),
      "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----" } do
      t:equal({ certificate.validity(text) }, {}, text)
    end
    local der = made(utc "500101000000Z", utc "491231235959Z")
    for size = 0, #der - 1 do t:equal({ certificate.validity(pem(der:sub(1, size))) }, {}, size) end
    for at = 1, #der do -- any byte may be another one
      for _, byte in ipairs { "\0", "\x80", "\x84", "\xff" } do
        certificate.validity(pem(der:sub(1, at - 1) .. byte .. der:sub(at + 1)))
      end
    end
  end)
end
