package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noProcesses is the argument with which the test program runs another
// program that can start no process.
const noProcesses = "-no-processes"

// withoutProcesses changes a command so that whatever it tries to start
// fails: neither a plugin nor a compiler can run behind its back.
func withoutProcesses(cmd *exec.Cmd) {
	cmd.Args = append([]string{os.Args[0], noProcesses, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = os.Args[0]
}

// execWithoutProcesses becomes the program in args, under a filter that
// refuses every clone but that of a thread; a Go program starts processes by
// clone alone.
func execWithoutProcesses(args []string) {
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = installFilter()
	}
	if err == nil {
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "no processes:", err)
	os.Exit(125)
}

func installFilter() error {
	const (
		number    = 0  // offset of the call's number in struct seccomp_data
		firstArg  = 16 // of the first argument's low half, little-endian
		loadWord  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal     = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		anyBit    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		verdict   = unix.BPF_RET | unix.BPF_K
		refuse    = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		isUnknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	// The flags of clone3 lie in memory that a filter can't read; whoever
	// is told that there is no clone3 uses clone.
	filter := []unix.SockFilter{
		{Code: loadWord, K: number},
		{Code: equal, K: unix.SYS_CLONE3, Jt: 5},
		{Code: equal, K: unix.SYS_CLONE, Jf: 3},
		{Code: loadWord, K: firstArg},
		{Code: anyBit, K: unix.CLONE_THREAD, Jt: 1},
		{Code: verdict, K: refuse},
		{Code: verdict, K: unix.SECCOMP_RET_ALLOW},
		{Code: verdict, K: isUnknown},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
