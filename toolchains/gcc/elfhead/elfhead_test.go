package elfhead_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// byteOrder is what both of encoding/binary's byte orders can do.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// file returns the start of an ELF file with program headers of some types.
func file(bits int, order byteOrder, machine uint16, types ...uint32) []byte {
	class, data := byte(2), byte(1)
	if bits == 32 {
		class = 1
	}
	if order.Uint16([]byte{0, 1}) == 1 {
		data = 2
	}
	b := []byte{0x7f, 'E', 'L', 'F', class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, machine)
	b = order.AppendUint32(b, 1)
	if bits == 64 {
		b = order.AppendUint64(b, 0x120000000)
		b = order.AppendUint64(b, 64)
		b = order.AppendUint64(b, 0)
	} else {
		b = order.AppendUint32(b, 0x8000)
		b = order.AppendUint32(b, 52)
		b = order.AppendUint32(b, 0)
	}
	b = order.AppendUint32(b, 0x5000400)
	b = order.AppendUint16(b, uint16(bits)) // e_ehsize, not read
	b = order.AppendUint16(b, 8)
	b = order.AppendUint16(b, uint16(len(types)))
	b = append(b, make([]byte, 6)...)
	for _, kind := range types {
		b = order.AppendUint32(b, kind)
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want elfhead.Header
	}{
		{"sw64", file(64, binary.LittleEndian, 0x9916, 1), elfhead.Header{Bits: 64, Type: 2, Flags: 0x5000400, Machine: 0x9916}},
		{"alpha", file(64, binary.LittleEndian, 0x9026), elfhead.Header{Bits: 64, Type: 2, Flags: 0x5000400, Machine: 0x9026}},
		{"s390x, dynamic", file(64, binary.BigEndian, 22, 1, 6, 3), elfhead.Header{Bits: 64, BigEndian: true, Type: 2, Flags: 0x5000400, Machine: 22, Interp: true}},
		{"arm", file(32, binary.LittleEndian, 40, 1, 3), elfhead.Header{Bits: 32, Type: 2, Flags: 0x5000400, Machine: 40, Interp: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := elfhead.Read(bytes.NewReader(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	good := file(64, binary.LittleEndian, 62, 1)
	badClass, badOrder, badSize := bytes.Clone(good), bytes.Clone(good), bytes.Clone(good)
	badClass[4], badOrder[5], badSize[54] = 3, 0, 1
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("#!/bin/sh\nexec gcc \"$@\" # a long enough script to hold a header in full\n"),
		"half a header": good[:60], "class": badClass, "byte order": badOrder, "size": badSize,
	} {
		if _, err := elfhead.Read(bytes.NewReader(data)); !errors.Is(err, elfhead.ErrNotELF) {
			t.Errorf("%s: err = %v, want %v", name, err, elfhead.ErrNotELF)
		}
	}
	if _, err := elfhead.Read(bytes.NewReader(good[:66])); err == nil {
		t.Error("a file cut in its program headers was read")
	}
}

func TestMatches(t *testing.T) {
	sw64 := sdk.ELF{Bits: 64, Machines: []uint16{0x9916, 268}}
	tests := []struct {
		header elfhead.Header
		want   bool
	}{
		{elfhead.Header{Bits: 64, Machine: 0x9916}, true},
		{elfhead.Header{Bits: 64, Machine: 268}, true},
		{elfhead.Header{Bits: 64, Machine: 0x9026}, false},
		{elfhead.Header{Bits: 32, Machine: 0x9916}, false},
		{elfhead.Header{Bits: 64, Machine: 0x9916, BigEndian: true}, false},
	}
	for _, test := range tests {
		if got := test.header.Matches(sw64); got != test.want {
			t.Errorf("%v matches sw64: %v, want %v", test.header, got, test.want)
		}
	}
}

func TestMatchesFlags(t *testing.T) {
	hard := sdk.ELF{Bits: 32, Machines: []uint16{40}, FlagsMask: 0x600, Flags: 0x400}
	tests := []struct {
		name   string
		header elfhead.Header
		want   bool
	}{
		{"hard float", elfhead.Header{Bits: 32, Type: 2, Machine: 40, Flags: 0x5000400}, true},
		{"soft float", elfhead.Header{Bits: 32, Type: 2, Machine: 40, Flags: 0x5000200}, false},
		{"soft float, at any address", elfhead.Header{Bits: 32, Type: 3, Machine: 40, Flags: 0x5000200}, false},
		{"an object, which says nothing of it", elfhead.Header{Bits: 32, Type: 1, Machine: 40, Flags: 0x5000000}, true},
	}
	for _, test := range tests {
		if got := test.header.Matches(hard); got != test.want {
			t.Errorf("%s: %v matches: %v, want %v", test.name, test.header, got, test.want)
		}
	}
}

func TestReadFileOfRealExecutables(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed: apt-get install gcc")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "a.c")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "a")
	if out, err := exec.Command(gcc, "-o", name, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	header, err := elfhead.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !header.Interp {
		t.Error("a dynamic executable has no interpreter")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(64, binary.LittleEndian, 0x9916, 1, 3))
	f.Add(file(32, binary.BigEndian, 40, 3))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		header, err := elfhead.Read(bytes.NewReader(data))
		if err == nil && header.Bits != 32 && header.Bits != 64 {
			t.Errorf("read %+v without an error", header)
		}
	})
}
