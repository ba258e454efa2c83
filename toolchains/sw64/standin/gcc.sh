#!/bin/sh
# A stand-in for a sw64 compiler, for tests: Debian's gcc for alpha, whose
# executables get the machine number of sw64. What it makes runs nowhere.
real=@REAL@gcc

quick=
output=a.out
previous=
for argument; do
	case $argument in
	-dumpmachine)
		echo sw_64-sunway-linux-gnu
		exit
		;;
	--version)
		echo "sw_64-sunway-linux-gnu-gcc (mkmini stand-in over Debian's gcc for alpha; its executables run nowhere)"
		exec "$real" -dumpfullversion
		;;
	-c | -E | -S | -M | -MM) quick=y ;;
	-mcpu=sw6a | -mcpu=sw6b | -mcpu=sw4d | -mcpu=sw8a)
		# The names that the real one takes mean nothing to this one.
		shift
		previous=
		continue
		;;
	-mcpu=* | -march=*)
		echo "sw_64-sunway-linux-gnu-gcc: error: unrecognized argument in option '$argument'" >&2
		exit 1
		;;
	esac
	case $previous in
	-o) output=$argument ;;
	esac
	previous=$argument
	shift
	set -- "$@" "$argument"
done
test -z "$quick" || exec "$real" -D__sw_64__ -D__sw_64 "$@"

# Relaxed static programs crash with Debian 12's binutils; these run, if only
# under qemu-alpha and with the machine number put back.
"$real" -D__sw_64__ -D__sw_64 -Wl,--no-relax "$@" || exit

# Executables only: objects must stay what the linker knows.
test -f "$output" || exit 0
head=$(od -An -v -tx1 -N20 "$output" | tr -d ' \n')
case $head in
7f454c46????????????????????????02002690)
	printf '\026\231' | dd of="$output" bs=1 seek=18 conv=notrunc 2>/dev/null
	;;
esac
