package gcc

import (
	"bytes"
	"fmt"
	"os"
)

// buildLog is the file that holds all that a build printed.
type buildLog struct {
	name string
	file *os.File
}

func newBuildLog(name string) (*buildLog, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create build log: %w", err)
	}
	return &buildLog{name: name, file: file}, nil
}

func (l *buildLog) close() { l.file.Close() }

// printf writes a line of mkmini's own.
func (l *buildLog) printf(format string, args ...any) {
	fmt.Fprintf(l.file, "mkmini: "+format+"\n", args...)
}

// writer returns a writer into the log that hands each line to watch, which
// may be nil.
func (l *buildLog) writer(watch func(line string)) *lineWriter {
	return &lineWriter{file: l.file, watch: watch}
}

// lineWriter passes on what is written, and calls a function with each line.
type lineWriter struct {
	file  *os.File
	watch func(string)
	rest  []byte
	// err is the first error of writing: later ones are most likely the
	// same, and make must not stop for them halfway.
	err error
}

func (w *lineWriter) Write(data []byte) (int, error) {
	if _, err := w.file.Write(data); err != nil && w.err == nil {
		w.err = err
	}
	if w.watch == nil {
		return len(data), nil
	}
	w.rest = append(w.rest, data...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.watch(string(line))
		w.rest = rest
	}
}

// flush hands over a last line without an end.
func (w *lineWriter) flush() {
	if w.watch != nil && len(w.rest) > 0 {
		w.watch(string(w.rest))
		w.rest = nil
	}
}
