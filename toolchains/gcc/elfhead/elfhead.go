// Package elfhead reads what an ELF header says of the machine that a file is
// for. It knows no list of machines, so it reads those that others don't know
// yet.
package elfhead

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// ErrNotELF says that a file has no ELF header.
var ErrNotELF = errors.New("not an ELF file")

// Header is the part of an ELF header that identifies a machine.
// Source: System V ABI, chapter 4, "ELF Header" and "Program Header".
type Header struct {
	// Bits is 32 or 64.
	Bits      int
	BigEndian bool
	// Type is e_type: 1 for an object, 2 for an executable at a fixed
	// address, 3 for one at any, and shared objects.
	Type uint16
	// Machine is e_machine.
	Machine uint16
	// Flags is e_flags, whose meaning depends on the machine.
	Flags uint32
	// Interp says that it needs a dynamic linker.
	Interp bool
}

// String returns the header in the words of an error message.
func (h Header) String() string {
	order := "little-endian"
	if h.BigEndian {
		order = "big-endian"
	}
	text := fmt.Sprintf("ELF%d %s, machine 0x%x", h.Bits, order, h.Machine)
	if h.Flags != 0 {
		text += fmt.Sprintf(", flags 0x%x", h.Flags)
	}
	return text
}

// Matches says whether a file with this header is for an architecture.
func (h Header) Matches(elf sdk.ELF) bool {
	if h.Bits != elf.Bits || h.BigEndian != elf.BigEndian {
		return false
	}
	// A linker settles the flags: those of objects may say less.
	if h.Type != typeObject && h.Flags&elf.FlagsMask != elf.Flags {
		return false
	}
	return slices.Contains(elf.Machines, h.Machine)
}

// ReadFile reads the header of a file.
func ReadFile(name string) (Header, error) {
	file, err := os.Open(name)
	if err != nil {
		return Header{}, fmt.Errorf("read ELF header: %w", err)
	}
	defer file.Close()
	header, err := Read(file)
	if err != nil {
		return Header{}, fmt.Errorf("read ELF header of %s: %w", name, err)
	}
	return header, nil
}

// Program header types, and the sizes and offsets of fields that differ
// between 32 and 64 bits.
const (
	typeObject = 1
	ptInterp   = 3
	flags32At  = 36
	flags64At  = 48
	machineAt  = 18
	identSize  = 16
	head32Size = 52
	head64Size = 64
)

// Read reads the header at the start of r.
func Read(r io.ReaderAt) (Header, error) {
	head := make([]byte, head64Size)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return Header{}, err
	}
	head = head[:n]
	if n < head32Size || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return Header{}, ErrNotELF
	}
	var h Header
	switch head[4] {
	case 1:
		h.Bits = 32
	case 2:
		h.Bits = 64
	default:
		return Header{}, fmt.Errorf("%w: class %d", ErrNotELF, head[4])
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch head[5] {
	case 1:
	case 2:
		h.BigEndian, order = true, binary.BigEndian
	default:
		return Header{}, fmt.Errorf("%w: byte order %d", ErrNotELF, head[5])
	}
	if h.Bits == 64 && n < head64Size {
		return Header{}, ErrNotELF
	}
	h.Type = order.Uint16(head[identSize:])
	h.Machine = order.Uint16(head[machineAt:])
	h.Flags = order.Uint32(head[flags32At:])
	if h.Bits == 64 {
		h.Flags = order.Uint32(head[flags64At:])
	}
	h.Interp, err = hasInterp(r, order, head, h.Bits)
	return h, err
}

// hasInterp looks for a program header that names a dynamic linker.
func hasInterp(r io.ReaderAt, order binary.ByteOrder, head []byte, bits int) (bool, error) {
	var offset int64
	var size, count uint16
	if bits == 64 {
		offset = int64(order.Uint64(head[32:]))
		size, count = order.Uint16(head[54:]), order.Uint16(head[56:])
	} else {
		offset = int64(order.Uint32(head[28:]))
		size, count = order.Uint16(head[42:]), order.Uint16(head[44:])
	}
	if count > 0 && (size < 4 || offset < 0) {
		return false, fmt.Errorf("%w: program headers of %d bytes at %d", ErrNotELF, size, offset)
	}
	kind := make([]byte, 4)
	for i := range int64(count) {
		if _, err := r.ReadAt(kind, offset+i*int64(size)); err != nil {
			return false, fmt.Errorf("read program header %d: %w", i, err)
		}
		if order.Uint32(kind) == ptInterp {
			return true, nil
		}
	}
	return false, nil
}
