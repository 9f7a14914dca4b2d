-- SPDX-License-Identifier: MIT
-- Waits until all servers answer that serve a model behind one address, each of which fetches it by itself.
local clock = require "base.clock"
local fail = require "base.fail"
local task = require "base.task"
local timing = require "home.timing"

local PAUSE = 10        -- seconds between two looks
local STUCK = 300       -- seconds after which what keeps a server from starting is no hiccup
local FETCHING = 40     -- seconds for a GB of the model and of the image, at 25 MB/s
local IMAGE_GB = 10

local replicas = {}

--- "1 of 3 servers ready"
function replicas.text(state)
  return ("%d of %d server%s ready"):format(state.ready, state.wanted, state.wanted == 1 and "" or "s")
end

--- Which server cannot start and why, in one line.
function replicas.trouble_text(trouble)
  return ("%s: %s%s"):format(trouble.name, trouble.reason, trouble.message and ": " .. trouble.message or "")
end

-- Raises what has kept a server from starting for too long; one without a node may still get it.
local function check(trouble, since, state)
  if not trouble or trouble.reason == "Unschedulable" then return nil end
  since = since or clock.now()
  if clock.now() - since < timing.seconds(STUCK) then return since end
  return fail.raise("machine", ("%s, and one cannot start: %s"):format(replicas.text(state),
    replicas.trouble_text(trouble)))
end

--- Waits until all of them are ready. shown: function(progress), as of start.model
-- @raise kind `machine` when one cannot start, by its name, or when they take too long
function replicas.await(provider, session, want, shown)
  local limit = timing.of(provider, "boot") + timing.seconds((want.download_gb + IMAGE_GB) * FETCHING)
  local until_, since, last = clock.now() + limit, nil, "the cloud does not say"
  repeat
    local ok, state = fail.try(provider.replicas, session)
    if ok then
      last = replicas.text(state) .. (state.trouble and "; " .. replicas.trouble_text(state.trouble) or "")
      if state.ready >= state.wanted then return state end
      shown { text = "Pulling " .. want.model.name .. ": " .. replicas.text(state),
        detail = state.trouble and replicas.trouble_text(state.trouble) or nil }
      since = check(state.trouble, since, state)
    elseif fail.is(state, "auth") then
      error(state, 0)
    else
      last = fail.message(state)
    end
    task.sleep(timing.seconds(PAUSE))
  until clock.now() > until_
  return fail.raise("machine", ("not all servers were ready within %s: %s"):format(clock.duration(limit),
    last))
end

return replicas
