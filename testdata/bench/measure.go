package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// times is what one run took.
type times struct {
	wall time.Duration
	// cpu is user and system time of the command and all of its descendants
	// that were waited for.
	cpu time.Duration
}

// timed runs a command to its end.
func timed(cmd *exec.Cmd) (times, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		text := output.Bytes()
		return times{}, fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4096):])
	}
	state := cmd.ProcessState
	return times{wall: wall, cpu: state.UserTime() + state.SystemTime()}, nil
}

// series is what several runs of the same took.
type series []times

// wall returns the least and the median.
func (s series) wall() (least, median float64) {
	return s.spread(func(t times) time.Duration { return t.wall })
}

// cpu returns the least and the median.
func (s series) cpu() (least, median float64) {
	return s.spread(func(t times) time.Duration { return t.cpu })
}

func (s series) spread(of func(times) time.Duration) (least, median float64) {
	sorted := slices.SortedFunc(slices.Values(s), func(a, b times) int { return cmp.Compare(of(a), of(b)) })
	middle := len(sorted) / 2
	median = of(sorted[middle]).Seconds()
	if len(sorted)%2 == 0 {
		median = (median + of(sorted[middle-1]).Seconds()) / 2
	}
	return of(sorted[0]).Seconds(), median
}
