#!/bin/sh
# A tool of the stand-in for a sw64 compiler: alpha's, which must not see the
# machine number of sw64. It is put back while the tool runs.
real=@REAL@@TOOL@

flip() { # FROM TO BYTES FILE
	test -f "$4" || return 1
	head=$(od -An -v -tx1 -N20 "$4" | tr -d ' \n')
	case $head in
	7f454c46????????????????????????0200$1)
		printf "$3" | dd of="$4" bs=1 seek=18 conv=notrunc 2>/dev/null
		;;
	*) return 1 ;;
	esac
}

if test "$1" = --version; then
	echo "sw_64-sunway-linux-gnu-@TOOL@ (mkmini stand-in over Debian's binutils for alpha)"
	exit
fi
flipped=
for argument; do
	flip 1699 2690 '\046\220' "$argument" && flipped=y
done
"$real" "$@"
status=$?
if test -n "$flipped"; then
	for argument; do
		flip 2690 1699 '\026\231' "$argument"
	done
fi
exit $status
