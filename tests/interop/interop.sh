#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The tunnel against Debian's wireguard-go and against itself, in network namespaces of its own. Needs root,
# /dev/net/tun, wireguard-go, wg, ip.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/interop/rig.sh
failed=0

ok() { echo "ok - $1"; }
bad() { echo "not ok - $1: $2"; failed=1; }
# expect NAME COMMAND... : the command prints a line that begins with "ok"
expect() {
    local name=$1 said
    shift
    said=$("$@" 2>&1)
    case $said in ok*) ok "$name" ;; *) bad "$name" "${said:-no output}" ;; esac
}

# The kernel's TCP behind wireguard-go, and ours in front.
client_against_go() {
    peer_options=()
    go_end "$srv" "cg$id" srv cli $WG_SRV $WG_CLI listen-port 51820 ||
        { bad "wireguard-go as server" "does not start"; return; }
    local go=$last
    start web ip netns exec "$srv" "$work/traffic" serve 0.0.0.0 11434
    local web=$last
    our_client end1 cli --endpoint $SRV_IP:51820 --forward 21434:11434 --forward 21435:1 --forward-unix \
        "$work/none/sock:11434"
    stop "$last" # the directory is not ours to write: it must have said so
    logged end1 "cannot listen" && ok "a socket path that cannot be made" ||
        bad "a socket path that cannot be made" "$(cat "$work/end1.log")"
    our_client end1 cli --endpoint $SRV_IP:51820 --forward 21434:11434 --forward 21435:1
    local end=$last
    expect "own client, wireguard-go server: 50 MB up" in_cli "$work/traffic" get 127.0.0.1 21434 50000000 \
        1000
    expect "own client, wireguard-go server: 50 MB down" in_cli "$work/traffic" get 127.0.0.1 21434 1000 \
        50000000
    expect "own client, wireguard-go server: both ways at once" in_cli "$work/traffic" get 127.0.0.1 21434 \
        20000000 20000000
    expect "own client, wireguard-go server: slow reader" in_cli "$work/traffic" get 127.0.0.1 21434 10 \
        8000000 slow 1
    expect "own client, wireguard-go server: 100 at once" in_cli "$work/traffic" get 127.0.0.1 21434 50000 \
        100000 at-once 100
    expect "own client, wireguard-go server: 10000 in a row" in_cli "$work/traffic" get 127.0.0.1 21434 100 \
        100 count 10000
    expect "own client, wireguard-go server: refused" in_cli "$work/traffic" refused 127.0.0.1 21435
    stop "$go" # the server restarts without memory of any session
    wait_for 5 test ! -S "/var/run/wireguard/cg$id.sock"
    go_end "$srv" "cg$id" srv cli $WG_SRV $WG_CLI listen-port 51820
    go=$last
    expect "wireguard-go restarts: a new handshake" in_cli "$work/traffic" get 127.0.0.1 21434 100000 100000
    stop "$end"
    stop "$web"
    stop "$go"
}

# The kernel's TCP in front, and ours behind with an allow list.
go_against_server() {
    peer_options=(endpoint $SRV_IP:51820 persistent-keepalive 25)
    start web ip netns exec "$srv" "$work/traffic" serve 127.0.0.1 11434
    local web=$last
    our_server end2 --expose 11434:11434 --expose 11435:1 --echo 7
    local end=$last
    go_end "$cli" "cg$id" cli srv $WG_CLI $WG_SRV ||
        { bad "wireguard-go as client" "does not start"; return; }
    local go=$last
    expect "wireguard-go client, own server: 50 MB up" in_cli "$work/traffic" get $WG_SRV 11434 50000000 1000
    expect "wireguard-go client, own server: 50 MB down" in_cli "$work/traffic" get $WG_SRV 11434 1000 \
        50000000
    expect "wireguard-go client, own server: both ways at once" in_cli "$work/traffic" get $WG_SRV 11434 \
        20000000 20000000
    expect "wireguard-go client, own server: slow reader" in_cli "$work/traffic" get $WG_SRV 11434 10 \
        8000000 slow 1
    expect "wireguard-go client, own server: 100 at once" in_cli "$work/traffic" get $WG_SRV 11434 50000 \
        100000 at-once 100
    expect "wireguard-go client, own server: 10000 in a row" in_cli "$work/traffic" get $WG_SRV 11434 100 \
        100 count 10000
    expect "a port that is exposed but dead refuses" in_cli "$work/traffic" refused $WG_SRV 11435
    expect "a port that is not exposed refuses" in_cli "$work/traffic" refused $WG_SRV 22
    local back
    back=$(printf 'hello' | timeout 5 ip netns exec "$cli" nc -N $WG_SRV 7)
    [ "$back" = hello ] && ok "a port served inside the process echoes" ||
        bad "a port served inside the process echoes" "got '$back'"
    # A second inner address on the client: its packets carry a source that the server does not allow.
    ip -n "$cli" addr add 10.13.37.9/24 dev "cg$id"
    local before after
    before=$(status_of end2 dropped)
    back=$(printf 'hello' | timeout 2 ip netns exec "$cli" nc -N -s 10.13.37.9 $WG_SRV 7)
    after=$(status_of end2 dropped)
    [ -z "$back" ] && [ "$after" -gt "$before" ] && ok "a wrong inner source is dropped" ||
        bad "a wrong inner source is dropped" "'$back' $before $after"
    # Our end restarts: the client does not know, and finds out by itself (15 s).
    stop "$end"
    our_server end2 --expose 11434:11434
    end=$last
    expect "own server restarts: a new handshake" in_cli "$work/traffic" get $WG_SRV 11434 100000 100000
    # The client's outer address changes: the server follows.
    ip -n "$cli" addr del $CLI_IP/24 dev "cpc$id"
    ip -n "$cli" addr add 198.18.0.3/24 dev "cpc$id"
    expect "the client's outer address changes" in_cli "$work/traffic" get $WG_SRV 11434 100000 5000000
    case $(status_of end2 endpoint) in 198.18.0.3:*) ok "the server follows it" ;; *) bad \
        "the server follows it" "$(status_of end2 endpoint)" ;; esac
    ip -n "$cli" addr del 198.18.0.3/24 dev "cpc$id"
    ip -n "$cli" addr add $CLI_IP/24 dev "cpc$id"
    stop "$go"
    stop "$end"
    stop "$web"
}

