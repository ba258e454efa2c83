package ui

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Screen is what is known of the terminal behind a writer.
type Screen struct {
	// Terminal says that there is one, and that it can move its cursor.
	Terminal bool
	// Color says that it may be given colours.
	Color bool
	// Width is its width in cells; 0 to ask it each time.
	Width int
}

// Detect looks at what is behind w. The environment has its say: a TERM of
// "dumb" is no terminal, and NO_COLOR takes the colours away.
// Source: https://no-color.org
func Detect(w io.Writer, getenv func(string) string) Screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || getenv("TERM") == "dumb" {
		return Screen{}
	}
	return Screen{Terminal: true, Color: getenv("NO_COLOR") == ""}
}

// size returns width and height in cells, 0 where they are not known.
func (s Screen) size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok && s.Terminal {
		if cols, rows, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 {
			width, height = cols, rows
		}
	}
	if s.Width > 0 {
		width = s.Width
	}
	return width, height
}

// color is a parameter of the control sequence that sets colours.
// Source: ECMA-48, 8.3.117.
type color string

const (
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// paint colours a text, if the screen takes it.
func (s Screen) paint(c color, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
