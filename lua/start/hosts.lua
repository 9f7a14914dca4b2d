-- SPDX-License-Identifier: MIT
-- Hosts on which a machine failed: what names such a fault, and which hosts are not taken again for a day
-- (file `hosts` of the home). A host is what a cloud calls the computer that many offers may be slices of
-- (offer.host); not every cloud tells it.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local json = require "base.json"
local log = require "base.log"
local config = require "config.effective"

local DAY = 24 * 3600
local MOST, BYTES = 200, 1 << 17

local hosts = {}

-- What a cloud, a container runtime or a downloader says when the host is at fault
-- (facts/additions-2026-11.md); waiting mends none of it.
local FAULTS = {
  "no space left on device", "port is already allocated", "port already allocated", "toomanyrequests",
  "failed to inject cdi",
  "error pulling image", "failed to pull image", "docker_build() error", "oci runtime create failed",
  "could not select device driver", "nvidia-container-cli", "read-only file system", "input/output error",
  "structure needs cleaning",
}

-- The same, of a download that was tried again in vain: the host's own network.
local NETWORK = { "no such host", "temporary failure in name resolution", "server misbehaving",
  "network is unreachable", "no route to host" }

-- What an engine says when its machine's card or driver does not work (facts/additions-2026-11.md: error 802
-- beside a healthy driver). A card that is too full is none of these.
local CARD = { "cuda error", "cudart", "no cuda-capable device", "cuda driver version is insufficient",
  "hip error", "failed to initialize nvml" }
local CROWDED = { "out of memory" }

-- What is said of an image that nobody has: no host's fault.
local IMAGE = { "manifest unknown", "pull access denied", "repository does not exist",
  "invalid reference format" }

local function holds(text, list)
  local lower = tostring(text or ""):lower()
  for _, part in ipairs(list) do
    if lower:find(part, 1, true) then return true end
  end
  return false
end

--- Does this text name a fault of the machine's host that no waiting mends?
function hosts.fault(text) return holds(text, FAULTS) end

--- Does an engine say that its machine's card does not work?
function hosts.card_fault(text) return holds(text, CARD) and not holds(text, CROWDED) end

--- Is it the image's name that is wrong? Then another host has it no more than this one.
function hosts.image_fault(text) return holds(text, IMAGE) end

--- The same of a download's last words, when trying again did not help.
function hosts.download_fault(text) return holds(text, FAULTS) or holds(text, NETWORK) end

local function path() return files.join(config.home(), "hosts") end

-- What is kept and is not a day old yet.
local function kept()
  local found = json.decode(files.read(path(), BYTES) or "")
  local list = {}
  for _, row in ipairs(type(found) == "table" and found or {}) do
    local age = type(row) == "table" and type(row.at) == "number" and clock.wall() - row.at
    if age and age >= 0 and age < DAY and type(row.provider) == "string" and type(row.host) == "string" then
      list[#list + 1] = row
    end
  end
  return list
end

--- A machine of this offer failed by its host's fault: the host is not taken again for a day. A home that
-- cannot be written forgets it.
function hosts.shun(offer, reason)
  if not offer.host then return end
  local list = kept()
  list[#list + 1] = { provider = offer.provider, host = offer.host, at = clock.wall(), reason = reason }
  if #list > MOST then table.remove(list, 1) end
  local ok, message = files.write(path(), json.encode(json.array(list)) .. "\n")
  if not ok then log.warn("a failed host cannot be remembered", { error = message }) end
end

--- What was shunned within the last day. → function(offer) → a sentence why it is not taken, or nil
function hosts.shunned()
  local by = {}
  for _, row in ipairs(kept()) do by[row.provider .. " " .. row.host] = row end
  local any = next(by) ~= nil
  return function(offer)
    local row = any and offer.host and by[offer.provider .. " " .. offer.host]
    return row and ("its host failed within a day: %s ago, %s"):format(clock.duration(clock.wall() - row.at),
      tostring(row.reason))
  end
end

--- A failure of kind `machine` that is its host's: the host is shunned for it (start.deploy).
function hosts.raise(message) fail.raise("machine", message, { host = true }) end

return hosts
