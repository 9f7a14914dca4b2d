#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# WITHOUT_TUNNEL=1 leaves out the comparison of tunnels, ROUNDS=N sets the rounds of the starts. The figures
# of continueplz beside their targets, all measured in this run. Ends with 0 also when a target is missed;
# the table says so.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
build=$(realpath "$build")
bin=$build/continueplz
rounds=${ROUNDS:-300}
dir=$(mktemp -d "${TMPDIR:-/tmp}/cplz-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
export CONTINUEPLZ_HOME=$dir/home HOME=$dir
unset VAST_API_KEY CONTINUEPLZ_SCRIPTS 2>/dev/null || true
mkdir -m 700 "$dir/home" "$dir/simhome" "$dir/used"

# row NAME MEASURED UNIT TARGET TEXT: one line of the table; MEASURED must not be above TARGET
row() {
    awk -v name="$1" -v value="$2" -v unit="$3" -v target="$4" -v text="$5" 'BEGIN {
        met = value <= target ? "met" : "MISSED"
        printf "%-44s %9.2f %-5s target %7.2f   %-7s %s\n", name, value, unit, target, met, text }'
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { print a / b }'; }

echo "Start of the program: $rounds rounds of posix_spawn to exit, the commands taking turns, output to" \
    "/dev/null; medians."
job=$dir/job
if ! CONTINUEPLZ_SCRIPTS=$PWD/tests "$bin" -C "$dir/simhome" tests/bench/job.lua "$dir/used" >"$job" \
    2>"$dir/job.err"; then
    cat "$job" "$dir/job.err"
    echo "the main job did not run; its figures are missing"
fi
figure() { awk -v name="$1" '$1 == name { print $2 }' "$job"; }
cp -a "$dir/used" "$dir/years"
years=$(CONTINUEPLZ_SCRIPTS=$PWD/tests "$bin" -C "$dir/simhome" tests/bench/years.lua "$dir/years") ||
    echo "ten years of history could not be made: $years"
"$build/bench_start" "$rounds" wg --version -- "$bin" --version -- "$bin" --help -- "$bin" -C "$dir/home" \
    status \
    -- "$bin" -C "$dir/used" status -- "$bin" -C "$dir/years" status -- "$bin" -C "$dir/years" status \
        --output=json \
    -- "$bin" -C "$dir/years" config get MAX_PRICE -- "$bin" -C "$dir/years" stop >"$dir/start"
median() { sed -n "$1p" "$dir/start" | cut -d ' ' -f 1; }
wg=$(median 1)
echo "Ten years of history are two sessions each working day: $years."
n=2
for name in --version --help "status, empty home" "status, home with a key and a journal" \
    "status, ten years"; do
    row "$name" "$(ratio "$(median $n)" 1000)" ms 3 "$(ratio "$(median $n)" "$wg") of wg --version"
    n=$((n + 1))
done
for name in "status --output=json, ten years" "config get, ten years" "stop at rest, ten years"; do
    echo "  $name: $(ratio "$(median $n)" 1000) ms, $(ratio "$(median $n)" "$wg") of wg --version (no target)"
    n=$((n + 1))
done

echo
echo "Size: the program after strip, with the guest in it."
strip -o "$dir/stripped" "$bin"
row "binary" "$(ratio "$(stat -c %s "$dir/stripped")" 1048576)" MiB 1.907 \
    "$(stat -c %s "$dir/stripped") bytes; 2 MB is 2000000"

echo
echo "Prices (tests/bench/prices.lua): offers over all clouds that can be rented from, every answer of" \
    "theirs 300 ms late, beside the slowest of them asked alone; the others' lines with that one dead," \
    "beside the same with it alive; medians of 9, the ways taking turns. 10,000 offers of Vast's from a" \
    "file, parsed, ranked and shown by tests/bench/many.lua, beside jq length of that file: CPU seconds," \
    "medians of 5; most memory."
prices=$dir/prices
if CONTINUEPLZ_SCRIPTS=$PWD/tests "$bin" -C "$dir/simhome" tests/bench/prices.lua >"$prices" \
    2>"$prices.err"; then
    price() { awk -v name="$1" '$1 == name { print $2 }' "$prices"; }
    row "offers, all clouds at once" "$(ratio "$(price all)" "$(price slowest)")" x 1.05 \
        "$(price clouds) clouds in $(price all) s, the slowest alone $(price slowest) s"
    for kind in refused silent; do
        row "the others' lines, one cloud dead ($kind)" \
            "$(ratio "$(price beside_$kind)" "$(price alive_$kind)")" x 1.05 \
            "$(price beside_$kind) s, alive $(price alive_$kind) s"
    done
    if [ -n "$(price many_own)" ]; then
        row "10,000 offers beside jq length" "$(ratio "$(price many_own)" "$(price many_jq)")" x 0.2 \
            "$(price many_own) s, jq $(price many_jq) s; $(price many_bytes) bytes"
        row "10,000 offers, memory" "$(ratio "$(price many_kib)" 1024)" MiB 60 \
            "jq $(ratio "$(price many_jq_kib)" 1024) MiB"
    else
        echo "  10,000 offers were not measured: that needs jq and /usr/bin/time"
    fi
else
    cat "$prices.err"
    echo "the price list did not run; its figures are missing"
fi

if [ -s "$build/check.seconds" ]; then
    echo
    echo "The last make check of this tree that had no failure, builds included."
    row "make check" "$(cat "$build/check.seconds")" s 720 ""
fi

[ -n "$(figure ready_own)" ] || exit 0
echo
echo "The main job (tests/bench/job.lua): the simulator's delays are divided by 10000, so that all time is" \
    "counted as ours, its own work too; median of 7."
row "start to READY" "$(figure ready_own)" s 1 \
    "our pauses divided by 100; with whole pauses $(figure ready_paced) s"
echo "  seconds to each record of the journal since the one before: $(awk \
    '/^phase_own_/ { sub("phase_own_", ""); printf "%s %.2f  ", $1, $2 }' "$job")"
[ -z "$(figure key_ready)" ] || row "a key to READY: init, then up" \
    "$(ratio "$(figure key_ready)" "$(figure ready_own)")" x 1.5 \
    "$(figure key_ready) s, of which init $(figure key_init) s; as a ratio to start to READY"
if [ -n "$(figure seen_bytes)" ]; then
    row "a start on a terminal of 80x24, printed" "$(ratio "$(figure seen_bytes)" "$(figure plain_bytes)")" \
        x 4 \
        "$(figure seen_bytes) bytes in $(figure seen_seconds) s; without a terminal $(figure \
            plain_bytes) bytes"
fi
row "--stop to the terminate request" "$(ratio "$(figure wire_own)" "$(figure start_own)")" x 3 \
    "$(figure wire_own) s; --version, run in the same loop half a second before: $(figure start_own) s"
echo "  --stop until billing is proven ended: $(figure stopped_own) s; with whole pauses $(figure \
    stopped_paced) s (no target)"
echo
echo "Agent: private memory (smaps_rollup, Private_Clean + Private_Dirty) when ready, and after 1000" \
    "requests through the tunnel, each a connection of its own."
row "agent, ready" "$(ratio "$(figure agent_ready)" 1024)" MiB 6 ""
row "agent, after 1000 requests" "$(ratio "$(figure agent_used)" 1024)" MiB 6 \
    "a request took $(figure request) s"

if [ -z "${WITHOUT_TUNNEL:-}" ] && [ -x tests/bench/tunnel.sh ]; then
    echo
    BUILD=$build tests/bench/tunnel.sh || echo "the comparison of tunnels did not run"
fi
