#!/usr/bin/env bash
# Measures the way from a machine that has nothing to the first aarch64 root
# file system: by hand with the distribution's installed cross packages, and
# by mkmini with `from "deb"`. Prints seconds and received bytes of each phase
# in Markdown.
#
#   testdata/bench/scratch.sh [MKMINI [RUNS]]
#
# Each side gets a fresh copy of a minimal Debian in a chroot, with the apt
# sources of this machine, through a proxy that counts. It needs root, Debian,
# debootstrap, Go and 3 GB below $TMPDIR. A machine that does other things too
# should run it with `nice -n -15`.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkmini=$(realpath "${1:-bin/mkmini}")
runs=${2:-1}
work=$(mktemp -d)
counter=
trap 'kill $counter 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

say() { printf 'scratch: %s\n' "$*" >&2; }

# mirror prints the address of the archive that this machine's apt uses.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Component: main' | grep -v -- '-security/*$' | head -n 1
}

# base makes the minimal Debian that both sides are copies of.
base() {
	say "making a minimal Debian"
	debootstrap --variant=minbase "$release" "$work/base" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
		{ tail -n 5 "$work/debootstrap.log" >&2; exit 1; }
	local root=$work/base
	cp -a /etc/apt/sources.list* /etc/apt/auth.conf* /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
	mkdir -p "$root/usr/share/keyrings" "$root/etc/ssl" "$root/home/me"
	cp -a /usr/share/keyrings/. "$root/usr/share/keyrings/"
	cp -aL /etc/ssl/certs "$root/etc/ssl/" 2>/dev/null || true
	apt-config dump | grep -E '^Acquire::(Check|https?|Retries)' >"$root/etc/apt/apt.conf.d/99machine" || true
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	# busybox's source comes from the same archive.
	find "$root/etc/apt" -name '*.sources' -exec sed -i 's/^Types: deb$/Types: deb deb-src/' {} +
	rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
	chown 1000:1000 "$root/home/me"
	install -m 755 "$mkmini" "$root/usr/local/bin/mkmini"
	printf '%s\n' 'name = "minios"' 'toolchain "aarch64" {' '  from "deb" {}' '}' \
		'busybox {' '  version = "1.35.0"' '}' \
		'export "rootfs" {' '  format = "tar"' '}' >"$root/home/me/minios.hcl"
}

# proxy starts the counter, and sets port and counter.
proxy() {
	go build -o "$work/counter" ./testdata/bench/counter
	"$work/counter" >"$work/port" &
	counter=$!
	until [ -s "$work/port" ]; do sleep 0.1; done
	port=$(cat "$work/port")
}

# received prints the bytes that came through the proxy.
received() {
	exec 3<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET /count HTTP/1.0\r\n\r\n' >&3
	tail -n 1 <&3
}

# phase SIDE NAME USER SCRIPT runs a script in the chroot of a side and notes
# what it took.
phase() {
	local side=$1 name=$2 before
	before=$(received)
	{ TIMEFORMAT='%R %U %S'; time inside "$@"; } 2>"$work/time" ||
		{ tail -n 20 "$work/$side.log" >&2; say "$side: $name failed"; exit 1; }
	awk -v OFS='\t' -v key="$side	$name" -v bytes="$(($(received) - before))" '{print key, $1, $2 + $3, bytes}' "$work/time" >>"$work/result"
	say "$(tail -n 1 "$work/result")"
	[ "$side $name" != "mkmini build" ] || steps "$work/$side.log"
}

inside() {
	unshare -m bash -c '
		mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
		exec chroot --userspec="$2" "$1" /usr/bin/env -i HOME=/home/me LC_ALL=C.UTF-8 \
			PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
			http_proxy="http://127.0.0.1:$4" https_proxy="http://127.0.0.1:$4" bash -euc "cd /home/me
$3"' - "$work/$1" "$3" "$4" "$port" >"$work/$1.log" 2>&1
}

# steps notes what mkmini's steps took, which it prints itself.
steps() {
	sed -nE 's/^(\[aarch64\] )?([a-z ]+): done in ([0-9m.]+)s(:.*)?$/\2 \3/p' "$1" |
		awk '{n = $NF; if (split(n, t, "m") == 2) n = t[1] * 60 + t[2]; $NF = ""; printf "mkmini\tof which: %s\t%s\t\t\n", $0, n}' >>"$work/result"
}

