#!/bin/sh
# Builds a busybox of this folder again, from the sources in it and with the
# compiler that it was built with, and compares the result.
#
#	./rebuild.sh ARCH [PREFIX]
#
# PREFIX is the start of the names of the compiler's tools, up to "gcc", with
# the folder if they aren't on PATH: /opt/gcc/bin/aarch64-linux-gnu-
# It needs sh, make, gcc for helpers, tar with bzip2 and gzip, sed and patch.
# The result is put into rebuilt/ARCH of the current folder.
set -eu

if [ "${MKMINI_REBUILD:-}" != clean ]; then
	# Nothing of the caller's environment may have a say.
	exec env -i MKMINI_REBUILD=clean PATH="$PATH" HOME="${HOME:-/}" TMPDIR="${TMPDIR:-/tmp}" LC_ALL=C TZ=UTC sh "$0" "$@"
fi

here=$(cd "$(dirname "$0")" && pwd -P)
arch=${1:-}
if [ -z "$arch" ] || [ ! -f "$here/builds/$arch/build.env" ]; then
	echo "usage: $0 ARCH [PREFIX]; ARCH is one of:" $(cd "$here/builds" && echo *) >&2
	exit 2
fi
. "$here/builds/$arch/build.env"
if [ $# -gt 1 ]; then
	CC=$2gcc
	PREFIX=$2
fi
LINKED= # options of the link that only the compiler knows
jobs=$(nproc 2>/dev/null || echo 1)
out=$PWD/rebuilt/$arch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd -P)
log=$work/log

fail() {
	echo "$0: $1" >&2
	[ ! -f "$log" ] || tail -n 30 "$log" >&2
	exit 1
}

# unpack NAME: the source of a program with its patches, as $work/NAME.
unpack() {
	mkdir "$work/$1"
	tar -xf "$here/sources/$2" -C "$work/$1" --strip-components=1
	if [ -f "$here/builds/$arch/patches/$1/series" ]; then
		while read -r p; do
			patch -s -d "$work/$1" -p1 <"$here/builds/$arch/patches/$1/$p" || fail "the patch $p doesn't apply"
		done <"$here/builds/$arch/patches/$1/series"
	fi
}

# maps FOLDER...: options that keep the names of folders out of what is compiled.
maps() {
	for option in -ffile-prefix-map -fdebug-prefix-map; do
		if "$CC" "$option=/x=." -E -x c /dev/null >/dev/null 2>&1; then
			for dir in "$@"; do printf ' %s=%s=.' "$option" "$dir"; done
			return
		fi
	done
}

command -v "$CC" >/dev/null || fail "there is no $CC on PATH: name the compiler's prefix"

if [ -n "$MUSL" ]; then
	unpack musl "$MUSL"
	mkdir "$work/obj" "$work/libc"
	echo "building musl with $CC"
	shared=--disable-shared
	[ -z "$DYNAMIC" ] || shared=--enable-shared
	(
		cd "$work/obj"
		"$work/musl/configure" --target="$MUSL_ARCH" --prefix= $shared --disable-wrapper --enable-optimize=size \
			LDFLAGS="$LINK" CC="$CC" AR="${PREFIX}ar" RANLIB="${PREFIX}ranlib" CFLAGS="$MUSL_FLAGS $FLAGS $(maps "$work/musl" "$work/obj")"
		make -j"$jobs"
		make DESTDIR="$work/libc" install-headers install-libs
	) >"$log" 2>&1 || fail "musl can't be built"
	for header in linux/version.h asm/unistd.h asm-generic/int-ll64.h mtd/mtd-abi.h; do
		from=$(echo "#include <$header>" | "$CC" $FLAGS -E -x c - 2>/dev/null | sed -n "s|^# [0-9]* \"\(/.*\)/$header\".*|\1|p" | head -n 1)
		[ -z "$from" ] || cp -rL "$from/${header%/*}" "$work/libc/include/"
	done
	own=$("$CC" -print-file-name=include)
	FLAGS="-nostdinc -isystem $work/libc/include -isystem $own -B$work/libc/lib/ $MUSL_FLAGS $FLAGS"
	LINK="-L$work/libc/lib $LINK"
	if [ -n "$DYNAMIC" ]; then
		loader=$(cd "$work/libc/lib" && echo ld-musl-*.so.1)
		LINK="-Wl,--dynamic-linker,/lib/$loader $LINK"
		LINKED=-static-libgcc
		if "$CC" -no-pie -E -x c /dev/null >/dev/null 2>&1; then LINKED="$LINKED -no-pie"; fi
	fi
	rm -rf "$work/obj"
fi

unpack busybox "$BUSYBOX"
mkdir "$work/obj"
cp "$here/builds/$arch/busybox.config" "$work/obj/.config"
export SOURCE_DATE_EPOCH KCONFIG_NOTIMESTAMP=1 KBUILD_BUILD_USER=mkmini KBUILD_BUILD_HOST=mkmini
export CFLAGS="$FLAGS$(maps "$work/busybox" "$work/obj") $LINKED" AFLAGS="$FLAGS" LDFLAGS="$LINK"
busybox() {
	make -C "$work/busybox" O="$work/obj" ARCH="$KERNEL_ARCH" CROSS_COMPILE="$PREFIX" CC="$CC" EXTRA_CFLAGS="$FLAGS" "$@" >>"$log" 2>&1
}
echo "building busybox with $CC"
yes '' 2>/dev/null | busybox oldconfig || fail "busybox can't be configured"
cmp -s "$here/builds/$arch/busybox.config" "$work/obj/.config" || fail "busybox changed its configuration: see $here/builds/$arch/busybox.config"
sed -i "s/^#define AUTOCONF_TIMESTAMP \"\"\$/#define AUTOCONF_TIMESTAMP \"$TIMESTAMP\"/" "$work/obj/include/autoconf.h"
busybox -j"$jobs" busybox || fail "busybox can't be built"
mkdir -p "$out"
cp "$work/obj/busybox" "$out/busybox"
made=$(sha256sum "$out/busybox" | cut -d ' ' -f 1)
if [ "$made" != "$BUSYBOX_SHA256" ]; then
	echo "$out/busybox has the sha256 $made," >&2
	echo "and that of the image $BUSYBOX_SHA256." >&2
	echo "Is $CC the same compiler? It was: $COMPILER" >&2
	exit 1
fi
echo "$out/busybox is the same, sha256 $made"
