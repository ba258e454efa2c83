package plugincheck

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// markName is the variable by whose value we know a plugin's processes, also
// those that have left its group and its session.
const markName = "MKMINI_PLUGIN_CHECK"

// process is one process; its start tells it from a later one of the same
// number.
type process struct {
	pid   int
	start string
}

// status is what /proc says of a process. Source: proc(5), /proc/pid/stat.
type status struct {
	process
	parent int
	name   string
	state  string
}

// statusOf returns the status of a process, and false if there is none.
func statusOf(pid int) (status, bool) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return status{}, false
	}
	// The name is in parentheses, and may hold any character.
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return status{}, false
	}
	fields := strings.Fields(string(b[end+1:]))
	if len(fields) < 20 {
		return status{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	return status{
		process: process{pid: pid, start: fields[19]},
		parent:  parent, name: string(b[open+1 : end]), state: fields[0],
	}, true
}

// processes returns all processes of this machine but zombies, which have
// ended.
func processes() []status {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []status
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := statusOf(pid); ok && p.state != "Z" && p.state != "X" {
			all = append(all, p)
		}
	}
	return all
}

// marked says whether a process has our mark in its environment.
func (s *subject) marked(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && slices.ContainsFunc(bytes.Split(b, []byte{0}), func(entry []byte) bool {
		return string(entry) == markName+"="+s.mark
	})
}

// watch notes all processes of the plugin that there are now, and returns
// those that are not a plugin's own: its children, and whatever they started.
func (s *subject) watch() []status {
	all := processes()
	ours := map[int]bool{}
	for pid := range s.served() {
		ours[pid] = true
	}
	var children []status
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if ours[p.pid] || !ours[p.parent] && !s.watched[p.process] && !s.marked(p.pid) {
				continue
			}
			ours[p.pid], grown = true, true
			s.watched[p.process] = true
			children = append(children, p)
		}
	}
	return children
}

// served returns the numbers of the plugin processes that we started.
func (s *subject) served() map[int]bool {
	pids := map[int]bool{}
	if s.main != nil {
		pids[s.main.Pid()] = true
	}
	if s.other != nil {
		pids[s.other.Pid()] = true
	}
	return pids
}

// childless waits until the plugin has no children but those that it had when
// it was started. The error names those that are left in the end.
func (s *subject) childless() error {
	deadline := time.Now().Add(patience)
	for {
		left := slices.DeleteFunc(s.watch(), func(p status) bool { return s.idle[p.process] })
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it left processes behind: %s", names(left))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// names lists processes for a message.
func names(list []status) string {
	var texts []string
	for _, p := range list {
		texts = append(texts, fmt.Sprintf("%s (%d)", p.name, p.pid))
	}
	slices.Sort(texts)
	if len(texts) > 5 {
		texts = append(texts[:5], "…")
	}
	return strings.Join(texts, ", ")
}

// killLeft ends what the plugin left behind.
func (s *subject) killLeft() {
	s.main, s.other = nil, nil
	for _, p := range s.watch() {
		if now, ok := statusOf(p.pid); ok && now.process == p.process {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}
