// Package disk reads images of disks that anybody may have made: partition
// tables, and QEMU's qcow2. It trusts nothing that they say.
package disk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

// Partition is a part of a disk.
type Partition struct {
	// Number counts from 1, as the kernel does.
	Number int `json:"number"`
	// Start and Size are in bytes.
	Start int64 `json:"start"`
	Size  int64 `json:"size"`
	// Type is a GUID of a GPT, or the hexadecimal number of an MBR.
	Type string `json:"type"`
	// Name and ID are those of a GPT.
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"`
}

// Table is a partition table.
type Table struct {
	// Kind is "gpt" or "mbr".
	Kind string `json:"kind"`
	// ID is the disk's GUID or, of an MBR, its number.
	ID string `json:"id"`
	// Partitions are in the order of the table.
	Partitions []Partition `json:"partitions"`
}

// ErrNone says that there is no partition table.
var ErrNone = errors.New("there is no partition table")

const (
	sector = 512
	// bootAt is where a boot record has its four partitions.
	bootAt        = 446
	bootEntry     = 16
	protective    = 0xee
	maxPartitions = 256
)

// Read reads the partition table of a disk of size bytes.
func Read(r io.ReaderAt, size int64) (*Table, error) {
	boot := make([]byte, sector)
	if _, err := r.ReadAt(boot, 0); err != nil || !IsBoot(boot) {
		return nil, ErrNone
	}
	for i := range 4 {
		if boot[bootAt+bootEntry*i+4] == protective {
			return readGPT(r, size)
		}
	}
	return readMBR(r, boot, size)
}

// IsBoot says whether 512 bytes are a boot record with a table of partitions.
func IsBoot(b []byte) bool {
	if len(b) < sector || b[510] != 0x55 || b[511] != 0xaa {
		return false
	}
	some := false
	for i := range 4 {
		e := b[bootAt+bootEntry*i:][:bootEntry]
		if e[0]&0x7f != 0 || e[4] != 0 && binary.LittleEndian.Uint32(e[12:]) == 0 {
			return false // code of a boot loader, or a file system
		}
		some = some || e[4] != 0
	}
	return some
}

// readGPT reads a table of GUIDs. Sectors have 512 bytes or 4096.
// Source: UEFI specification 2.10, chapter 5.
func readGPT(r io.ReaderAt, size int64) (*Table, error) {
	le := binary.LittleEndian
	for _, sector := range []int64{512, 4096} {
		head := make([]byte, 512)
		if _, err := r.ReadAt(head, sector); err != nil || string(head[:8]) != "EFI PART" {
			continue
		}
		length, count, each := le.Uint32(head[12:]), int64(le.Uint32(head[80:])), int64(le.Uint32(head[84:]))
		if length < 92 || length > 512 || count > 1<<14 || each < 128 || each > 4096 || each&(each-1) != 0 {
			return nil, errors.New("the partition table's head makes no sense")
		}
		sum := le.Uint32(head[16:])
		clear(head[16:20])
		array := make([]byte, count*each)
		at := le.Uint64(head[72:])
		if at > uint64(size/sector) {
			return nil, errors.New("the partition table is beyond the disk's end")
		}
		if _, err := r.ReadAt(array, int64(at)*sector); err != nil {
			return nil, fmt.Errorf("read the partition table: %w", err)
		}
		if crc32.ChecksumIEEE(head[:length]) != sum || crc32.ChecksumIEEE(array) != le.Uint32(head[88:]) {
			return nil, errors.New("the partition table has another checksum than it says")
		}
		t := &Table{Kind: "gpt", ID: guid(head[56:72])}
		for i := range count {
			if err := t.addGUID(int(i)+1, array[i*each:][:each], sector, size); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	return nil, errors.New("the disk says that it has a GPT, and there is none")
}

// addGUID adds an entry of a GPT, if it is used.
func (t *Table) addGUID(number int, e []byte, sector, size int64) error {
	if string(e[:16]) == strings.Repeat("\x00", 16) {
		return nil
	}
	le := binary.LittleEndian
	first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
	if last < first || last >= uint64(size/sector) {
		return fmt.Errorf("partition %d is beyond the disk's end", number)
	}
	var name []uint16
	for i := 56; i+1 < 128; i += 2 {
		unit := le.Uint16(e[i:])
		if unit == 0 {
			break
		}
		name = append(name, unit)
	}
	return t.add(Partition{
		Number: number, Start: int64(first) * sector, Size: int64(last-first+1) * sector,
		Type: guid(e[:16]), ID: guid(e[16:32]), Name: string(utf16.Decode(name)),
	})
}

func (t *Table) add(p Partition) error {
	if len(t.Partitions) == maxPartitions {
		return fmt.Errorf("the disk has more than %d partitions", maxPartitions)
	}
	t.Partitions = append(t.Partitions, p)
	return nil
}

// guid writes a GUID out, whose first three parts are the other way round.
func guid(b []byte) string {
	order := []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	turned := make([]byte, 16)
	for i, from := range order {
		turned[i] = b[from]
	}
	text := hex.EncodeToString(turned)
	return strings.ToUpper(strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"))
}

// readMBR reads the four partitions of a boot record, and the chain of those
// in an extended one.
func readMBR(r io.ReaderAt, boot []byte, size int64) (*Table, error) {
	t := &Table{Kind: "mbr", ID: fmt.Sprintf("%08x", binary.LittleEndian.Uint32(boot[440:]))}
	var extended int64
	for i := range 4 {
		p := bootPartition(boot[bootAt+bootEntry*i:], i+1, 0)
		if p.Size == 0 {
			continue
		}
		if isExtended(p.Type) {
			extended = p.Start
			continue
		}
		if p.Start+p.Size > size {
			return nil, fmt.Errorf("partition %d is beyond the disk's end", p.Number)
		}
		if err := t.add(p); err != nil {
			return nil, err
		}
	}
	if extended == 0 {
		return t, nil
	}
	return t, t.chain(r, extended, size)
}

// chain reads the partitions in an extended one: a boot record before each,
// whose second entry leads to the next.
func (t *Table) chain(r io.ReaderAt, extended, size int64) error {
	at := extended
	for number := 5; ; number++ {
		boot := make([]byte, sector)
		if _, err := r.ReadAt(boot, at); err != nil || boot[510] != 0x55 || boot[511] != 0xaa {
			return fmt.Errorf("there is no boot record before partition %d", number)
		}
		p := bootPartition(boot[bootAt:], number, at)
		if p.Size > 0 {
			if p.Start+p.Size > size {
				return fmt.Errorf("partition %d is beyond the disk's end", number)
			}
			if err := t.add(p); err != nil {
				return err
			}
		}
		next := bootPartition(boot[bootAt+bootEntry:], 0, extended)
		if next.Size == 0 {
			return nil
		}
		// Each is behind the one before, so the chain has an end.
		if !isExtended(next.Type) || next.Start <= at {
			return fmt.Errorf("the chain of partitions makes no sense behind partition %d", number)
		}
		at = next.Start
	}
}

// bootPartition reads an entry whose place counts from base.
func bootPartition(e []byte, number int, base int64) Partition {
	le := binary.LittleEndian
	p := Partition{Number: number, Type: fmt.Sprintf("%02x", e[4])}
	if e[4] != 0 {
		p.Start, p.Size = base+int64(le.Uint32(e[8:]))*sector, int64(le.Uint32(e[12:]))*sector
	}
	return p
}

func isExtended(kind string) bool { return kind == "05" || kind == "0f" || kind == "85" }
