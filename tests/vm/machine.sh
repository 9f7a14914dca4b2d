#!/bin/sh
# SPDX-License-Identifier: MIT
# machine.sh IMAGE DIR: is one machine of the simulated Lambda (tests/cloudsim/README.md, --vm-command):
# QEMU with the disk of image.sh and the user data in DIR, by pure emulation. The UDP port that the firewall
# opens is the machine's, and so is, for the test, the TCP port of the same number: the machine's shell.
set -eu
image=$1 dir=$2
tests=$(cd "$(dirname "$0")/.." && pwd)
port=$(sed -n 's/^udp \([0-9]*\) .*/\1/p' "$dir/firewall" | head -n 1)
[ -n "$port" ] || { echo "machine.sh: the firewall opens no UDP port" >&2; exit 1; }
# shellcheck disable=SC1091 # made by the simulator
. "$dir/surroundings"

if [ ! -e "$dir/disk" ]; then
    seed=$dir/seed
    mkdir -p "$seed/tests"
    cp "$dir/user-data" "$seed/user-data"
    printf 'instance-id: %s\nlocal-hostname: %s\n' "$CLOUDSIM_INSTANCE" "$CLOUDSIM_HOSTNAME" \
        >"$seed/meta-data"
    cp -R "$tests/cloudsim" "$seed/tests/cloudsim" # the Ollama of its archive
    cp "$CLOUDSIM_BIN" "$seed/continueplz"
    {
        cat "$dir/surroundings"
        echo 'CLOUDSIM_BIN=/media/continueplz CONTINUEPLZ_SCRIPTS=/media/tests' \
            'CLOUDSIM_FILES=/media/tests/cloudsim CLOUDSIM_HOME=/root'
    } >"$seed/surroundings"
    grep -o '127\.0\.0\.1:[0-9]*' "$dir/addresses.json" | cut -d : -f 2 | sort -u >"$seed/ports"
    genisoimage -quiet -V cidata -J -r -o "$dir/seed.iso" "$seed"
    qemu-img create -q -f qcow2 -F raw -b "$image/disk" "$dir/disk"
fi
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -machine q35 -m 1024 -display none -monitor \
    none -serial stdio \
    -kernel "$image/kernel" -initrd "$image/initrd" -append "console=ttyS0 root=/dev/vda ro quiet" \
    -drive "file=$dir/disk,if=virtio,format=qcow2,cache=unsafe" -drive \
        "file=$dir/seed.iso,if=virtio,format=raw,readonly=on" \
    -device virtio-rng-pci \
    -nic "user,model=virtio-net-pci,hostfwd=udp:127.0.0.1:$port-:$port,hostfwd=tcp:127.0.0.1:$port-:2222"
