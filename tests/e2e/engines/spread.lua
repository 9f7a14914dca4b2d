-- SPDX-License-Identifier: MIT
-- An engine of a user's own that spreads one model over nodes, as a test wants one: Ollama at the leader,
-- once every other pod of its group is connected to it. A worker whose leader ends begins again.
local ollama = require "builtin.engines.ollama"

local spread = {}
for name, value in pairs(ollama) do -- order: free
  spread[name] = value
end
spread.name, spread.spans = "spread", true

-- A leader listens beside its own port, a worker connects there; neither does anything more.
local GATHER = [[
if [ "$LWS_WORKER_INDEX" -gt 0 ]; then
  exec perl -e 'use IO::Socket::INET; $| = 1; for (;;) { $s = IO::Socket::INET->new(
    PeerAddr => $ENV{LWS_LEADER_ADDRESS}, PeerPort => 11435) and last; sleep 1 }
    print "joined as $ENV{LWS_WORKER_INDEX}\n"; <$s>; exit 1'
fi
perl -e 'use IO::Socket::INET; $l = IO::Socket::INET->new(LocalAddr => $ENV{POD_IP}, LocalPort => 11435,
  Listen => 9, ReuseAddr => 1) or die; push @all, $l->accept while @all < $ENV{LWS_GROUP_SIZE} - 1;
  open F, ">", "gathered"; close F; sleep' &
until [ -e gathered ]; do sleep 1; done
echo "all $LWS_GROUP_SIZE are here"
]]

function spread.pod(options)
  local pod = ollama.pod(options)
  pod.command[3] = GATHER .. pod.command[3]
  pod.ready.command[3] = 'ollama ps | grep -qF -- "$0"' -- a part of it is on the others' cards
  return pod
end

function spread.check(base, name, context)
  local state = ollama.check(base, name, context)
  if state.loaded then state.on_gpu = 1 end
  return state
end

return spread
