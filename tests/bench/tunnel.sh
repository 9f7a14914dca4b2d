#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The tunnel beside a pair of wireguard-go, in the same run on the same veth pair: throughput of one stream
# each way, latency of one byte, private memory of both ends after the load; directly, and with 50 ms of
# round trip added by a relay (25 ms each way).
#   ours          client program -> 127.0.0.1 -> own end -> UDP -> own end -> 127.0.0.1 -> server program;
#     both ends unprivileged
#   wireguard-go  client program -> interface -> UDP -> interface -> server program; the kernel's TCP, needs
#     root
# Then the carriers: ours over TCP, ours over UDP and wireguard-go, all three by the same path, which is the
# veth pair, or two tun devices whose packets, of whatever kind, are handed on 25 ms later. Every figure is
# the middle one of three; a ratio above 1 says that ours is better, that of the carriers that TCP is. Usage:
# tests/bench/tunnel.sh [MEGABYTES [RUNS]]
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/interop/rig.sh
megabytes=${1:-400}
runs=${2:-3}
SRV_PATH=198.19.0.1 CLI_PATH=198.19.0.2

# middle COLUMN COMMAND... : the middle value of that column of "ok A B C" over the runs
middle() {
    local column=$1 n
    shift
    for n in $(seq "$runs"); do in_cli "$@" | awk -v c="$column" '$1 == "ok" { print $c }'; done | sort -n |
        awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : 0 }'
}
private() { awk '/^Private/ { sum += $2 } END { print sum }' "/proc/$1/smaps_rollup"; }

# measure LABEL IP PORT MEGABYTES : sets m_up m_down m_p50 m_p99
measure() {
    local bytes=$(($4 * 1000000))
    m_up=$(middle 4 "$work/traffic" get "$2" "$3" $bytes 1 raw 1)
    m_down=$(middle 4 "$work/traffic" get "$2" "$3" 1 $bytes raw 1)
    m_p50=$(middle 2 "$work/traffic" echo "$2" "$3" "$5")
    m_p99=$(middle 3 "$work/traffic" echo "$2" "$3" "$5")
}
line() { # NAME UNIT OURS THEIRS GREATER-IS-BETTER
    awk -v n="$1" -v u="$2" -v a="$3" -v b="$4" -v g="$5" 'BEGIN {
        r = g ? (b ? a / b : 0) : (a ? b / a : 0)
        printf "%-34s %10.0f %10.0f %-7s %6.2f\n", n, a, b, u, r }'
}

pair_ours() { # ENDPOINT
    our_server bsrv --expose 11434:11434
    far=$last
    our_client bcli cli --endpoint "$1" --forward 21434:11434
    near=$last
}
pair_go() { # ENDPOINT
    peer_options=()
    go_end "$srv" "cgs$id" srv cli $WG_SRV $WG_CLI listen-port 51820
    far=$last
    peer_options=(endpoint "$1" persistent-keepalive 25)
    go_end "$cli" "cgc$id" cli srv $WG_CLI $WG_SRV
    near=$last
}

# compare TITLE ENDPOINT MEGABYTES ECHOES
compare() {
    echo "$1"
    pair_ours "$2"
    measure ours 127.0.0.1 21434 "$3" "$4"
    local up=$m_up down=$m_down p50=$m_p50 p99=$m_p99 near_kb far_kb
    sleep 2 # idle: buffers are given back
    near_kb=$(private "$near") far_kb=$(private "$far")
    stop "$near"
    stop "$far"
    pair_go "$2"
    measure wireguard-go $WG_SRV 11434 "$3" "$4"
    sleep 2
    line "  one stream, client to server" Mbit/s "$up" "$m_up" 1
    line "  one stream, server to client" Mbit/s "$down" "$m_down" 1
    line "  echo of one byte, median" us "$p50" "$m_p50" 0
    line "  echo of one byte, 99 %" us "$p99" "$m_p99" 0
    line "  private memory, client end" KiB "$near_kb" "$(private "$near")" 0
    line "  private memory, server end" KiB "$far_kb" "$(private "$far")" 0
    stop "$near"
    stop "$far"
}

