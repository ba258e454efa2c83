// Command bench compares mkmini with the same steps done by hand, in one run,
// with the same compiler, source and configuration, and prints the result in
// Markdown.
//
//	go run ./testdata/bench -mkmini bin/mkmini -source busybox-1.35.0.tar.bz2
//
// By hand is what the article that mkmini started from does: unpack, make
// defconfig, a few settings, make -jN, make install, the folders, one tar and
// one cpio archive. mkmini writes every format that it has.
//
// With -scale it compares what mkmini makes of large folders with what the
// tools of others make of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
)

func main() {
	var b bench
	flag.StringVar(&b.mkmini, "mkmini", "bin/mkmini", "the `path` of mkmini")
	flag.StringVar(&b.source, "source", os.Getenv("MKMINI_TEST_BUSYBOX"), "the `path` of busybox's source tarball, version 1.35.0")
	flag.IntVar(&b.runs, "runs", 3, "how `often` each is run; the two kinds take turns")
	flag.IntVar(&b.jobs, "j", runtime.NumCPU(), "how many compiles run at once")
	scaled := flag.Bool("scale", false, "compare what is made of large folders in place of the steps by hand")
	entries := flag.Int("entries", 100_000, "`how` many entries the one folder has, with -scale; 0 for none")
	size := flag.Int64("bytes", 2<<30, "`how` many bytes the other folder has, with -scale; 0 for none")
	only := flag.String("only", "", "the `formats` to look at, with -scale; all without it")
	dir := flag.String("dir", "", "the `folder` to work in, with -scale; one that is removed without it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := b.run
	if *scaled {
		b.dir = *dir
		run = (&scale{bench: b, entries: *entries, bytes: *size, only: *only}).run
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one comparison.
type bench struct {
	mkmini, source string
	runs, jobs     int
	dir            string
}

// locate makes paths absolute.
func (b *bench) locate() (err error) {
	if b.mkmini, err = filepath.Abs(b.mkmini); err != nil {
		return err
	}
	b.source, err = filepath.Abs(b.source)
	return err
}

func (b *bench) run(ctx context.Context) error {
	err := b.locate()
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "mkmini-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	scenarios := []scenario{
		{name: "cold", what: "from the source tarball to the archives", hand: b.handCold, tool: b.toolCold},
		{name: "nothing changed", what: "the same once more", hand: b.handNothing, tool: b.toolNothing},
		{name: "one file", what: "the content of one file in the root file system changed", hand: b.handFile, tool: b.toolFile},
		{name: "one applet", what: "one applet left out", hand: b.handApplet, tool: b.toolApplet},
	}
	for i := range scenarios {
		if err := scenarios[i].measure(ctx, b.runs); err != nil {
			return fmt.Errorf("%s: %w", scenarios[i].name, err)
		}
	}
	return b.report(ctx, os.Stdout, scenarios)
}

// step is one side of a scenario; n counts its runs from 0.
type step func(ctx context.Context, n int) (*exec.Cmd, error)

// scenario is one row of the result.
type scenario struct {
	name, what string
	hand, tool step
	byHand     series
	byTool     series
}

// measure runs both sides in turn, so that whatever else the machine does
// hits both.
func (s *scenario) measure(ctx context.Context, runs int) error {
	for n := range runs {
		for _, side := range []struct {
			name string
			step step
			into *series
		}{{"by hand", s.hand, &s.byHand}, {"mkmini", s.tool, &s.byTool}} {
			cmd, err := side.step(ctx, n)
			if err != nil {
				return err
			}
			taken, err := timed(cmd)
			if err != nil {
				return fmt.Errorf("%s: %w", side.name, err)
			}
			fmt.Fprintf(os.Stderr, "%-16s %-8s %2d  wall %6.2f s  cpu %6.2f s\n",
				s.name, side.name, n+1, taken.wall.Seconds(), taken.cpu.Seconds())
			*side.into = append(*side.into, taken)
		}
	}
	return nil
}
