package ui

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// emulator is a terminal that is as tall as needed: it takes what bars use,
// newlines, colours, "cursor up" and "erase below", and fails on all else.
type emulator struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
	row   int
	raw   strings.Builder
	// torn is the start of a control sequence whose end has not come yet.
	torn string
}

func newEmulator(t *testing.T) *emulator { return &emulator{t: t, lines: []string{""}} }

func (e *emulator) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.raw.Write(p)
	s := e.torn + string(p)
	e.torn = ""
	for s != "" {
		if s[0] == '\x1b' {
			end := strings.IndexFunc(s[min(2, len(s)):], func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				e.torn = s
				break
			}
			e.control(s[2:2+end], s[2+end])
			s = s[3+end:]
			continue
		}
		switch c := s[0]; {
		case c == '\r':
		case c == '\n':
			if e.row++; e.row == len(e.lines) {
				e.lines = append(e.lines, "")
			}
		case c < ' ':
			e.t.Errorf("control character %q", c)
		default:
			e.lines[e.row] += s[:1]
		}
		s = s[1:]
	}
	return len(p), nil
}

func (e *emulator) control(parameter string, final byte) {
	switch final {
	case 'A':
		n, err := strconv.Atoi(parameter)
		if err != nil || n < 1 || n > e.row {
			e.t.Errorf("the cursor goes up %q lines from line %d", parameter, e.row)
			return
		}
		e.row -= n
	case 'J':
		e.lines = append(e.lines[:e.row], "")
	case 'm':
	default:
		e.t.Errorf("unexpected control sequence %q %q", parameter, final)
	}
}

// screen returns what is to be seen, and everything that was.
func (e *emulator) screen() (now, ever string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.lines, "\n"), e.raw.String()
}
