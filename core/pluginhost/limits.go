package pluginhost

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/sandbox"
)

// sacrifice makes the kernel end a plugin or its compiler rather than mkmini
// or anything else of the user's when memory runs out.
// Source: proc_pid_oom_score_adj(5), where it can be up to 1000.
const sacrifice = "500"

// limits are what a plugin's process is bound by.
type limits struct {
	// box confines it, and may be nil.
	box *sandbox.Sandbox
	// temp is its folder for temporary files and its socket, and folders are
	// those of a call: it can write there alone.
	temp    string
	folders []string
	// memory is how many bytes of data each of its processes may have, 0 for
	// any number.
	memory uint64
	// kills is how many processes the kernel had ended for lack of memory
	// when this one was started.
	kills int
}

// enter confines a command that the calling thread is going to start.
func (l *limits) enter(cmd *exec.Cmd) error {
	l.kills = memoryKills()
	if l.box == nil {
		return nil
	}
	return l.box.Enter(cmd, l.writable()...)
}

func (l *limits) writable() []string {
	return slices.DeleteFunc(append([]string{l.temp}, l.folders...), func(dir string) bool { return dir == "" })
}

// apply limits a process that has just been started. What is not allowed to
// us is left.
func (l *limits) apply(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(sacrifice), 0)
	if l.memory > 0 {
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: l.memory, Max: l.memory}, nil)
	}
}

// strays returns what a command that was started at that time may leave.
func (l *limits) strays(began uint64) strays {
	return strays{since: began, owns: l.box.Owns(), folders: l.writable()}
}

// endAll waits for a process that was started at that time, ends what it left,
// and leaves it to be waited for: as long as it is dead but not reaped, its
// number can't be another's.
func (l *limits) endAll(pid int, began uint64) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	l.strays(began).end()
}

// run runs a command made by [sdk.Command] to its end.
func (l *limits) run(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // as for a program
		began := now()
		err := l.enter(cmd)
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			l.apply(cmd.Process.Pid)
			l.endAll(cmd.Process.Pid, began)
			err = cmd.Wait()
		}
		done <- err
	}()
	return <-done
}

// memoryKills returns how many processes the kernel has ended for lack of
// memory, 0 if it doesn't tell.
// Source: /proc/vmstat, which counts those of cgroups too.
func memoryKills() int {
	stat, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(stat) {
		if count, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(count)))
			return n
		}
	}
	return 0
}
