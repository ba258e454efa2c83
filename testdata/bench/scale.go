package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// scale compares what mkmini makes of large folders with what tools of others
// make of them.
type scale struct {
	bench
	// entries and bytes are how much there is in the two trees; 0 leaves one
	// out.
	entries int
	bytes   int64
	// only are formats to look at, all if it is empty.
	only   string
	engine *engine
}

// sample is what one run took.
type sample struct {
	wall, cpu time.Duration
	// rss is the most memory in bytes that one process had resident.
	rss int64
	// steps are mkmini's own, by name.
	steps map[string]time.Duration
	size  int64
}

// run makes the trees, and compares.
func (s *scale) run(ctx context.Context) error {
	if err := s.locate(); err != nil {
		return err
	}
	if s.dir == "" {
		var err error
		if s.dir, err = os.MkdirTemp("", "mkmini-scale-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.dir)
	}
	if err := s.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	s.engine = startEngine(ctx, s.dir)
	defer s.engine.stop()
	for _, tree := range []struct {
		title string
		make  func(dir string) error
		skip  bool
	}{
		{fmt.Sprintf("%d entries", s.entries), func(dir string) error { return manyTree(ctx, dir, s.entries) }, s.entries == 0},
		{fmt.Sprintf("%.1f GB in files of 512 MiB", float64(s.bytes)/1e9), func(dir string) error { return largeTree(ctx, dir, s.bytes) }, s.bytes == 0},
	} {
		if tree.skip {
			continue
		}
		dir := filepath.Join(s.dir, "tree")
		if err := tree.make(dir); err != nil {
			return err
		}
		if err := s.compare(ctx, os.Stdout, tree.title, dir); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	fmt.Printf("\nMeasured on %s, %d cores, Linux %s, medians of %d, in turns.\n", processor(), runtime.NumCPU(), output(ctx, "uname", "-r"), s.runs)
	return nil
}

// prepare builds busybox once, in a store that all runs begin with.
func (s *scale) prepare(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.dir, "busybox")); err == nil {
		return nil // an earlier run in the folder did so
	}
	_, err := s.byMkmini(ctx, "tar", "", "busybox")
	if err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.dir, "store"), filepath.Join(s.dir, "busybox"))
}

// compare measures all formats with one tree, and prints a table.
func (s *scale) compare(ctx context.Context, w io.Writer, title, tree string) error {
	fmt.Fprintf(w, "\n### %s\n\n", title)
	fmt.Fprintln(w, "| format | mkmini: wall | of it rootfs | of it export | cpu | the other | wall | cpu | wall: all/other | export/other | cpu: all/other | memory: mkmini | the other |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, c := range contests {
		if s.only != "" && !strings.Contains(" "+s.only+" ", " "+c.format+" ") {
			continue
		}
		own, others := []sample(nil), make([][]sample, len(c.rivals))
		for n := range s.runs {
			taken, err := s.byMkmini(ctx, c.format, tree, fmt.Sprint(n))
			if err != nil {
				return fmt.Errorf("%s: %w", c.format, err)
			}
			own = append(own, taken)
			for i, r := range c.rivals {
				taken, err := s.byRival(ctx, r, tree, own[0].size)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, err)
					continue
				}
				others[i] = append(others[i], taken)
			}
		}
		for i, r := range c.rivals {
			s.row(w, c.format, own, r.name, others[i])
		}
		if len(c.rivals) == 0 {
			s.row(w, c.format, own, "", nil)
		}
	}
	return nil
}

// row prints a line of a table.
func (s *scale) row(w io.Writer, format string, own []sample, name string, other []sample) {
	wall := func(x sample) float64 { return x.wall.Seconds() }
	cpu := func(x sample) float64 { return x.cpu.Seconds() }
	step := func(name string) float64 {
		return middle(own, func(x sample) float64 { return x.steps[name].Seconds() })
	}
	memory := func(x sample) float64 { return float64(x.rss) / 1e6 }
	fmt.Fprintf(w, "| %s | %.1f | %.1f | %.1f | %.1f | %s ", format, middle(own, wall), step("rootfs"), step("export"), middle(own, cpu), cmp.Or(name, "none"))
	if len(other) == 0 {
		fmt.Fprintf(w, "| | | | | | %.0f MB | |\n", middle(own, memory))
		return
	}
	theirs, spent := middle(other, wall), middle(other, cpu)
	fmt.Fprintf(w, "| %.1f | %.1f | %.2f | %.2f | %.2f | %.0f MB | %.0f MB |\n",
		theirs, spent, middle(own, wall)/theirs, step("export")/theirs, middle(own, cpu)/spent, middle(own, memory), middle(other, memory))
}

