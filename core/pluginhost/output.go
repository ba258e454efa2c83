package pluginhost

import (
	"bytes"
	"strings"
	"sync"
)

// What a plugin printed is kept in small parts, for the case that it fails.
const (
	tailLines  = 64
	panicLines = 16
	lineLength = 1 << 10
)

// tail keeps the last lines of a plugin's standard error, and the head of a
// panic, after which hundreds of lines of goroutines may follow.
type tail struct {
	mu        sync.Mutex
	last      []string
	panicking []string
}

func (t *tail) add(line string) {
	line = strings.ToValidUTF8(line, "�")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last = append(t.last, line); len(t.last) > tailLines {
		t.last = t.last[1:]
	}
	starts := strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
	if (starts || t.panicking != nil) && len(t.panicking) < panicLines {
		t.panicking = append(t.panicking, line)
	}
}

// lines returns the last lines, oldest first.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.last...)
}

// panicHead returns the first lines of a panic, or nil.
func (t *tail) panicHead() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.panicking...)
}

// head keeps the first bytes that are written to it, up to limit.
type head struct {
	limit int
	mu    sync.Mutex
	buf   []byte
}

// Write never fails: a plugin should not notice that nobody cares.
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf, p[:min(len(p), h.limit-len(h.buf))]...)
	return len(p), nil
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.buf)
}

// lines hands over what is written to it line by line. Long lines are cut.
type lines struct {
	mu      sync.Mutex
	take    func(string)
	partial []byte
	skip    bool
}

func newLines(take func(string)) *lines { return &lines{take: take} }

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		if !l.skip {
			l.partial = append(l.partial, part[:min(len(part), lineLength-len(l.partial))]...)
			l.skip = len(l.partial) == lineLength
		}
		if ended {
			l.emit()
		}
		rest = after
	}
	return len(p), nil
}

// flush hands over a last line that has no end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.emit()
	}
}

func (l *lines) emit() {
	l.take(strings.TrimRight(string(l.partial), "\r"))
	l.partial, l.skip = l.partial[:0], false
}
