package hostsystem

import (
	"context"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/linkage"
)

// fits looks whether the programs are for the machine that the image is for.
// One that is will do: a system may hold firmware and others' libraries as
// well, and every program is checked once the file system is put together.
func (s *selection) fits(ctx context.Context) error {
	want := s.host.Machine
	if len(want.Machines) == 0 {
		return nil
	}
	var first *linkage.Binary
	var name string
	for _, at := range slices.Sorted(maps.Keys(s.items)) {
		item := s.items[at]
		if !item.Info.Mode().IsRegular() || item.Info.Mode()&0o111 == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b := s.binary(at)
		if b == nil {
			continue
		}
		if b.Fits(want.Bits, want.BigEndian, want.Machines) {
			return nil
		}
		if first == nil {
			first, name = b, at
		}
	}
	if first == nil {
		return nil
	}
	remedy := "Name the root of a system for that machine in root, such as debootstrap --foreign --arch makes one."
	if s.dir != "/" {
		remedy = "Name the root of a system for that machine in root."
	}
	return &fault.Error{
		Step: "rootfs", Summary: "System for another machine", Range: &s.block, Usage: true, Remedy: remedy,
		Detail: fmt.Sprintf("%s is for %s, as all programs that %s gives, and the image is for %s.", s.disk(name), first, s.dir, machines(want.Machines)),
	}
}

func machines(numbers []uint16) string {
	text := ""
	for i, n := range numbers {
		if i > 0 {
			text += " or "
		}
		text += elf.Machine(n).String()
	}
	return text
}

// binary reads the headers of a file; nil if it is no ELF file.
func (s *selection) binary(name string) *linkage.Binary {
	f, err := os.Open(s.disk(name))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := linkage.Read(f)
	if err != nil {
		return nil
	}
	return b
}
