-- SPDX-License-Identifier: MIT
-- The machine of the tunnel where a model is served by several others behind one address: no model server,
-- but a way to that address. Its guest keeps that running like an engine. It is perl, which the start script
-- asks for too: what comes to the guest's own port goes to "HOST:PORT" of a variable that the cloud fills in.
local fail = require "base.fail"

local gateway = {}

gateway.ADDRESS = "CPLZ_ENGINE" -- the machine's variable with the address, of the provider's `prepare`

-- In one line, as configurations have it. A connection each has a process, and is closed on both sides when
-- either is at its end.
local FORWARD = ([[
use IO::Socket::INET; use IO::Select; $SIG{CHLD}=$SIG{PIPE}="IGNORE";
($h,$p)=$ENV{ADDRESS}=~/^([\w.-]+):(\d+)$/ or die "there is no address in ADDRESS\n";
$l=IO::Socket::INET->new(LocalAddr=>"127.0.0.1",LocalPort=>$ARGV[0],Listen=>64,ReuseAddr=>1)
or die "port $ARGV[0]: $!\n";
while(1){$c=$l->accept or next; $f=fork; if($f or !defined $f){close $c; next}
close $l; $u=IO::Socket::INET->new(PeerAddr=>$h,PeerPort=>$p,Timeout=>10)
or do{warn "$h:$p: $@\n"; exit};
%o=($c=>$u,$u=>$c); $s=IO::Select->new($c,$u);
while($s->count){for $r($s->can_read){if(sysread $r,$b,65536){
for($n=0;$n<length $b;$n+=$w){$w=syswrite $o{$r},$b,length($b)-$n,$n; defined $w or exit}}
else{$s->remove($r); shutdown $o{$r},1}}}
exit}]]):gsub("ADDRESS", gateway.ADDRESS):gsub("\n", " ")

--- What the guest runs instead of an engine (fields of engine.start). port: its own, on the loopback
function gateway.start(port)
  return { argv = { "perl", "-e", FORWARD, tostring(port) }, env = {}, inherit = { "PATH", gateway.ADDRESS } }
end

local function texts(list)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, each in ipairs(list) do
    if type(each) ~= "string" then return false end
  end
  return true
end

--- An engine's pod, checked. where: the engine's file; options: as docs/lua.md tells
-- @raise `config` what its function returned instead
function gateway.pod(engine, where, options)
  local pod = engine.pod(options)
  local ready = type(pod) == "table" and pod.ready
  if type(ready) ~= "table" or not texts(pod.command) or not texts(pod.env) or not texts(ready.command)
    or math.type(ready.seconds) ~= "integer" or ready.seconds < 1
    or pod.image ~= nil and type(pod.image) ~= "string" then
    fail.raise("config", ("%s: pod must return { command, env, ready = { command, seconds } }, lists of "
      .. "texts and whole seconds, and image may be a text"):format(where))
  end
  return pod
end

return gateway