own_against_own() {
    start web ip netns exec "$srv" "$work/traffic" serve 127.0.0.1 11434
    local web=$last
    our_server end3 --expose 11434:11434
    local server=$last
    mkdir -m 777 "$work/sock"
    our_client end4 cli --endpoint $SRV_IP:51820 --forward 21434:11434 --forward-unix "$work/sock/s:11434"
    local end=$last
    expect "own against own: 50 MB each way" in_cli "$work/traffic" get 127.0.0.1 21434 50000000 50000000
    expect "own against own: unix socket" in_cli "$work/traffic" get 127.0.0.1 1 1000000 1000000 unix \
        "$work/sock/s"
    expect "own against own: 100 at once" in_cli "$work/traffic" get 127.0.0.1 21434 50000 100000 at-once 100
    expect "own against own: 10000 in a row" in_cli "$work/traffic" get 127.0.0.1 21434 100 100 count 10000
    expect "own against own: slow reader" in_cli "$work/traffic" get 127.0.0.1 21434 10 8000000 slow 1
    [ "$(status_of end4 flows)" = 0 ] && [ "$(status_of end3 flows)" = 0 ] &&
        ok "own against own: no flow is left" ||
        bad "own against own: no flow is left" "$(status_of end4 flows) and $(status_of end3 flows)"
    stop "$end"
    our_client end5 other --endpoint $SRV_IP:51820
    end=$last
    sleep 1
    [ "$(status_of end5 rx)" = 0 ] && [ "$(status_of end5 tx)" -ge 148 ] && ok "a wrong key gets silence" ||
        bad "a wrong key gets silence" "$(status_of end5 rx) bytes"
    stop "$end"
    stop "$server"
    stop "$web"
}

# relayed NAME RELAY-OPTIONS... : our client reaches whatever listens at the server through a relay in the
# client's namespace
relayed() {
    start relay ip netns exec "$cli" "$work/relay" 41000 $SRV_IP:51820 "$@"
    relay=$last
    wait_for 5 logged relay ready
    our_client end6 cli --endpoint 127.0.0.1:41000 --forward 21434:11434
    client=$last
}
unrelay() {
    stop "$client"
    stop "$relay"
}

bad_networks() { # KIND LISTEN: the server is up already
    local kind=$1
    relayed delay 10
    expect "$kind, 20 ms away: 20 MB each way" in_cli "$work/traffic" get 127.0.0.1 21434 20000000 20000000
    (sleep 0.2; kill -USR1 "$relay") & # the shell's child execs ip, which execs the relay: one pid
    expect "$kind: the client's port changes in between" in_cli "$work/traffic" get 127.0.0.1 21434 30000000 \
        30000000
    unrelay
    relayed loss 200 seed 1
    expect "$kind, 2 % lost: 5 MB each way" in_cli "$work/traffic" get 127.0.0.1 21434 5000000 5000000
    unrelay
    relayed reorder 2000 copy 500 seed 2
    expect "$kind, 20 % reordered, 5 % copied: 20 MB each way" in_cli "$work/traffic" get 127.0.0.1 21434 \
        20000000 20000000
    unrelay
    relayed corrupt 100 delay 2 seed 3
    expect "$kind, 1 % corrupted: 5 MB each way" in_cli "$work/traffic" get 127.0.0.1 21434 5000000 5000000
    unrelay
    relayed loss 500 copy 300 reorder 3000 corrupt 50 delay 5 seed 4
    expect "$kind, everything at once: 50 connections" in_cli "$work/traffic" get 127.0.0.1 21434 20000 \
        50000 at-once 50
    unrelay
}

why=$(missing)
if [ -n "$why" ]; then
    echo "skip - WireGuard interop in namespaces: $why"
    exit 0
fi
if ! build >"$work/build.log" 2>&1; then
    bad "the programs of the interop tests build" "$(tail -n 3 "$work/build.log" | tr '\n' ' ')"
    exit 1
fi
setup
client_against_go
go_against_server
own_against_own
start web ip netns exec "$srv" "$work/traffic" serve 0.0.0.0 11434
our_server end7 --expose 11434:11434
server=$last
bad_networks "own server"
stop "$server"
peer_options=()
go_end "$srv" "cg$id" srv cli $WG_SRV $WG_CLI listen-port 51820
bad_networks "wireguard-go server"
exit $failed
