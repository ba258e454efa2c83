package linkage

import (
	"io"
	"path"
	"strings"
)

// maxLine is how much of a script's first line Linux reads: BINPRM_BUF_SIZE.
const maxLine = 256

// Script is the first line of a script: "#!/usr/bin/env -S sh -e".
type Script struct {
	// Interpreter is what the kernel starts: "/usr/bin/env".
	Interpreter string
	// Program is what env looks for on PATH: "sh"; empty without env.
	Program string
}

// ReadScript reads a file's first line, and says whether it has the mark.
func ReadScript(r io.ReaderAt) (Script, bool) {
	buf := make([]byte, maxLine)
	n, _ := r.ReadAt(buf, 0)
	line, marked := strings.CutPrefix(string(buf[:n]), "#!")
	if !marked {
		return Script{}, false
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if len(words) == 0 {
		return Script{}, false
	}
	s := Script{Interpreter: words[0]}
	if path.Base(s.Interpreter) != "env" {
		return s, true
	}
	for _, word := range words[1:] {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			s.Program = word
			break
		}
	}
	return s, true
}
