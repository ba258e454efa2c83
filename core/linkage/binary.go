// Package linkage finds out what programs need to be started: ELF files an
// interpreter and libraries, and those further ones; scripts an interpreter.
// It reads as the dynamic loaders of glibc and musl do, and runs nothing.
// Source: ld.so(8), elf(5), execve(2).
package linkage

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrNotELF says that a file is no ELF file.
var ErrNotELF = errors.New("no ELF file")

// Limits of what is read of a file: the real ones are a few kilobytes.
const (
	maxDynamic = 1 << 20
	maxStrings = 8 << 20
	maxPath    = 4096
)

// Binary is what the loader reads of an ELF file.
type Binary struct {
	Class   elf.Class
	Data    elf.Data
	Machine elf.Machine
	Type    elf.Type
	// Interpreter is the absolute path of the dynamic loader; empty for a
	// static program and for most libraries.
	Interpreter string
	// Needed are names of libraries, mostly without a folder.
	Needed []string
	// RPath and RunPath are folders to look in, as written: with $ORIGIN.
	RPath, RunPath []string
}

// SameMachine says that one process can hold both.
func (b *Binary) SameMachine(other *Binary) bool {
	return b.Class == other.Class && b.Data == other.Data && b.Machine == other.Machine
}

// Fits says whether it is for a machine: of 32 or 64 bits, of a byte order,
// and with one of some values of e_machine.
func (b *Binary) Fits(bits int, bigEndian bool, machines []uint16) bool {
	return (b.Class == elf.ELFCLASS64) == (bits == 64) && (b.Data == elf.ELFDATA2MSB) == bigEndian &&
		slices.Contains(machines, uint16(b.Machine))
}

// String names the machine: "64-bit little-endian EM_AARCH64".
func (b *Binary) String() string {
	bits, order := "64-bit", "little-endian"
	if b.Class == elf.ELFCLASS32 {
		bits = "32-bit"
	}
	if b.Data == elf.ELFDATA2MSB {
		order = "big-endian"
	}
	return fmt.Sprintf("%s %s %s", bits, order, b.Machine)
}

// Read reads a file's headers. The error is ErrNotELF if it is none, and says
// what is damaged if it is.
func Read(r io.ReaderAt) (*Binary, error) {
	magic := make([]byte, len(elf.ELFMAG))
	if n, _ := r.ReadAt(magic, 0); n < len(magic) || string(magic) != elf.ELFMAG {
		return nil, ErrNotELF
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("damaged ELF file: %w", err)
	}
	b := &Binary{Class: f.Class, Data: f.Data, Machine: f.Machine, Type: f.Type}
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_INTERP:
			text, err := segment(p, maxPath)
			if err != nil {
				return nil, fmt.Errorf("damaged ELF file: interpreter: %w", err)
			}
			b.Interpreter = cString(text)
		case elf.PT_DYNAMIC:
			if err := b.dynamic(f, p); err != nil {
				return nil, fmt.Errorf("damaged ELF file: dynamic section: %w", err)
			}
		}
	}
	return b, nil
}

// segment returns the content of a segment.
func segment(p *elf.Prog, limit uint64) ([]byte, error) {
	if p.Filesz > limit {
		return nil, fmt.Errorf("%d bytes long, more than %d", p.Filesz, limit)
	}
	data := make([]byte, p.Filesz)
	if n, err := p.ReadAt(data, 0); n < len(data) {
		return nil, err
	}
	return data, nil
}

// dynamic reads the dynamic section by way of the segments, as the loader
// does: a stripped file may have no sections.
func (b *Binary) dynamic(f *elf.File, p *elf.Prog) error {
	data, err := segment(p, maxDynamic)
	if err != nil {
		return err
	}
	var table, size uint64
	var offsets []uint64
	var tags []elf.DynTag
	for tag, value := range entries(f, data) {
		switch tag {
		case elf.DT_STRTAB:
			table = value
		case elf.DT_STRSZ:
			size = value
		case elf.DT_NEEDED, elf.DT_RPATH, elf.DT_RUNPATH:
			tags, offsets = append(tags, tag), append(offsets, value)
		}
	}
	if len(tags) == 0 {
		return nil
	}
	text, err := stringTable(f, table, size)
	if err != nil {
		return err
	}
	for i, tag := range tags {
		if offsets[i] >= uint64(len(text)) {
			return fmt.Errorf("a name at %d, beyond the %d bytes of names", offsets[i], len(text))
		}
		s := cString(text[offsets[i]:])
		switch tag {
		case elf.DT_NEEDED:
			b.Needed = append(b.Needed, s)
		case elf.DT_RPATH:
			b.RPath = folders(s)
		case elf.DT_RUNPATH:
			b.RunPath = folders(s)
		}
	}
	return nil
}

// entries yields the tags and values of a dynamic section.
func entries(f *elf.File, data []byte) func(yield func(elf.DynTag, uint64) bool) {
	word := 8
	if f.Class == elf.ELFCLASS32 {
		word = 4
	}
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(f.ByteOrder.Uint32(b))
		}
		return f.ByteOrder.Uint64(b)
	}
	return func(yield func(elf.DynTag, uint64) bool) {
		for ; len(data) >= 2*word; data = data[2*word:] {
			tag := elf.DynTag(number(data))
			if tag == elf.DT_NULL || !yield(tag, number(data[word:])) {
				return
			}
		}
	}
}

// stringTable reads the names at an address.
func stringTable(f *elf.File, addr, size uint64) ([]byte, error) {
	if size > maxStrings {
		return nil, fmt.Errorf("%d bytes of names, more than %d", size, maxStrings)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz || size > p.Filesz-(addr-p.Vaddr) {
			continue
		}
		text := make([]byte, size)
		if n, err := p.ReadAt(text, int64(addr-p.Vaddr)); n < len(text) {
			return nil, err
		}
		return text, nil
	}
	return nil, fmt.Errorf("no segment holds the names at %#x", addr)
}

func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// folders splits a list of folders.
func folders(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ';' })
}
