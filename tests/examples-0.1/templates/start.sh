# The built-in start script with one line more. Copy it to templates/start.sh in your folder (docs/overrides.md).
umask 077
trap '' HUP INT TERM
D="${HOME:-/root}/.continueplz-guest"
mkdir -p "$D" && cd "$D" || exit 1
export Q={{request:sh}} B={{body:sh}}
ask() { perl -e '$q=$ENV{Q}; $b=$ENV{B}; s/\$(?:\$|\{(\w+)\})/defined $1 ? $ENV{$1} : "\$"/ge for $q, $b; $q =~ s/\n/\r\n/g;
print $q, length $b ? "Content-Length: ".length($b)."\r\n" : "", "\r\n$b"'; }
fire() { {{fire:raw}}; }
work() {
  rm -f pid
  until [ "$(sha256sum 2>/dev/null <blob | head -c 64)" = {{sha256:raw}} ]; do
    perl -e 'use IO::Socket::INET; $SIG{PIPE} = "IGNORE";
$s = IO::Socket::INET->new(LocalPort => {{push_port:raw}}, Listen => 9, ReuseAddr => 1) or die "port: $!";
while (1) {
  $c = $s->accept or next;
  eval {
    local $SIG{ALRM} = sub { die }; alarm 60; $b = "";
    while (length $b < {{total:raw}}) { sysread $c, $b, {{total:raw}} - length $b, length $b or die }
    open F, ">", "new" or die; print F $b; close F or die;
    `sha256sum <new` =~ /^{{sha256:raw}}/ or die;
    rename "new", "blob" or die; syswrite $c, "ok\n"; exit
  };
  alarm 0; syswrite $c, "no\n"; close $c
}' &
    echo $! >pp; wait $!; rm -f pp; [ -s blob ] || sleep 1
  done
  rm -f guest
  head -c {{program:raw}} blob | gzip -dc >guest; chmod 700 guest
  tail -c +{{config_at:raw}} blob | head -c {{config:raw}} >config
  tail -c +{{ca_at:raw}} blob >ca.pem
  while :; do
    ./guest config & echo $! >pid; wait $!; rm -f pid; sleep 1
  done
}
work & W=$!
{ nvidia-smi; df -h /; } >about 2>&1 &
read t <t || t=0
while [ "$t" -lt {{last_resort:raw}} ]; do
  sleep 2; t=$((t+2))
  read p <pid && kill -0 "$p" && [ -s state/guard ] && t=0
  echo $t >t
done 2>/dev/null
kill -9 $W $(cat pp pid 2>/dev/null)
s={{retry:raw}}
while :; do
  fire; sleep $s
  [ $s -gt 30 ] || s=$((s*2))
done
