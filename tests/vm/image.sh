#!/bin/sh
# SPDX-License-Identifier: MIT
# image.sh: makes the virtual machine's disk, kernel and initial ram disk (Debian 12) once, from packages of
# this computer's own apt sources, and prints the directory they lie in. It is below VM_CACHE (default
# ~/.cache/continueplz-vm), named after what it is made of.
set -eu
unset TMPDIR # a directory of this computer alone
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
suite=bookworm
packages='systemd systemd-sysv dbus udev kmod netbase iproute2 ifupdown isc-dhcp-client procps
    ca-certificates curl zstd python3 locales
libcurl4 openssh-server cloud-init linux-image-cloud-amd64'

fail() {
    echo "vm: $1" >&2
    exit 1
}

cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/continueplz-vm}
key=$(cd "$here" && find image.sh root -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-16)
made=$cache/$key
if [ -s "$made/disk" ]; then
    echo "$made"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "making the machine's disk needs root (debootstrap): run 'make vm' once as root"
mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' | sed \
    -n "s/^$suite main //p" | head -n 1)
[ -n "$mirror" ] || fail "the apt sources of this computer have no Debian $suite"

mkdir -p "$cache"
work=$(mktemp -d "$cache/making.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
echo "vm: making a Debian machine in $made (once; some minutes)" >&2
{
    debootstrap --variant=minbase "$suite" "$root" "$mirror"
    # no service starts while packages are installed
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    # shellcheck disable=SC2086 # a list of words
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
} >"$cache/log" 2>&1 </dev/null || fail "the packages could not be installed: see $cache/log"
rm -rf "$root/usr/sbin/policy-rc.d" "$root/var/cache/apt" "$root/var/lib/apt/lists" "$root/etc/machine-id" \
    "$root/etc/resolv.conf"
mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
: >"$root/etc/apt/sources.list" # the machine reaches nothing but the simulator
: >"$root/etc/machine-id"
cp -R "$here/root/." "$root/"
chown -R 0:0 "$root/etc/fstab" "$root/etc/cloud/cloud.cfg.d" "$root/etc/systemd/system" "$root/usr/local"
chmod 755 "$root/usr/local/sbin/"*
for unit in probe.socket simulator.service; do
    chroot "$root" systemctl -q enable "$unit"
done
cp "$root"/boot/vmlinuz-* "$work/kernel"
cp "$root"/boot/initrd.img-* "$work/initrd"
mke2fs -q -t ext4 -L root -d "$root" "$work/disk" 3G >&2 # it speaks on standard output
rm -rf "$root"
chmod 755 "$work"
# somebody else may have been quicker
mv -T "$work" "$made" 2>/dev/null || [ -s "$made/disk" ] || fail "$made cannot be made"
echo "$made"
