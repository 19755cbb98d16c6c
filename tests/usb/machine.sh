#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs a command as root in a throw-away machine that has USB: a Debian kernel in QEMU, without
# hardware help. Its files are this machine's, read only, with a layer above them that is gone with
# it; so every program, library and test binary is there without being copied.
#
#   machine.sh COMMAND [ARGUMENT]...        exits as the command does
#
# PAYHAL_MACHINE names a folder for the kernel, which is fetched with apt-get once.
set -euo pipefail

readonly keep="${PAYHAL_MACHINE:?names a folder to keep the kernel in}"
# A kernel under emulation takes seconds; a test that hangs must not hang this.
readonly seconds=300
# What the kernel needs before it has its files, and what makes USB devices.
readonly boot_modules="virtio_pci 9pnet_virtio 9p overlay"
readonly usb_modules="vhci_hcd cdc_acm"

fetch_kernel() {
  [ -e "$keep/ready" ] && return
  mkdir -p "$keep"
  rm -rf "${keep:?}"/*
  local package
  package="$(apt-cache depends linux-image-amd64 | sed -n 's/ *Depends: \(linux-image-[0-9][^ ]*\)/\1/p' | head -n 1)"
  [ -n "$package" ] || { echo "no linux-image is known: run apt-get update" >&2; exit 1; }
  (cd "$keep" && apt-get download -qq "$package" 2>/dev/null)
  dpkg-deb --extract "$keep"/linux-image-*.deb "$keep/kernel"
  rm "$keep"/linux-image-*.deb
  depmod --basedir "$keep/kernel" "$(ls "$keep/kernel/lib/modules")"
  touch "$keep/ready"
}

modules() { # what has to be loaded for these, in order
  local name
  for name in "$@"; do
    modprobe --dirname "$keep/kernel" --set-version "$version" --show-depends "$name"
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

fetch_kernel
version="$(ls "$keep/kernel/lib/modules")"
readonly version
work="$(mktemp --directory)"
readonly work
trap 'rm -rf "$work"' EXIT

# The first files of the machine: one program, its modules, and what it runs.
mkdir -p "$work"/first/{bin,files,below,above,modules} "$work/shared"
cp "$(command -v busybox)" "$work/first/bin/busybox"
: >"$work/first/modules/order"
for file in $(modules $boot_modules $usb_modules); do
  cp "$file" "$work/first/modules/"
  basename "$file" >>"$work/first/modules/order"
done
cat >"$work/first/init" <<'INIT'
#!/bin/busybox sh
box=/bin/busybox
$box mkdir -p /proc /sys /dev
$box mount -t proc none /proc
$box mount -t sysfs none /sys
$box mount -t devtmpfs none /dev
while read -r module; do $box insmod "/modules/$module"; done </modules/order
nine=trans=virtio,version=9p2000.L,msize=512000
$box mount -t 9p -o "$nine,ro,cache=loose" files /below
$box mount -t tmpfs none /above
$box mkdir /above/changed /above/work
$box mount -t overlay -o lowerdir=/below,upperdir=/above/changed,workdir=/above/work none /files
$box mount --move /dev /files/dev
$box mkdir -p /files/dev/pts /files/dev/shm
$box mount -t devpts none /files/dev/pts
$box mount -t tmpfs none /files/dev/shm
$box mount -t tmpfs none /files/run
$box mount -t proc none /files/proc
$box mount -t sysfs none /files/sys
$box mount -t 9p -o "$nine" shared /files/mnt
$box ip link set lo up
$box chroot /files /bin/bash /mnt/command
echo $? >/files/mnt/status
$box sync
$box poweroff -f
INIT
chmod +x "$work/first/init"
(cd "$work/first" && find . | cpio --create --format=newc --quiet) >"$work/first.cpio"

{
  declare -x PATH HOME="${HOME:-/root}"
  export -p | grep -E '^declare -x (PATH|HOME|RUST_BACKTRACE|PAYHAL_[A-Z_]*)='
  printf 'cd %q\nexec' "$PWD"
  printf ' %q' "$@"
  printf '\n'
} >"$work/shared/command"

share() { # name, folder, further options
  printf 'local,path=%s,mount_tag=%s,security_model=none,multidevs=remap%s' "$2" "$1" "$3"
}
timeout "$seconds" qemu-system-x86_64 \
  -accel tcg -cpu max -machine q35 -m 1536 -nodefaults -no-reboot \
  -display none -serial stdio \
  -kernel "$keep/kernel/boot/vmlinuz-$version" -initrd "$work/first.cpio" \
  -append "console=ttyS0 panic=-1 quiet" \
  -virtfs "$(share files / ,readonly=on)" -virtfs "$(share shared "$work/shared" '')" \
  </dev/null | tr -d '\r'
exit "$(cat "$work/shared/status" 2>/dev/null || echo 125)"
