#!/bin/sh
# SPDX-License-Identifier: MIT
# The start script and the guest as plain processes beside a small cloud on loopback.
cd "$(dirname "$0")" || exit 1
program=${BUILD:-../../build}/continueplz
for tool in python3 openssl perl; do
    command -v $tool >/dev/null || { echo "skip - start script: no $tool"; exit 0; }
done
[ -x "$program" ] && [ -x "${program}-guest" ] ||
    { echo "skip - start script: no program with a guest at $program"; exit 0; }
exec env PYTHONDONTWRITEBYTECODE=1 python3 start.py "$(realpath "$program")"
