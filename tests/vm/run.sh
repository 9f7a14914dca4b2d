#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [PATTERN]: proves the delivery to virtual machines on real ones, see README.md. Prints one line per
# result and their sum.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/cplz-vm.XXXXXX")
trap 'rm -rf "$dir/home" "$dir/out"; rmdir "$dir" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM HUP
image=$(tests/vm/image.sh)
code=0
TMPDIR=$dir CONTINUEPLZ_SCRIPTS=$PWD/tests "${BUILD:-build}/continueplz" -C "$dir/home" tests/vm/run.lua \
    "$image" "$@" | tee "$dir/out" || code=$?
passed=$(grep -c '^ok - ' "$dir/out" || true)
failed=$(grep -c '^not ok - ' "$dir/out" || true)
echo "$passed passed, $failed failed"
[ "$code" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
