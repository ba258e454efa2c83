// Package gpt writes partition tables of disks in the GUID format of the UEFI
// specification, chapter 5, as its only partition needs it.
package gpt

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// The layout of a disk, in bytes: the table, then from Start on the partition,
// and a copy of the table in the last End bytes. All are multiples of what
// disks of any kind like.
const (
	SectorSize = 512
	Start      = 1 << 20
	End        = 1 << 20
)

// The table's layout in sectors.
const (
	headerSize   = 92
	entrySize    = 128
	entries      = 128
	entrySectors = entries * entrySize / SectorSize
)

// GUID is an identifier as it is written out: 4 bytes, 2, 2, 2 and 6, the most
// significant first.
type GUID [16]byte

// types are the types of root partitions by the architecture's name: those of
// the Discoverable Partitions Specification.
var types = map[string]GUID{
	"x86_64":      {0x4f, 0x68, 0xbc, 0xe3, 0xe8, 0xcd, 0x4d, 0xb1, 0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09},
	"aarch64":     {0xb9, 0x21, 0xb0, 0x45, 0x1d, 0xf0, 0x41, 0xc3, 0xaf, 0x44, 0x4c, 0x6f, 0x28, 0x0d, 0x3f, 0xae},
	"riscv64":     {0x72, 0xec, 0x70, 0xa6, 0xcf, 0x74, 0x40, 0xe6, 0xbd, 0x49, 0x4b, 0xda, 0x08, 0xe8, 0xf2, 0x24},
	"loongarch64": {0x77, 0x05, 0x58, 0x00, 0x79, 0x2c, 0x4f, 0x94, 0xb3, 0x9a, 0x98, 0xc9, 0x1b, 0x76, 0x2b, 0xb6},
}

// linuxData is the type of file systems of Linux.
var linuxData = GUID{0x0f, 0xc6, 0x3d, 0xaf, 0x84, 0x83, 0x47, 0x72, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}

// RootType returns the type of the root partition of an architecture: that of
// any file system if it has none of its own.
func RootType(arch string) GUID {
	if guid, known := types[arch]; known {
		return guid
	}
	return linuxData
}

// put writes a GUID as disks have it: the first three parts the other way
// round.
func (g GUID) put(b []byte) {
	for i, from := range []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		b[i] = g[from]
	}
}

// Table describes a disk with one partition.
type Table struct {
	// Size is the disk's length in bytes, a multiple of SectorSize.
	Size int64
	// Disk and Partition identify the two, and Type says what the partition
	// is for.
	Disk, Partition, Type GUID
	// Name is the partition's, up to 36 units of UTF-16.
	Name string
}

// Write writes the table and its copy to a disk, whose bytes are zero before.
func (t Table) Write(w io.WriterAt) error {
	name := utf16.Encode([]rune(t.Name))
	if t.Size < Start+End+SectorSize || t.Size%SectorSize != 0 || len(name) > 36 {
		return errors.New("write partition table: the disk's size or the partition's name is out of range")
	}
	sectors := uint64(t.Size / SectorSize)
	array := make([]byte, entries*entrySize)
	t.Type.put(array)
	t.Partition.put(array[16:])
	binary.LittleEndian.PutUint64(array[32:], Start/SectorSize)
	binary.LittleEndian.PutUint64(array[40:], sectors-End/SectorSize-1)
	for i, unit := range name {
		binary.LittleEndian.PutUint16(array[56+2*i:], unit)
	}
	for _, part := range []struct {
		sector  uint64
		content []byte
	}{
		{0, protective(sectors)},
		{1, t.header(1, sectors-1, 2, array)},
		{2, array},
		{sectors - 1 - entrySectors, array},
		{sectors - 1, t.header(sectors-1, 1, sectors-1-entrySectors, array)},
	} {
		if _, err := w.WriteAt(part.content, int64(part.sector)*SectorSize); err != nil {
			return err
		}
	}
	return nil
}

// header returns the header in the sector self, whose copy is in another, for
// the entries that begin at a third.
func (t Table) header(self, other, array uint64, content []byte) []byte {
	b := make([]byte, SectorSize)
	le := binary.LittleEndian
	copy(b, "EFI PART")
	le.PutUint32(b[8:], 0x10000) // revision 1.0
	le.PutUint32(b[12:], headerSize)
	le.PutUint64(b[24:], self)
	le.PutUint64(b[32:], other)
	le.PutUint64(b[40:], 2+entrySectors)                           // first sector of partitions
	le.PutUint64(b[48:], uint64(t.Size/SectorSize)-2-entrySectors) // and the last
	t.Disk.put(b[56:])
	le.PutUint64(b[72:], array)
	le.PutUint32(b[80:], entries)
	le.PutUint32(b[84:], entrySize)
	le.PutUint32(b[88:], crc32.ChecksumIEEE(content))
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:headerSize]))
	return b
}

// protective returns the boot record that shows the disk as full to what
// doesn't know the format.
func protective(sectors uint64) []byte {
	b := make([]byte, SectorSize)
	copy(b[446:], []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1})
	binary.LittleEndian.PutUint32(b[458:], uint32(min(sectors-1, 1<<32-1)))
	b[510], b[511] = 0x55, 0xaa
	return b
}
