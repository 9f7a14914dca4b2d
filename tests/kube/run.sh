#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [compare|adapter]: builds and starts a real Kubernetes API server, see README.md. Prints one line
# per result and their sum.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
tests/kube/build.sh "$build/kube"
dir=$(mktemp -d "${TMPDIR:-/tmp}/cplz-kube.XXXXXX")
trap 'exit 130' INT TERM HUP
code=0
CONTINUEPLZ_SCRIPTS=$PWD/tests "$build/continueplz" -C "$dir/home" tests/kube/run.lua "$PWD/$build/kube/bin" \
    "$dir" ${1+"$1"} | tee "$dir/out" || code=$?
passed=$(grep -c '^ok - ' "$dir/out" || true)
failed=$(grep -c '^not ok - ' "$dir/out" || true)
echo "$passed passed, $failed failed"
if [ "$code" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then
    rm -rf "$dir"
else
    echo "kept: $dir"
    exit 1
fi
