#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest ends its machine, and its twins, however the cloud answers. GUEST names another build of it.
cd "$(dirname "$0")" || exit 1
guest=${GUEST:-${BUILD:-../../build}/continueplz-guest}
command -v python3 >/dev/null || { echo "skip - guest ending: no python3"; exit 0; }
[ -x "$guest" ] || { echo "skip - guest ending: no guest at $guest"; exit 0; }
exec env PYTHONDONTWRITEBYTECODE=1 python3 ending.py "$(realpath "$guest")"
