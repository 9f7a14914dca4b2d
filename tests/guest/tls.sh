#!/bin/sh
# SPDX-License-Identifier: MIT
# TLS of the guest against faces made with openssl. GUEST names another build of it (for example one with
# sanitizers).
cd "$(dirname "$0")" || exit 1
guest=${GUEST:-${BUILD:-../../build}/continueplz-guest}
for tool in python3 openssl; do
    command -v $tool >/dev/null || { echo "skip - guest TLS: no $tool"; exit 0; }
done
[ -x "$guest" ] || { echo "skip - guest TLS: no guest at $guest"; exit 0; }
exec env PYTHONDONTWRITEBYTECODE=1 python3 tls.py "$(realpath "$guest")"
