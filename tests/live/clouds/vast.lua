-- SPDX-License-Identifier: MIT
-- What a look at Vast itself can settle (docs/facts/vast.md). See live.look.
local json = require "base.json"

local vast = { maps = {} }

vast.probes = {
  slash = { "GET", "/api/v0/users/current" },
  bids = { "POST", "/api/v0/bundles/", json.object { rentable = { eq = true }, type = "bid", limit = 20 } },
  limit = { "POST", "/api/v0/bundles/", json.object { rentable = { eq = true } } },
}

local function answered(exchange) return exchange and exchange.status or error "no answer" end

-- Offers of a probe. → array, empty when it was refused
local function offers(seen, name)
  return answered(seen.probes[name]) == 200 and seen.probes[name].value.offers or {}
end

vast.marks = {
  { text = "Redirect status for missing slash", settle = function(seen)
    local exchange = seen.probes.slash
    return ("GET without the slash: HTTP %d%s"):format(answered(exchange),
      exchange.answer.location and ", with a location" or "")
  end },
  { text = "default `limit`", settle = function(seen)
    local all = offers(seen, "limit")
    return #all > 0 and ("a search without it: %d offers"):format(#all) or nil
  end },
  { text = "`is_bid`/`dph_base` on `type:bid` offers beyond the spec sentence", settle = function(seen)
    local bids, base, all = 0, 0, offers(seen, "bids")
    for _, row in ipairs(all) do
      bids = bids + (row.is_bid == true and 1 or 0)
      base = base + (row.dph_base == row.min_bid and 1 or 0)
    end
    return #all > 0 and ("of %d offers is_bid is true in %d, and dph_base is min_bid in %d")
      :format(#all, bids, base) or nil
  end },
  { text = "visibility delay after DELETE", settle = function(seen)
    local at = seen.rent.seconds
    return at.absent and ("not seen any more %.0f s after the DELETE began"):format(at.absent - at.stopping)
  end },
  { text = "charge latency", settle = function(seen)
    return seen.rent.charge and ("the charge showed %.0f s after the end"):format(seen.rent.charge.seconds)
      or ("no charge showed while it was looked for (%d looks)"):format(#seen.rent.after)
  end },
  { text = "whether `-p N/udp` works on every host with enough `direct_port_count`", settle = function(seen)
    return seen.rent.ready and seen.rent.carrier == "udp" and "it did on the one host that was rented" or nil
  end },
  { text = "HTTP code of insufficient credit" }, { text = "SIGTERM on interruption" },
  { text = "GPU billing while `exited` with intended running" },
  { text = "CONTAINER_API_KEY in VMs and the code a scoped key gets on foreign ids" },
  { text = "presence of /dev/net/tun on individual hosts" },
}

return vast
