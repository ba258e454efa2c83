package crossgcc

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// buildLog is the file that holds all that a part's build printed, and the
// last lines of the last command.
type buildLog struct {
	name  string
	file  *os.File
	lines []string
}

func newBuildLog(name string) (*buildLog, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("begin the log: %w", err)
	}
	return &buildLog{name: name, file: file}, nil
}

func (l *buildLog) close() error { return l.file.Close() }

// printf writes a line of mkmini's own, and begins another command.
func (l *buildLog) printf(format string, args ...any) {
	fmt.Fprintf(l.file, "mkmini: "+format+"\n", args...)
	l.lines = nil
}

// watched is how many lines of a command are kept to be explained. Much is
// printed between an error and the end of a make with several jobs.
const watched = 4000

// last returns what the last command printed at its end.
func (l *buildLog) last() []string { return l.lines }

func (l *buildLog) keep(line string) {
	if len(l.lines) >= 2*watched {
		l.lines = append(l.lines[:0], l.lines[len(l.lines)-watched:]...)
	}
	l.lines = append(l.lines, line)
}

// writer returns a writer into the log that hands each line to watch.
func (l *buildLog) writer(watch func(line string)) *lineWriter {
	return &lineWriter{log: l, watch: watch}
}

// lineWriter passes on what is written, and calls a function with each line.
type lineWriter struct {
	log   *buildLog
	watch func(string)
	rest  []byte
	// err is the first error of writing: make must not stop for it halfway.
	err error
}

func (w *lineWriter) Write(data []byte) (int, error) {
	if _, err := w.log.file.Write(data); err != nil && w.err == nil {
		w.err = err
	}
	w.rest = append(w.rest, data...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.line(string(line))
		w.rest = rest
	}
}

func (w *lineWriter) line(line string) {
	w.log.keep(line)
	w.watch(line)
}

// flush hands over a last line without an end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(string(w.rest))
		w.rest = nil
	}
}

// The shapes of errors: of compilers and configure scripts, of linkers and
// assemblers, of make.
var (
	compileError = regexp.MustCompile(`^[^\s:]+:\d+:(?:\d+:)? (?:fatal |internal compiler )?error: (.*)$`)
	otherError   = regexp.MustCompile(`^(?:\S+: )?(?:error|Error|ERROR): (.*)$|(undefined reference to .*)|^\S*:\d+: Error: (.*)$|^(?:\S*/)?(?:ld|as|patch): (.*)$|(^\d+ out of \d+ hunks? .*)`)
	makeError    = regexp.MustCompile(`^make(?:\[\d+\])?: \*\*\* (.*)$`)
)

// most is how many lines show an error.
const most = 5

// explain finds in the output of a command its first error, and the lines
// that show it.
func explain(lines []string) (message string, shown []string) {
	for _, shape := range []*regexp.Regexp{compileError, otherError, makeError} {
		for i, line := range lines {
			m := shape.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			shown = []string{line}
			for _, next := range lines[i+1:] {
				// gcc shows the source line and marks, with a bar.
				if !strings.Contains(next, " | ") || len(shown) == most {
					break
				}
				shown = append(shown, next)
			}
			return strings.TrimSpace(strings.Join(m[1:], "")), shown
		}
	}
	return "", lines[max(0, len(lines)-most):]
}
