package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// report writes the tables and what they were measured on.
func (b *bench) report(ctx context.Context, w io.Writer, scenarios []scenario) error {
	fmt.Fprintf(w, "Seconds, least and median of %d runs, in turns; the ratio is of the medians.\n\n", b.runs)
	fmt.Fprintln(w, "| | by hand, wall | mkmini, wall | ratio | by hand, cpu | mkmini, cpu | ratio |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, s := range scenarios {
		handWall, handWallMedian := s.byHand.wall()
		toolWall, toolWallMedian := s.byTool.wall()
		handCPU, handCPUMedian := s.byHand.cpu()
		toolCPU, toolCPUMedian := s.byTool.cpu()
		fmt.Fprintf(w, "| %s | %.2f / %.2f | %.2f / %.2f | %.2f | %.2f / %.2f | %.2f / %.2f | %.2f |\n", s.name,
			handWall, handWallMedian, toolWall, toolWallMedian, toolWallMedian/handWallMedian,
			handCPU, handCPUMedian, toolCPU, toolCPUMedian, toolCPUMedian/handCPUMedian)
	}
	fmt.Fprintln(w)
	for _, s := range scenarios {
		fmt.Fprintf(w, "- %s: %s\n", s.name, s.what)
	}
	fmt.Fprintf(w, "\nBy hand one tar and one cpio.gz are written; by mkmini docker, oci, %s.\n", strings.Join(formats, ", "))
	fmt.Fprintf(w, "\nMeasured on %s, %d cores, Linux %s, with -j%d, busybox 1.35.0,\n%s, mkmini %s.\n",
		processor(), runtime.NumCPU(), output(ctx, "uname", "-r"), b.jobs,
		output(ctx, "gcc", "--version"), output(ctx, b.mkmini, "version"))
	_, err := fmt.Fprintf(w, "To repeat it: `make bench RUNS=%d`.\n", b.runs)
	return err
}

// output returns the first line that a command prints.
func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return name + ": " + err.Error()
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// processor returns the model of the machine's processor as Linux names it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
