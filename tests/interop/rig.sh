# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced from the top of the tree: two network namespaces joined by a veth pair, and the tunnel ends that
# run in them. All of it goes at exit.
work=$(mktemp -d)
chmod 755 "$work"
id=$$
srv=cplz-s$id cli=cplz-c$id
pids=()
SRV_IP=198.18.0.1 CLI_IP=198.18.0.2 WG_SRV=10.13.37.1 WG_CLI=10.13.37.2

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    ip netns del "$srv" 2>/dev/null
    ip netns del "$cli" 2>/dev/null
    rm -rf "$work"
    rmdir /var/run/wireguard 2>/dev/null
}
trap cleanup EXIT
trap 'exit 1' INT TERM

missing() {
    [ "$(uname)" = Linux ] || { echo "not Linux"; return; }
    [ "$(id -u)" = 0 ] || { echo "needs root"; return; }
    [ -c /dev/net/tun ] || { echo "no /dev/net/tun"; return; }
    local tool
    for tool in ip wg wireguard-go setpriv nc; do command -v "$tool" >/dev/null ||
        { echo "$tool is not installed"; return; }; done
    ip netns add "$srv" 2>/dev/null || { echo "no network namespaces"; return; }
    ip netns exec "$srv" true 2>/dev/null || echo "a network namespace cannot be entered"
}

build() {
    local cc=${CC:-cc} flags="-std=c11 -O2 -D_GNU_SOURCE -Wall -Wextra -Isrc"
    # shellcheck disable=SC2086
    $cc $flags "tests/interop/tunnel_end.c" src/tunnel/*.c src/loop.c src/sys.c -lsodium -lm -o \
        "$work/tunnel_end" &&
        $cc $flags "tests/interop/relay.c" -o "$work/relay" &&
            $cc $flags "tests/interop/traffic.c" -o "$work/traffic" &&
                $cc $flags "tests/interop/delay.c" -o "$work/delay"
}

in_srv() { ip netns exec "$srv" "$@"; }
in_cli() { ip netns exec "$cli" "$@"; }
# start NAME COMMAND... : in the background, output in $work/NAME.log, pid in $last; stdin is a pipe at
# $work/NAME.in
start() {
    local name=$1
    shift
    rm -f "$work/$name.in"
    mkfifo -m 666 "$work/$name.in"
    : >"$work/$name.log"
    "$@" <>"$work/$name.in" >"$work/$name.log" 2>&1 &
    last=$!
    pids+=("$last")
}
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    local pid rest=()
    for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || rest+=("$pid"); done
    pids=("${rest[@]}")
}
# wait_for SECONDS COMMAND... : until it succeeds
wait_for() {
    local tries=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
logged() { grep -q "$2" "$work/$1.log"; }
command_to() { echo "$2" 1<>"$work/$1.in"; } # read and write: also when nobody listens any more
# status_of NAME FIELD : asks a tunnel_end
status_of() {
    local before after
    before=$(grep -c '^status' "$work/$1.log")
    command_to "$1" status
    for _ in $(seq 100); do
        after=$(grep -c '^status' "$work/$1.log")
        [ "$after" -gt "$before" ] && break
        sleep 0.02
    done
    grep '^status' "$work/$1.log" | tail -n 1 | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# The ends. Ours run as nobody.
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
our_client() { # NAME KEY EXTRA...
    local name=$1 key=$2
    shift 2
    start "$name" ip netns exec "$cli" "${as_nobody[@]}" "$work/tunnel_end" --key "$work/$key.key" \
        --peer "$(cat "$work/srv.pub")" --psk "$work/psk" --local "$WG_CLI" --remote "$WG_SRV" --keepalive \
            25 "$@"
    wait_for 5 logged "$name" ready
}
our_server() { # NAME EXTRA...
    local name=$1
    shift
    start "$name" ip netns exec "$srv" "${as_nobody[@]}" "$work/tunnel_end" --key "$work/srv.key" \
        --peer "$(cat "$work/cli.pub")" --psk "$work/psk" --local "$WG_SRV" --remote "$WG_CLI" --listen \
            51820 "$@"
    wait_for 5 logged "$name" ready
}
# go_end NETNS IFACE KEY OTHER OWN_IP OTHER_IP WG-SET...
go_end() {
    local ns=$1 iface=$2 key=$3 other=$4 own=$5 remote=$6
    shift 6
    start "$iface" env WG_PROCESS_FOREGROUND=1 ip netns exec "$ns" wireguard-go -f "$iface"
    wait_for 5 test -S "/var/run/wireguard/$iface.sock" || return 1
    wg set "$iface" private-key "$work/$key.key" "$@" peer "$(cat "$work/$other.pub")" preshared-key \
        "$work/psk" \
        allowed-ips "$remote/32" "${peer_options[@]}"
    ip -n "$ns" addr add "$own/24" dev "$iface"
    ip -n "$ns" link set "$iface" up
}

setup() {
    ip netns add "$cli"
    ip link add "cps$id" netns "$srv" type veth peer name "cpc$id" netns "$cli"
    ip -n "$srv" link set lo up
    ip -n "$cli" link set lo up
    ip -n "$srv" addr add $SRV_IP/24 dev "cps$id"
    ip -n "$cli" addr add $CLI_IP/24 dev "cpc$id"
    ip -n "$srv" link set "cps$id" up
    ip -n "$cli" link set "cpc$id" up
    (
        umask 077
        for name in srv cli other; do
            wg genkey >"$work/$name.key"
            wg pubkey <"$work/$name.key" >"$work/$name.pub"
        done
        wg genpsk >"$work/psk"
    )
    chmod 644 "$work"/*.key "$work/psk" # keys of this run only, read by the ends that run as nobody
}
