#!/bin/sh
# The first process of a system that starts from an initramfs: it mounts what
# the kernel offers, starts a shell on the console, and powers the machine off
# when the shell ends. Every command may be missing: applets can be left out.

export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root

# Elsewhere, in a chroot say, it must neither mount nor power off anything.
if [ $$ -ne 1 ]; then
	exec /bin/sh "$@"
fi

# Whoever brings an inittab wants busybox's init to do all of it.
if [ -x /sbin/init ] && [ -f /etc/inittab ]; then
	exec /sbin/init "$@"
fi

mount -t proc proc /proc 2>/dev/null
mount -t sysfs sysfs /sys 2>/dev/null
if mount -t devtmpfs devtmpfs /dev 2>/dev/null; then
	mkdir -p /dev/pts 2>/dev/null && mount -t devpts devpts /dev/pts 2>/dev/null
fi
[ -d /run ] && mount -t tmpfs -o mode=0755 tmpfs /run 2>/dev/null

cd "$HOME" 2>/dev/null || cd /
[ -f /etc/motd ] && cat /etc/motd 2>/dev/null

# cttyhack finds the device behind /dev/console, so that the shell gets a
# controlling terminal and Ctrl-C works.
if command -v setsid >/dev/null 2>&1 && command -v cttyhack >/dev/null 2>&1; then
	setsid cttyhack /bin/sh
else
	/bin/sh
fi

sync 2>/dev/null
poweroff -f 2>/dev/null
