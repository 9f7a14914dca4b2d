#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The main job as a user does it, against the simulated cloud on loopback: offers, rent, ask, status, stop,
# and the cloud's own ledger.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
case ${BUILD:-build} in /*) bin=$BUILD/continueplz ;; *) bin=$root/${BUILD:-build}/continueplz ;; esac
model=${MODEL:-qwen3-coder:30b}
dir=$(mktemp -d "${TMPDIR:-/tmp}/cplz-demo.XXXXXX")
export CONTINUEPLZ_HOME=$dir/home HOME=$dir
unset VAST_API_KEY 2>/dev/null || true
mkdir -m 700 "$dir/home"

# A demo that was interrupted leaves an agent, too.
finish() {
    [ ! -s "$dir/home/agent.lock" ] || kill -9 "$(cat "$dir/home/agent.lock")" 2>/dev/null || true
    [ -z "${sim:-}" ] || kill "$sim" 2>/dev/null || true
    [ -z "${sim:-}" ] || wait "$sim" 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n\033[1m$ continueplz %s\033[0m\n' "$*" |
    if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
run() {
    say "$@"
    "$bin" "$@"
}

echo "Starting the simulated cloud on loopback (no real cloud is asked, no money is spent)."
CONTINUEPLZ_SCRIPTS=$root/tests CONTINUEPLZ_HOME=$dir/simhome "$bin" tests/cloudsim/main.lua \
    --dir="$dir/sim" --parent=$$ --scale=20 --key=demo-key-of-the-simulated-cloud >/dev/null \
    2>"$dir/sim.err" &
sim=$!
for _ in $(seq 200); do
    [ -s "$dir/sim/address.json" ] && break
    kill -0 "$sim" 2>/dev/null || break
    sleep 0.05
done
[ -s "$dir/sim/address.json" ] || { echo "demo: the simulated cloud did not start: $(cat "$dir/sim.err")" \
    >&2; exit 1; }
address() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$dir/sim/address.json"; }

umask 077
cat >"$dir/home/.env" <<ENV
VAST_API_KEY=demo-key-of-the-simulated-cloud
VAST_BASE_URL=$(address vast)
REGISTRY_URL=$(address registry)
TIME_SCALE=20
ENV

run offers --model="$model"
run --cheapest -y --model="$model"
say "examples/ask.lua 'Why is the sky blue?'"
"$bin" examples/ask.lua "Why is the sky blue?"
run status
run --stop
echo
echo "The simulated cloud's own ledger:"
CONTINUEPLZ_SCRIPTS=$root/tests "$bin" tests/ledger.lua "$(address control)"
echo
echo "Next, for a real machine:"
if [ "$(command -v continueplz)" != "$bin" ]; then echo \
    "  export PATH=\"${bin%/*}:\$PATH\"   # or: sudo make install"; fi
echo "  continueplz init                       # asks for a cloud's key and checks it"
echo "  continueplz --cheapest --model=$model   # asks once, with the sum"
