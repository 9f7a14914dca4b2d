#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest's control through a real tunnel. GUEST names another build of it (for example one with
# sanitizers).
cd "$(dirname "$0")" || exit 1
program=${BUILD:-../../build}/continueplz
guest=${GUEST:-$program-guest}
for tool in python3 openssl; do
    command -v $tool >/dev/null || { echo "skip - guest control: no $tool"; exit 0; }
done
[ -x "$program" ] && [ -x "$guest" ] || { echo "skip - guest control: no program and guest at $program"; \
    exit 0; }
exec env PYTHONDONTWRITEBYTECODE=1 python3 control.py "$(realpath "$guest")" "$(realpath "$program")"