# row NAME UNIT TCP UDP WG-GO GREATER-IS-BETTER TARGET: the least that TCP is of UDP, or 0: no target
row() {
    awk -v n="$1" -v u="$2" -v t="$3" -v d="$4" -v w="$5" -v g="$6" -v least="$7" 'BEGIN {
        r = g ? (d ? t / d : 0) : (t ? d / t : 0)
        met = least ? (r >= least ? "met" : "MISSED") : ""
        printf "%-34s %8.0f %8.0f %8.0f %-7s %6.2f  %s\n", n, t, d, w, u, r, met }'
}

# carriers TITLE SERVER-IP MEGABYTES ECHOES
carriers() {
    echo "$1"
    our_server bsrv --listen-tcp 51821 --expose 11434:11434
    far=$last
    local how t_up t_down t_p50 t_p99 d_up d_down d_p50 d_p99
    for how in endpoint-tcp=$2:51821 endpoint=$2:51820; do
        our_client bcli cli "--${how%=*}" "${how#*=}" --forward 21434:11434
        near=$last
        t_up=${d_up:-} t_down=${d_down:-} t_p50=${d_p50:-} t_p99=${d_p99:-}
        measure ours 127.0.0.1 21434 "$3" "$4"
        d_up=$m_up d_down=$m_down d_p50=$m_p50 d_p99=$m_p99
        stop "$near"
    done
    stop "$far"
    pair_go "$2:51820"
    measure wireguard-go $WG_SRV 11434 "$3" "$4"
    stop "$near"
    stop "$far"
    row "  one stream, client to server" Mbit/s "$t_up" "$d_up" "$m_up" 1 0.8
    row "  one stream, server to client" Mbit/s "$t_down" "$d_down" "$m_down" 1 0.8
    row "  echo of one byte, median" us "$t_p50" "$d_p50" "$m_p50" 0 0
    row "  echo of one byte, 99 %" us "$t_p99" "$d_p99" "$m_p99" 0 0
}

why=$(missing)
if [ -n "$why" ]; then
    echo "skip - tunnel bench: $why"
    exit 0
fi
build || exit 1
setup
start web ip netns exec "$srv" "$work/traffic" serve 0.0.0.0 11434
wait_for 5 logged web ready
printf '%-34s %10s %10s %-7s %6s\n' "tunnel ($runs runs, $(nproc) CPUs shared by all)" ours wg-go "" ratio
compare "direct ($megabytes MB per run)" $SRV_IP:51820 "$megabytes" 3000
start relay ip netns exec "$cli" "$work/relay" 41000 $SRV_IP:51820 delay 25
relay=$last
wait_for 5 logged relay ready
compare "50 ms round trip added ($((megabytes / 2)) MB per run)" 127.0.0.1:41000 $((megabytes / 2)) 40
stop "$relay"

printf '%-34s %8s %8s %8s %-7s %6s  %s\n' "carriers" TCP UDP wg-go "" "" "0.8 of UDP"
carriers "direct ($megabytes MB per run)" $SRV_IP "$megabytes" 3000
start delay "$work/delay" 25 "$srv" "$cli"
delay=$last
wait_for 5 logged delay ready
ip -n "$srv" addr add $SRV_PATH peer $CLI_PATH dev path
ip -n "$cli" addr add $CLI_PATH peer $SRV_PATH dev path
for ns in "$srv" "$cli"; do ip -n "$ns" link set path txqueuelen 10000 up; done
carriers "50 ms round trip of every packet ($((megabytes / 2)) MB per run)" $SRV_PATH $((megabytes / 2)) 40
stop "$delay"
sed 's/^/  the path: /' "$work/delay.log" | tail -n 1
