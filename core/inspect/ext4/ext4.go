// Package ext4 reads file systems of the ext family, ext2 to ext4, from files
// that anybody may have made: without privileges, and trusting nothing.
// Source: the kernel's Documentation/filesystems/ext4.
package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FS is a file system.
type FS struct {
	r io.ReaderAt
	// size is the length of the file system in bytes, and block that of a
	// block.
	size, block int64
	inodeSize   int64
	perGroup    uint32 // inodes of a group
	inodes      uint32
	tables      []int64 // where the inodes of each group are, in bytes
	// Dirty says that there are changes in the journal that are not in the
	// file system yet.
	Dirty bool
	// budget is how many blocks may still be read that say where others are:
	// of a sound file system, each once.
	budget int64
}

// Where the super block is, and the features that matter here.
const (
	superAt   = 1024
	superSize = 1024
	magic     = 0xef53

	featureRecover = 0x4
	featureMetaBG  = 0x10
	feature64Bit   = 0x80
)

// readable are the features without which a file system can't be read, as far
// as they are known here: types in folders, journals, groups of descriptors,
// extents, 64 bits, several mounts, groups of groups, attributes in inodes,
// seeds of checksums, large folders, inline data, and names without case.
const readable = 0x2 | featureRecover | featureMetaBG | 0x40 | feature64Bit | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x20000

// errBroken is in what is said of file systems that make no sense.
var errBroken = errors.New("the ext4 file system is damaged")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errBroken, fmt.Sprintf(format, args...))
}

// Is says whether what begins with head, 2 KiB or more, is such a file system.
func Is(head []byte) bool {
	return len(head) >= superAt+superSize && binary.LittleEndian.Uint16(head[superAt+0x38:]) == magic &&
		binary.LittleEndian.Uint32(head[superAt+0x18:]) <= 6
}

// New reads what describes the file system in the first size bytes of r.
func New(r io.ReaderAt, size int64) (*FS, error) {
	b := make([]byte, superSize)
	if _, err := r.ReadAt(b, superAt); err != nil {
		return nil, broken("it has no super block: %v", err)
	}
	le := binary.LittleEndian
	features := le.Uint32(b[0x60:])
	if le.Uint16(b[0x38:]) != magic || le.Uint32(b[0x18:]) > 6 {
		return nil, broken("it has no super block")
	}
	if unknown := features &^ readable; unknown != 0 {
		return nil, fmt.Errorf("the ext4 file system has features (%#x) that are not read here", unknown)
	}
	f := &FS{
		r: r, block: 1024 << le.Uint32(b[0x18:]), inodeSize: 128, perGroup: le.Uint32(b[0x28:]), inodes: le.Uint32(b[0:]),
		Dirty: features&featureRecover != 0,
	}
	if le.Uint32(b[0x4c:]) > 0 {
		f.inodeSize = int64(le.Uint16(b[0x58:]))
	}
	blocks := uint64(le.Uint32(b[4:]))
	if features&feature64Bit != 0 {
		blocks |= uint64(le.Uint32(b[0x150:])) << 32
	}
	if blocks == 0 || blocks > uint64(size/f.block) {
		return nil, broken("it has %d blocks of %d bytes, and there are %d bytes", blocks, f.block, size)
	}
	f.size = int64(blocks) * f.block
	f.budget = 2*int64(blocks) + 1024
	perGroup, first := int64(le.Uint32(b[0x20:])), int64(le.Uint32(b[0x14:]))
	if f.inodeSize < 128 || f.inodeSize > f.block || f.inodeSize&(f.inodeSize-1) != 0 || f.perGroup == 0 || perGroup == 0 || first > 1 {
		return nil, broken("its super block makes no sense")
	}
	groups := (int64(blocks) - first + perGroup - 1) / perGroup
	if int64(f.inodes) > groups*int64(f.perGroup) {
		return nil, broken("it has %d inodes in %d groups", f.inodes, groups)
	}
	return f, f.descriptors(b, groups, first, perGroup)
}

// descriptors reads where the groups have their inodes.
func (f *FS) descriptors(super []byte, groups, first, perGroup int64) error {
	le := binary.LittleEndian
	features, size := le.Uint32(super[0x60:]), int64(32)
	if features&feature64Bit != 0 {
		size = int64(le.Uint16(super[0xfe:]))
	}
	if size < 32 || size > f.block {
		return broken("its descriptors have %d bytes", size)
	}
	perBlock := f.block / size
	scattered := int64(1<<62 - 1)
	if features&featureMetaBG != 0 {
		scattered = int64(le.Uint32(super[0x104:]))
	}
	b := make([]byte, f.block)
	for g := range groups {
		if g%perBlock == 0 {
			at := first + 1 + g/perBlock
			if g/perBlock >= scattered {
				if at = first + g*perGroup; hasSuper(g, le.Uint32(super[0x64:])) {
					at++
				}
			}
			if err := f.readBlock(b, at); err != nil {
				return err
			}
		}
		d := b[g%perBlock*size:]
		table := uint64(le.Uint32(d[8:]))
		if size >= 64 {
			table |= uint64(le.Uint32(d[0x28:])) << 32
		}
		if table >= uint64(f.size/f.block) {
			return broken("the inodes of group %d are in block %d", g, table)
		}
		f.tables = append(f.tables, int64(table)*f.block)
	}
	return nil
}

// hasSuper says whether a group has a copy of the super block, with features
// for what can be only read by who knows them.
func hasSuper(group int64, features uint32) bool {
	const sparse = 1
	if features&sparse == 0 || group <= 1 {
		return true
	}
	for _, base := range []int64{3, 5, 7} {
		n := base
		for n < group {
			n *= base
		}
		if n == group {
			return true
		}
	}
	return false
}

// readBlock reads a block that says where others are.
func (f *FS) readBlock(b []byte, block int64) error {
	if f.budget--; f.budget < 0 {
		return broken("its blocks lead to each other")
	}
	if block <= 0 || block >= f.size/f.block {
		return broken("it refers to the block %d of %d", block, f.size/f.block)
	}
	if _, err := f.r.ReadAt(b, block*f.block); err != nil {
		return fmt.Errorf("read block %d: %w", block, err)
	}
	return nil
}
