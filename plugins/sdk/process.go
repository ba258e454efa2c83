package sdk

import (
	"context"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Grace is how long a cancelled process group has between TERM and KILL.
const Grace = 500 * time.Millisecond

// Command returns a command whose whole process tree ends with ctx. It runs
// in a process group of its own, so that Ctrl-C on a terminal reaches it only
// through ctx; when ctx is done, the group gets TERM, and [Grace] later KILL.
// If the plugin itself is killed, the kernel sends TERM to the command.
//
// Start it with [Run], which also ends what the command left behind.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGTERM) }
	cmd.WaitDelay = Grace
	return cmd
}

// Run starts a command made by [Command] and waits for it, like its Run
// method. When Run returns, no process of the command's group is alive. The
// error of a cancelled command may be its exit status: ask ctx for the cause.
func Run(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	waitZombie(cmd.Process.Pid)
	// The leader is dead but not reaped: its process group can't be another's
	// yet. Members that outlived it hold our pipes open and files busy.
	signalGroup(cmd, syscall.SIGKILL)
	return cmd.Wait()
}

// waitZombie returns when a child has ended, and leaves it to be waited for.
func waitZombie(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// signalGroup sends a signal to all of a command's process group. A group
// that is gone is no error: cancelling raced with the end.
func signalGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	if cmd.Process == nil {
		return nil
	}
	err := syscall.Kill(-cmd.Process.Pid, sig)
	if err == syscall.ESRCH {
		return nil
	}
	return err
}
