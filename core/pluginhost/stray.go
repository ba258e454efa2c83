package pluginhost

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// strayRounds is how often what a plugin left is looked for: what is ended
	// may be starting another.
	strayRounds = 20
	// strayPause is how long the kernel has to end it.
	strayPause = 2 * time.Millisecond
	// clockTicks are the units of start times in /proc, per second.
	clockTicks = 100
)

// strays are the processes that descend from a plugin and have outlived it:
// in another process group or session, where it can't be ended with it.
type strays struct {
	// since is when the plugin was started, in ticks since boot.
	since uint64
	// owns tells descendants for sure. It holds for the calling thread alone,
	// and may be nil.
	owns func(pid int) bool
	// folders are those that only this plugin was given: what has one in its
	// environment descends from it.
	folders []string
}

// now returns the time in ticks since boot.
func now() uint64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return uint64(t.Nano()) / uint64(time.Second/clockTicks)
}

// end ends them.
func (s strays) end() {
	for range strayRounds {
		pids := s.find()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(strayPause)
	}
}

// find returns the numbers of those that are alive.
func (s strays) find() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && pid != os.Getpid() && s.recent(pid) && s.ours(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// recent says whether a process is alive and was started after the plugin.
func (s strays) recent(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// The fields after the name: the third of all comes first.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, start = 0, 22 - 3
	if len(fields) <= start || fields[state][0] == 'Z' || fields[state][0] == 'X' {
		return false
	}
	began, err := strconv.ParseUint(string(fields[start]), 10, 64)
	return err == nil && began+1 >= s.since
}

func (s strays) ours(pid int) bool {
	if s.owns != nil && s.owns(pid) {
		return true
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && slices.ContainsFunc(s.folders, func(dir string) bool {
		return dir != "" && bytes.Contains(environ, []byte("="+dir))
	})
}
