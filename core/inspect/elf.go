package inspect

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mkmini/mkmini/core/linkage"
)

// maxELF is the length up to which an executable is looked into.
const maxELF = 1 << 30

// ELF is what is known of an ELF file.
type ELF struct {
	// Machine is "EM_AARCH64", or the number where elf(5) has no name.
	Machine string `json:"machine,omitempty"`
	// Number is the e_machine.
	Number uint16 `json:"e_machine"`
	// Bits are 32 or 64.
	Bits      int  `json:"bits,omitempty"`
	BigEndian bool `json:"big_endian"`
	// Kind is "static", "dynamic", "library", "relocatable" or "core"; of what
	// needs nothing and may stand anywhere, "static or library".
	Kind string `json:"kind,omitempty"`
	// Interpreter is the path of the dynamic loader.
	Interpreter string `json:"interpreter,omitempty"`
	// Needed are the libraries that it names.
	Needed []string `json:"needed,omitempty"`
	// Problem says why it can't be read; the rest is empty then.
	Problem string `json:"problem,omitempty"`
}

// String returns the facts in one line.
func (e *ELF) String() string {
	if e.Problem != "" {
		return "ELF: " + e.Problem
	}
	order := "little"
	if e.BigEndian {
		order = "big"
	}
	text := fmt.Sprintf("ELF %d-bit %s-endian %s, %s", e.Bits, order, e.Machine, e.Kind)
	if e.Interpreter != "" {
		text += " by " + quoted(e.Interpreter)
	}
	if len(e.Needed) > 0 {
		var names []string
		for _, name := range e.Needed {
			names = append(names, quoted(name))
		}
		text += ", needs " + strings.Join(names, " ")
	}
	return text
}

// spoolWriter copies an executable to where it can be read in any order: its
// headers are at both ends.
type spoolWriter struct {
	file *os.File
	size int64
}

func (s *scanner) startSpool() (*spoolWriter, error) {
	if s.spool == nil {
		f, err := temporary()
		if err != nil {
			return nil, err
		}
		s.spool = f
	}
	if err := s.spool.Truncate(0); err != nil {
		return nil, err
	}
	_, err := s.spool.Seek(0, io.SeekStart)
	return &spoolWriter{file: s.spool}, err
}

// Write drops what is beyond maxELF.
func (w *spoolWriter) Write(p []byte) (int, error) {
	if fits := min(int64(len(p)), maxELF-w.size); fits > 0 {
		if _, err := w.file.Write(p[:fits]); err != nil {
			return 0, err
		}
	}
	w.size += int64(len(p))
	return len(p), nil
}

func (w *spoolWriter) facts() *ELF {
	if w.size > maxELF {
		return &ELF{Problem: fmt.Sprintf("not looked into, it has more than %d bytes", maxELF)}
	}
	b, err := linkage.Read(w.file)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) {
			err = fmt.Errorf("damaged ELF file: %w", format)
		}
		return &ELF{Problem: err.Error()}
	}
	e := &ELF{
		Machine: b.Machine.String(), Number: uint16(b.Machine), Bits: 64, BigEndian: b.Data == elf.ELFDATA2MSB,
		Interpreter: b.Interpreter, Needed: b.Needed,
	}
	if !strings.HasPrefix(e.Machine, "EM_") {
		e.Machine = fmt.Sprintf("machine %#x", e.Number)
	}
	if b.Class == elf.ELFCLASS32 {
		e.Bits = 32
	}
	e.Kind = kind(b)
	return e
}

func kind(b *linkage.Binary) string {
	switch {
	case b.Type == elf.ET_REL:
		return "relocatable"
	case b.Type == elf.ET_CORE:
		return "core"
	case b.Interpreter != "":
		return "dynamic"
	case b.Type == elf.ET_EXEC:
		return "static"
	case len(b.Needed) > 0:
		return "library"
	}
	return "static or library"
}
