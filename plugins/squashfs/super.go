package squashfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	superSize = 96
	magic     = 0x73717368
)

// Flags of the super block.
const (
	flagNoFragments = 1 << 4
	flagEnds        = 1 << 5 // of all files are in fragments
	flagShared      = 1 << 6
	flagNoXattrs    = 1 << 9
)

// super is the super block, in the order of its fields.
type super struct {
	Magic, Inodes, Time, BlockSize, Fragments          uint32
	Compression, BlockLog, Flags, Owners, Major, Minor uint16
	Root, Size                                         uint64
	OwnerTable, XattrTable, InodeTable, FolderTable    uint64
	FragmentTable, ExportTable                         uint64
}

// Image is an image that was written.
type Image struct {
	// Size is its length in bytes.
	Size  int64
	super []byte
	// rest is the digest of what is behind the super block.
	rest [sha256.Size]byte
}

// Check reads an image back, and returns an error if it isn't the one that was
// written.
func (i Image) Check(r io.Reader) error {
	first := make([]byte, superSize)
	if _, err := io.ReadFull(r, first); err != nil {
		return fmt.Errorf("read the super block: %w", err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return err
	}
	if !bytes.Equal(first, i.super) || !bytes.Equal(hash.Sum(nil), i.rest[:]) {
		return fmt.Errorf("what is read back isn't what was written")
	}
	return nil
}

// finish writes the tables, and the super block last.
func (w *writer) finish() (Image, error) {
	if len(w.folders) > 0 || w.inodes != w.plan.inodes {
		return Image{}, errChanged
	}
	s := super{
		Magic: magic, Inodes: w.inodes, Time: uint32(w.plan.epoch.Unix()), BlockSize: BlockSize, BlockLog: blockLog,
		Fragments: uint32(len(w.fragments) / fragmentSize), Compression: w.method.id, Flags: flagEnds | flagShared,
		Owners: uint16(len(w.plan.list)), Major: 4, Root: w.root.packed(), ExportTable: nowhere,
	}
	if err := w.tables(&s); err != nil {
		return Image{}, err
	}
	s.Size = uint64(w.at)
	if err := w.write(make([]byte, -w.at&(padding-1))); err != nil {
		return Image{}, err
	}
	first, err := binary.Append(nil, binary.LittleEndian, s)
	if err != nil {
		return Image{}, err
	}
	if _, err := w.out.WriteAt(first, 0); err != nil {
		return Image{}, err
	}
	return Image{Size: w.at, super: first, rest: [sha256.Size]byte(w.hash.Sum(nil))}, nil
}

// fragmentSize is the length of an entry in the table of fragments.
const fragmentSize = 16

// tables writes them in the order that Linux asks for.
func (w *writer) tables(s *super) (err error) {
	for _, t := range []struct {
		at    *uint64
		table *metadata
	}{{&s.InodeTable, &w.table}, {&s.FolderTable, &w.names}} {
		if *t.at, err = w.metadata(t.table); err != nil {
			return err
		}
	}
	s.FragmentTable, s.XattrTable = nowhere, nowhere
	if s.Fragments == 0 {
		s.Flags |= flagNoFragments
	} else if s.FragmentTable, err = w.lookup(w.fragments, nil); err != nil {
		return err
	}
	if s.OwnerTable, err = w.lookup(appendNumbers(nil, w.plan.list...), nil); err != nil {
		return err
	}
	if len(w.xattrs.known) == 0 {
		s.Flags |= flagNoXattrs
		return nil
	}
	values, err := w.metadata(&w.xattrs.values)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(nil, values)
	s.XattrTable, err = w.lookup(w.xattrs.list, appendNumbers(head, uint32(len(w.xattrs.known)), 0))
	return err
}

// metadata writes a table, and returns where it begins.
func (w *writer) metadata(m *metadata) (at uint64, err error) {
	at = uint64(w.at)
	if err := m.flush(); err != nil {
		return 0, err
	}
	return at, w.write(m.out)
}

// lookup writes a table that is found by the places of its blocks: they follow
// it, behind a head, and their place is returned.
func (w *writer) lookup(table, head []byte) (at uint64, err error) {
	for len(table) > 0 {
		n := min(len(table), metadataSize)
		block, err := appendMetadata(w.table.codec, nil, table[:n])
		if err != nil {
			return 0, err
		}
		head = binary.LittleEndian.AppendUint64(head, uint64(w.at))
		if err := w.write(block); err != nil {
			return 0, err
		}
		table = table[n:]
	}
	at = uint64(w.at)
	return at, w.write(head)
}