native="make bzip2 gcc libc6-dev"
# Debian's own build of busybox differs; these are mkmini's settings.
configure='cd busybox-*/
export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
make defconfig
sed -i "s/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/" .config
for symbol in FEATURE_PREFER_APPLETS FEATURE_SH_STANDALONE FEATURE_INETD_RPC; do
	sed -i "s/^CONFIG_$symbol=y/# CONFIG_$symbol is not set/" .config
done
sed -i "s/^CONFIG_LAST_SUPPORTED_WCHAR=.*/CONFIG_LAST_SUPPORTED_WCHAR=0/" .config
yes "" | make oldconfig'
pack='cd busybox-*/
export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
make install
cd _install
mkdir -p usr/lib usr/lib64 usr/local usr/include var/lib var/run var/local var/log tmp dev etc proc sys root srv
chmod 1777 tmp
ln -sfn usr/lib lib
ln -sfn usr/lib64 lib64
tar -cf ../../minios.tar .'

hand() {
	phase hand "package lists" 0:0 "apt-get update"
	phase hand "native tools" 0:0 "apt-get install -y --no-install-recommends $native"
	phase hand "cross compiler" 0:0 "apt-get install -y --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	phase hand "source" 1000:1000 "apt-get source --download-only busybox && tar -xf busybox_*.orig.tar.bz2"
	phase hand "configure" 1000:1000 "$configure"
	phase hand "compile" 1000:1000 "cd busybox-*/ && make ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- -j$(nproc)"
	phase hand "install and pack" 1000:1000 "$pack"
}

tool() {
	phase mkmini "package lists" 0:0 "apt-get update"
	phase mkmini "native tools" 0:0 "apt-get install -y --no-install-recommends $native"
	phase mkmini "build" 1000:1000 "mkmini -c minios.hcl --plain --out out"
}

base
proxy
for ((n = 0; n < runs; n++)); do
	for side in hand mkmini; do
		rm -rf --one-file-system "${work:?}/$side"
		cp -a "$work/base" "$work/$side"
		sync
		if [ "$side" = hand ]; then hand; else tool; fi
		printf '%s\tdisk\t%s\t\t\n' "$side" "$(($(du -sm "$work/$side" | cut -f 1) - $(du -sm "$work/base" | cut -f 1)))" >>"$work/result"
	done
done

awk -F '\t' -v runs="$runs" '
	{
		key = $1 " | " $2
		if (!(key in wall)) order[++n] = key
		side[key] = $1; name[key] = $2
		wall[key] += $3 / runs; cpu[key] += $4 / runs; bytes[key] += $5 / runs / 1e6
	}
	function ratios(what, skip,    key, i) {
		for (i = 0; i < 6; i++) sum[i] = 0
		for (key in wall) {
			if (name[key] ~ /^(of which|disk)/ || name[key] == skip) continue
			i = side[key] == "hand" ? 0 : 3
			sum[i] += wall[key]; sum[i + 1] += cpu[key]; sum[i + 2] += bytes[key]
		}
		printf "| %s | %.1f / %.1f: %.2f | %.1f / %.1f: %.2f | %.1f / %.1f: %.2f |\n", what, sum[3], sum[0], sum[3] / sum[0], sum[4], sum[1], sum[4] / sum[1], sum[5], sum[2], sum[5] / sum[2]
	}
	END {
		print "| mkmini / by hand: ratio | seconds | processor seconds | MB received |\n|---|---|---|---|"
		ratios("from nothing", "")
		ratios("make and gcc are there", "native tools")
		print "\n| | phase | seconds | processor seconds | MB received |\n|---|---|---|---|---|"
		for (i = 1; i <= n; i++) {
			key = order[i]
			if (name[key] == "disk") printf "| %s, MB | %.0f | | |\n", key, wall[key]
			else if (name[key] ~ /^of/) printf "| %s | %.1f | | |\n", key, wall[key]
			else printf "| %s | %.1f | %.1f | %.1f |\n", key, wall[key], cpu[key], bytes[key]
		}
	}' "$work/result"
printf '\nMeans of %s, %s cores.\n' "$runs" "$(nproc)"
