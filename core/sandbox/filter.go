package sandbox

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls are the numbers of system calls in one of a machine's interfaces. 0
// stands for a call that it doesn't have.
type calls struct {
	// arch is the AUDIT_ARCH that the kernel reports.
	arch uint32
	// ioURing sets up a ring, through which sockets could be made too.
	socket, socketcall, ioURing uint32
}

// x32 is in all numbers of the x32 interface.
const x32 = 0x40000000

// filters are the interfaces by architecture, with those for 32 bits.
// Source: the tables of system calls in the kernel's arch/*/.
var filters = map[string][]calls{
	"386":     {{unix.AUDIT_ARCH_I386, 359, 102, 425}},
	"amd64":   {{unix.AUDIT_ARCH_X86_64, 41, 0, 425}, {unix.AUDIT_ARCH_I386, 359, 102, 425}},
	"arm":     {{unix.AUDIT_ARCH_ARM, 281, 0, 425}},
	"arm64":   {{unix.AUDIT_ARCH_AARCH64, 198, 0, 425}, {unix.AUDIT_ARCH_ARM, 281, 0, 425}},
	"loong64": {{unix.AUDIT_ARCH_LOONGARCH64, 198, 0, 425}},
	"mips64le": {
		{unix.AUDIT_ARCH_MIPSEL64, 5040, 0, 5425}, {unix.AUDIT_ARCH_MIPSEL64N32, 6040, 0, 6425}, {unix.AUDIT_ARCH_MIPSEL, 4183, 4102, 4425},
	},
	"ppc64le": {{unix.AUDIT_ARCH_PPC64LE, 326, 102, 425}},
	"riscv64": {{unix.AUDIT_ARCH_RISCV64, 198, 0, 425}, {unix.AUDIT_ARCH_RISCV32, 198, 0, 425}},
	"s390x":   {{unix.AUDIT_ARCH_S390X, 359, 102, 425}, {unix.AUDIT_ARCH_S390, 359, 102, 425}},
}

// hasFilter says whether the kernel filters system calls, and we know its
// numbers.
func hasFilter() bool {
	if filters[runtime.GOARCH] == nil {
		return false
	}
	action := uint32(unix.SECCOMP_RET_ERRNO)
	const actionAvailable = 2 // SECCOMP_GET_ACTION_AVAIL
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, actionAvailable, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// Offsets in struct seccomp_data.
const (
	numberAt = 0
	archAt   = 4
	argAt    = 16
)

// program returns a filter that lets sockets be made for use within the
// machine alone (AF_UNIX).
func program(list []calls) []unix.SockFilter {
	const (
		load               = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal              = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least              = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		give               = unix.BPF_RET | unix.BPF_K
		refuse             = unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)
		unknown            = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		socketOfSocketcall = 1
	)
	arg := uint32(argAt)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		arg += 4 // the low half
	}
	out := []unix.SockFilter{{Code: load, K: archAt}}
	for _, c := range list {
		block := []unix.SockFilter{
			{Code: load, K: numberAt},
			{Code: equal, K: c.ioURing, Jf: 1},
			{Code: give, K: unknown},
		}
		if c.arch == unix.AUDIT_ARCH_X86_64 {
			block = append(block,
				unix.SockFilter{Code: least, K: x32, Jf: 1},
				unix.SockFilter{Code: give, K: unknown})
		}
		if c.socketcall != 0 {
			// The family is in memory, where a filter can't read it.
			block = append(block,
				unix.SockFilter{Code: equal, K: c.socketcall, Jf: 4},
				unix.SockFilter{Code: load, K: arg},
				unix.SockFilter{Code: equal, K: socketOfSocketcall, Jf: 1},
				unix.SockFilter{Code: give, K: refuse},
				unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
		}
		block = append(block,
			unix.SockFilter{Code: equal, K: c.socket, Jf: 3},
			unix.SockFilter{Code: load, K: arg},
			unix.SockFilter{Code: equal, K: unix.AF_UNIX, Jt: 1},
			unix.SockFilter{Code: give, K: refuse},
			unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
		out = append(out, unix.SockFilter{Code: equal, K: c.arch, Jf: uint8(len(block))})
		out = append(out, block...)
	}
	return append(out, unix.SockFilter{Code: give, K: unknown})
}

// installFilter filters the system calls of the calling thread and of what it
// is going to start.
func installFilter(list []calls) error {
	filter := program(list)
	p := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&p)), 0, 0)
}
