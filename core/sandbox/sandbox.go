// Package sandbox confines programs: they can write to nothing but the folders
// that they are given, and have no network.
package sandbox

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// ErrConfine is in the errors of programs that could not be confined.
var ErrConfine = errors.New("the sandbox can't be set up")

// leastABI is the first version of Landlock that is of use: version 1 forbids
// to move files from one folder to another.
const leastABI = 2

// trialLimit is how long it may take to find out whether bubblewrap works,
// which takes some milliseconds.
const trialLimit = 10 * time.Second

// Sandbox is what confines programs on this machine. A nil one confines
// nothing.
type Sandbox struct {
	// abi is the version of Landlock, 0 if it isn't used.
	abi int
	// bwrap is the absolute path of bubblewrap, empty if it isn't used.
	bwrap string
	// filter says that a filter of system calls keeps programs off the
	// network.
	filter bool
}

// Detect returns the best that the machine has: Landlock and a filter of
// system calls; else bubblewrap, where it is installed and works; else the
// filter alone.
func Detect() *Sandbox {
	if s := Landlock(); s != nil {
		return s
	}
	if s := Bubblewrap(); s != nil {
		return s
	}
	return &Sandbox{filter: hasFilter()}
}

// Landlock returns a sandbox of Landlock, or nil if the kernel has none.
func Landlock() *Sandbox {
	abi := landlockABI()
	if abi < leastABI {
		return nil
	}
	return &Sandbox{abi: abi, filter: hasFilter()}
}

// Bubblewrap returns a sandbox of bubblewrap, or nil if it isn't there or may
// not make namespaces.
func Bubblewrap() *Sandbox {
	path, err := exec.LookPath("bwrap")
	if err != nil {
		return nil
	}
	s := &Sandbox{bwrap: path}
	trial := exec.Command(path, append(s.arguments(nil), "true")...)
	if trial.Start() != nil {
		return nil
	}
	timer := time.AfterFunc(trialLimit, func() { _ = trial.Process.Kill() })
	defer timer.Stop()
	if trial.Wait() != nil {
		return nil
	}
	return s
}

// Files says whether programs are kept from writing elsewhere.
func (s *Sandbox) Files() bool { return s != nil && (s.abi > 0 || s.bwrap != "") }

// Network says whether programs are kept off the network.
func (s *Sandbox) Network() bool { return s != nil && (s.bwrap != "" || s.filter || s.abi >= tcpABI) }

// String says what is in force.
func (s *Sandbox) String() string {
	if s == nil {
		return "by nothing, the sandbox is switched off"
	}
	if s.bwrap != "" {
		return "files and network by " + s.bwrap
	}
	var parts []string
	if s.abi > 0 {
		parts = append(parts, fmt.Sprintf("files by Landlock (version %d)", s.abi))
	} else {
		parts = append(parts, "files by nothing: the kernel has no Landlock of version 2, and there is no bwrap that works")
	}
	switch {
	case s.filter:
		parts = append(parts, "network by seccomp")
	case s.abi >= tcpABI:
		parts = append(parts, "network by Landlock, for TCP alone")
	default:
		parts = append(parts, "network by nothing")
	}
	return strings.Join(parts, ", ")
}

// Enter confines a command that the calling goroutine is going to start: it
// can write into the folders, which have to be there, and below them. Besides
// it can write to /dev/null and its like.
//
// The goroutine has called [runtime.LockOSThread] and doesn't unlock: Enter
// confines its thread for good, and the command is born with what binds the
// thread. So there is no helper between us and the command.
func (s *Sandbox) Enter(cmd *exec.Cmd, writable ...string) error {
	if s == nil {
		return nil
	}
	if s.bwrap != "" {
		cmd.Args = append(append([]string{s.bwrap}, s.arguments(writable)...), append([]string{cmd.Path}, cmd.Args[1:]...)...)
		cmd.Path = s.bwrap
		return nil
	}
	if s.abi == 0 && !s.filter {
		return nil
	}
	if err := noNewPrivileges(); err != nil {
		return fmt.Errorf("%w: set no_new_privs: %w", ErrConfine, err)
	}
	if s.abi > 0 {
		if err := restrict(s.abi, writable); err != nil {
			return fmt.Errorf("%w: Landlock: %w", ErrConfine, err)
		}
	}
	if s.filter {
		if err := installFilter(filters[runtime.GOARCH]); err != nil {
			return fmt.Errorf("%w: seccomp: %w", ErrConfine, err)
		}
	}
	return nil
}

// Owns returns a function that tells by a process's number whether the process
// descends from the command that the calling thread has entered for and
// started, whatever it did to hide. It is nil if the kernel can't tell.
func (s *Sandbox) Owns() func(pid int) bool {
	if s == nil || s.abi < scopeABI {
		return nil
	}
	return inDomain
}

// arguments are those of bubblewrap, up to the command. A plugin listens on a
// socket in a folder that it can write to, so it needs no network for that.
func (s *Sandbox) arguments(writable []string) []string {
	args := []string{"--ro-bind", "/", "/", "--dev", "/dev", "--unshare-net", "--die-with-parent"}
	for _, dir := range writable {
		args = append(args, "--bind", dir, dir)
	}
	return append(args, "--chdir", "/", "--")
}