// byMkmini has mkmini make a format of a tree, from a store that has busybox
// only.
func (s *scale) byMkmini(ctx context.Context, format, tree, message string) (sample, error) {
	store, out := filepath.Join(s.dir, "store"), filepath.Join(s.dir, "out")
	defer os.RemoveAll(out)
	if tree != "" {
		defer os.RemoveAll(store)
		if err := os.CopyFS(store, os.DirFS(filepath.Join(s.dir, "busybox"))); err != nil {
			return sample{}, err
		}
	}
	file := filepath.Join(s.dir, "scale.hcl")
	if err := os.WriteFile(file, []byte(s.scaled(format, tree, message)), 0o666); err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, s.mkmini, "-c", file, "--json", "--out", out, "--store", store, "-j", fmt.Sprint(s.jobs))
	taken, events, err := measured(cmd)
	if err != nil {
		return sample{}, err
	}
	taken.steps = make(map[string]time.Duration)
	for line := range bytes.Lines(events) {
		var e struct {
			Kind, Step string
			Elapsed    float64
			Artifacts  []struct{ Size int64 }
		}
		if json.Unmarshal(line, &e) != nil || e.Kind != "done" {
			continue
		}
		step, _, _ := strings.Cut(e.Step, " ")
		taken.steps[step] = time.Duration(e.Elapsed * float64(time.Second))
		for _, a := range e.Artifacts {
			taken.size = a.Size
		}
	}
	fmt.Fprintf(os.Stderr, "mkmini %-9s wall %6.1f s  rootfs %6.1f s  export %6.1f s  %4d MB\n",
		format, taken.wall.Seconds(), taken.steps["rootfs"].Seconds(), taken.steps["export"].Seconds(), taken.rss/1e6)
	return taken, nil
}

// scaled returns the configuration of one format of a tree.
func (s *scale) scaled(format, tree, message string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "name = \"scale\"\ntoolchain %q {\n  from \"host\" {}\n}\n", machines[runtime.GOARCH])
	fmt.Fprintf(&text, "busybox {\n  version = \"1.35.0\"\n  file = %q\n}\nrootfs {\n", s.source)
	fmt.Fprintf(&text, "  file \"/etc/run\" {\n    content = %q\n  }\n", message)
	if tree != "" {
		fmt.Fprintf(&text, "  overlay \"/\" {\n    source = %q\n  }\n", tree)
	}
	text.WriteString("}\n")
	switch format {
	case "docker":
		text.WriteString("export \"docker\" {}\n")
	case "oci":
		text.WriteString("export \"oci\" {}\n")
	default:
		fmt.Fprintf(&text, "export \"rootfs\" {\n  format = %q\n}\n", format)
	}
	return text.String()
}

// byRival has a tool of somebody else make a format of a tree. Size is that of
// mkmini's result in bytes.
func (s *scale) byRival(ctx context.Context, r rival, tree string, size int64) (sample, error) {
	out := filepath.Join(s.dir, "rival")
	if err := os.Mkdir(out, 0o777); err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(out)
	before := s.engine.reset()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+r.script)
	cmd.Dir = out
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TREE="+tree, fmt.Sprintf("JOBS=%d", s.jobs), fmt.Sprintf("SIZE=%d", size),
		fmt.Sprintf("ENTRIES=%d", s.entries), "DOCKER_HOST="+s.engine.host, "DOCKER_BUILDKIT=0")
	taken, _, err := measured(cmd)
	if before {
		taken.rss = max(taken.rss, s.engine.memory())
	}
	fmt.Fprintf(os.Stderr, "%-16s wall %6.1f s  %4d MB  %v\n", r.name, taken.wall.Seconds(), taken.rss/1e6, err != nil)
	return taken, err
}

// measured runs a command to its end, and returns what it printed. What others
// wrote before is on the disk when it begins.
func measured(cmd *exec.Cmd) (sample, []byte, error) {
	var output, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	syscall.Sync()
	start := time.Now()
	err := cmd.Run()
	taken := sample{wall: time.Since(start)}
	if state := cmd.ProcessState; state != nil {
		taken.cpu = state.UserTime() + state.SystemTime()
		// Of the process or one that it waited for, whichever had more.
		taken.rss = state.SysUsage().(*syscall.Rusage).Maxrss << 10
	}
	if err != nil {
		text := append(output.Bytes(), errors.Bytes()...)
		return taken, nil, fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4096):])
	}
	return taken, append(output.Bytes(), errors.Bytes()...), nil
}
