#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cross.sh DIR: the program built below DIR in other ways than `make` does it, and each of them tried: with
# the flags that people add, for 64-bit ARM (under qemu), and with musl. The guest is always for what rented
# machines are.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
mkdir -p "${1:?the directory to build in}"
dir=$(cd "$1" && pwd)
jobs=$(getconf _NPROCESSORS_ONLN)
quick="base_data base_task base_loader budget config facts folder offers policy"
export CONTINUEPLZ_HOME=$dir/home CONTINUEPLZ_SCRIPTS=$root/tests
unset CFLAGS VAST_API_KEY LAMBDA_API_KEY
failed=0

verdict() { # CODE NAME LOG
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2: $(tail -n 40 "$3" | sed 's/^/  /')"
        failed=1
    fi
}

# made NAME [FLAG...] : configures and builds the program in $dir/NAME; the environment's CFLAGS are taken
made() {
    local name=$1
    shift
    cmake -S . -B "$dir/$name" "$@" >"$dir/$name.log" 2>&1 &&
        cmake --build "$dir/$name" --parallel "$jobs" --target continueplz >>"$dir/$name.log" 2>&1
    verdict $? "$name: the program builds" "$dir/$name.log"
}

# says NAME PATTERN COMMAND... : it ends with 0 and prints what the pattern finds
says() {
    local name=$1 pattern=$2 code
    shift 2
    "$@" >"$dir/said" 2>&1 && grep -qE -e "$pattern" "$dir/said"
    code=$?
    verdict $code "$name" "$dir/said"
}

# tried NAME MACHINE [RUNNER...] : what was built is for that machine and does its work
tried() {
    local name=$1 machine=$2 test tests=() program=$dir/$1/continueplz
    shift 2
    says "$name: the program is for $machine" "Machine: +$machine" env LC_ALL=C readelf -h "$program"
    says "$name: the guest in it is for rented machines" 'Machine: +Advanced Micro Devices X86-64' env \
        LC_ALL=C readelf -h "$dir/$name/continueplz-guest"
    says "$name: --version" '^continueplz [0-9]' "$@" "$program" --version
    says "$name: --help" 'continueplz' "$@" "$program" --help
    says "$name: status" 'Money: none is running' "$@" "$program" status
    for test in $quick; do tests+=("tests/lua/test_$test.lua"); done
    says "$name: Lua tests, quick part" ' passed, 0 failed' "$@" "$program" tests/run.lua "${tests[@]}"
}

# Debian's headers and archives, without the headers of glibc that lie beside them.
with_musl() {
    local headers=$dir/musl-headers archives=/usr/lib/x86_64-linux-gnu
    mkdir -p "$headers"
    ln -sf /usr/include/{sodium*,bearssl*,lua5.4} \
        /usr/include/x86_64-linux-gnu/{curl,lua5.4-deb-multiarch.h} "$headers"
    made musl -DCMAKE_C_COMPILER=x86_64-linux-musl-gcc -DCMAKE_C_FLAGS="-isystem $headers" \
        -DLUA_INCLUDE="$headers/lua5.4" -DSODIUM_INCLUDE="$headers" -DCURL_INCLUDE="$headers" \
            -DBEARSSL_INCLUDE="$headers" \
        -DLUA_LIBRARY="$archives/liblua5.4.a" -DCJSON_LIBRARY="$archives/liblua5.4-cjson.a" \
            -DSODIUM_LIBRARY="$archives/libsodium.a" \
        -DBEARSSL_LIBRARY="$archives/libbearssl.a" \
            -DMORE_SOURCES="$root/tests/cross/fortify.c;$root/src/guest/fortify.c"
}

mkdir -p -m 700 "$CONTINUEPLZ_HOME"
x86='Advanced Micro Devices X86-64'
if [ "$(uname -m)" != x86_64 ]; then
    echo "skip - other flags, musl: this computer is $(uname -m), they are tried on x86_64"
else
    CFLAGS=-march=x86-64-v2 made x86-64-v2
    tried x86-64-v2 "$x86"
    CFLAGS=-O3 made O3
    tried O3 "$x86"
    with_musl
    tried musl "$x86"
fi
if vendor/bootstrap arm64 "$dir/arm64-packages" >"$dir/arm64-packages.log" 2>&1; then
    made arm64 -DCMAKE_TOOLCHAIN_FILE="$root/vendor/aarch64.cmake" -DPACKAGES="$dir/arm64-packages"
    tried arm64 AArch64 qemu-aarch64 -L /usr/aarch64-linux-gnu
else
    verdict 1 "arm64: the packages it is built with" "$dir/arm64-packages.log"
fi
exit $failed
