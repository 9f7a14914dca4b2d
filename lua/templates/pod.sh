trap '' HUP INT TERM
work() {
  rm -f pid guest
  gzip -dc <guest.gz >guest; chmod 700 guest
  while :; do
    ./guest config & echo $! >pid; wait $!; rm -f pid; sleep 1
  done
}
work & W=$!
read t <t || t=0
while [ "$t" -lt {{last_resort:raw}} ]; do
  sleep 2; t=$((t+2))
  read p <pid && kill -0 "$p" && [ -s state/guard ] && t=0
  echo $t >t
done 2>/dev/null
kill -9 $W $(cat pid 2>/dev/null)
exit 1
