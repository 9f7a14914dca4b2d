-- SPDX-License-Identifier: MIT
-- Waiting for a change of a pod (facts/coreweave.md §3.7) by a watch from the version that was seen last.
-- Nothing is believed of what it tells: whoever waited looks anew, also when the version is too old (410).
local clock = require "base.clock"
local fail = require "base.fail"
local json = require "base.json"
local task = require "base.task"
local url = require "base.url"

local watch = {}

local MOST = 1 << 20 -- bytes of an event

-- A function that takes pieces of an answer, and raises `changed` at the first event that is not the
-- cluster's own mark of the time.
local function listener()
  local rest = ""
  return function(piece)
    rest = rest .. piece
    for line in rest:gmatch "([^\n]*)\n" do
      local event = json.decode(line)
      if type(event) ~= "table" or event.type ~= "BOOKMARK" then
        fail.raise("transient", "something changed", { code = "changed" })
      end
    end
    rest = rest:match "[^\n]*$"
    if #rest > MOST then fail.raise("broken", "an event without an end") end
  end
end

--- Waits until the pod may have changed, at most so many seconds; pause: seconds until it may be looked at in
-- any case. get(path, options): a request; path: of the list of pods; version: of the pod as it was seen
function watch.change(get, path, name, version, seconds, pause)
  local began = clock.now()
  local ok, why = fail.try(get, ("%s?watch=1&fieldSelector=metadata.name%%3D%s&resourceVersion=%s"
    .. "&allowWatchBookmarks=true&timeoutSeconds=%d"):format(path, url.escape(name), url.escape(version),
    math.max(1, math.ceil(seconds))), { stream = listener(), timeout = seconds })
  local changed = not ok and why.code == "changed"
  task.sleep(math.max(0, (changed and pause or seconds) - (clock.now() - began)))
end

return watch
