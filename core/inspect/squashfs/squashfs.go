// Package squashfs reads squashfs file systems of version 4 from files that
// anybody may have made: without privileges or tools, and trusting nothing.
// Source: the kernel's fs/squashfs/squashfs_fs.h and
// Documentation/filesystems/squashfs.rst.
package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FS is a file system.
type FS struct {
	r          io.ReaderAt
	size       int64
	block      int64 // the length of a block in bytes
	unpack     unpacker
	root       uint64
	inodes     int64 // where the inodes are, and the folders
	folders    int64
	ids        *table
	fragments  *table
	attributes *table // nil if there are none
	values     int64  // where their names and values are
	meta       map[int64]metaBlock
	// fragment is the one last read, the fragmentAt-th.
	fragment   []byte
	fragmentAt uint32
}

const (
	magic     = "hsqs"
	superSize = 96
	// noTable and noFragment say that there is none.
	noTable    = 1<<64 - 1
	noFragment = 1<<32 - 1
)

var errBroken = errors.New("the squashfs file system is damaged")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errBroken, fmt.Sprintf(format, args...))
}

// New reads what describes the file system in the first size bytes of r.
func New(r io.ReaderAt, size int64) (*FS, error) {
	b := make([]byte, superSize)
	if _, err := r.ReadAt(b, 0); err != nil || string(b[:4]) != magic {
		return nil, broken("it has no super block")
	}
	le := binary.LittleEndian
	if major, minor := le.Uint16(b[28:]), le.Uint16(b[30:]); major != 4 || minor != 0 {
		return nil, fmt.Errorf("the squashfs file system is of version %d.%d; only 4.0 is read", major, minor)
	}
	f := &FS{
		r: r, size: size, block: int64(le.Uint32(b[12:])), root: le.Uint64(b[32:]),
		inodes: int64(le.Uint64(b[64:])), folders: int64(le.Uint64(b[72:])), meta: map[int64]metaBlock{}, fragmentAt: noFragment,
	}
	if f.block < 4096 || f.block > 1<<20 || f.block&(f.block-1) != 0 {
		return nil, broken("its blocks have %d bytes", f.block)
	}
	for _, at := range []int64{f.inodes, f.folders} {
		if at < superSize || at >= size {
			return nil, broken("its tables are beyond its end")
		}
	}
	var err error
	if f.unpack, err = unpackerFor(le.Uint16(b[20:])); err != nil {
		return nil, err
	}
	if f.ids, err = f.table(le.Uint64(b[48:]), int64(le.Uint16(b[26:])), 4); err != nil {
		return nil, err
	}
	if f.fragments, err = f.table(le.Uint64(b[80:]), int64(le.Uint32(b[16:])), 16); err != nil {
		return nil, err
	}
	if at := le.Uint64(b[56:]); at != noTable {
		err = f.attributeTable(at)
	}
	return f, err
}

// attributeTable reads where extended attributes are.
func (f *FS) attributeTable(at uint64) (err error) {
	const size = 16
	head := make([]byte, size)
	if at >= uint64(f.size) {
		return broken("its extended attributes are beyond its end")
	}
	if _, err := f.r.ReadAt(head, int64(at)); err != nil {
		return fmt.Errorf("read the extended attributes: %w", err)
	}
	f.values = int64(binary.LittleEndian.Uint64(head))
	f.attributes, err = f.table(at+size, int64(binary.LittleEndian.Uint32(head[8:])), 16)
	return err
}

// table is a list of entries of one length, in blocks whose places are in a
// list of their own.
type table struct {
	fs     *FS
	places []byte
	count  int64
	each   int64
}

func (f *FS) table(at uint64, count, each int64) (*table, error) {
	t := &table{fs: f, count: count, each: each}
	if count == 0 {
		return t, nil
	}
	length := 8 * ((count*each + metaSize - 1) / metaSize)
	if at >= uint64(f.size) || int64(at) > f.size-length {
		return nil, broken("a table is beyond its end")
	}
	t.places = make([]byte, length)
	if _, err := f.r.ReadAt(t.places, int64(at)); err != nil {
		return nil, fmt.Errorf("read a table: %w", err)
	}
	return t, nil
}

// get returns an entry.
func (t *table) get(index int64) ([]byte, error) {
	if index < 0 || index >= t.count {
		return nil, broken("it refers to the entry %d of %d", index, t.count)
	}
	at := index * t.each
	b := make([]byte, t.each)
	c := &cursor{fs: t.fs, at: int64(binary.LittleEndian.Uint64(t.places[8*(at/metaSize):])), in: int(at % metaSize)}
	return b, c.read(b)
}

// metaSize is the most bytes of a block of what isn't content.
const metaSize = 8192

// metaBlock is such a block, and where the next one is.
type metaBlock struct {
	data []byte
	next int64
}

// maxMeta is how many are kept.
const maxMeta = 512

func (f *FS) metaBlock(at int64) (metaBlock, error) {
	if b, ok := f.meta[at]; ok {
		return b, nil
	}
	if at < superSize || at > f.size-2 {
		return metaBlock{}, broken("it refers to the byte %d of %d", at, f.size)
	}
	head := make([]byte, 2)
	if _, err := f.r.ReadAt(head, at); err != nil {
		return metaBlock{}, err
	}
	size := int64(binary.LittleEndian.Uint16(head))
	plain := size&0x8000 != 0
	if size &= 0x7fff; size == 0 || size > metaSize || at+2+size > f.size {
		return metaBlock{}, broken("a block at %d has %d bytes", at, size)
	}
	b := metaBlock{data: make([]byte, size), next: at + 2 + size}
	_, err := f.r.ReadAt(b.data, at+2)
	if err == nil && !plain {
		b.data, err = f.unpack(b.data, metaSize)
	}
	if err != nil {
		return metaBlock{}, fmt.Errorf("read the block at %d: %w", at, err)
	}
	if len(f.meta) >= maxMeta {
		clear(f.meta)
	}
	f.meta[at] = b
	return b, nil
}

// cursor reads what isn't content, in order over blocks.
type cursor struct {
	fs *FS
	at int64
	in int
}

func (c *cursor) read(p []byte) error {
	for len(p) > 0 {
		b, err := c.fs.metaBlock(c.at)
		if err != nil {
			return err
		}
		if c.in > len(b.data) {
			return broken("it refers to the byte %d of a block of %d", c.in, len(b.data))
		}
		n := copy(p, b.data[c.in:])
		p, c.in = p[n:], c.in+n
		if len(p) > 0 {
			if n == 0 && len(b.data) == 0 {
				return broken("an empty block")
			}
			c.at, c.in = b.next, 0
		}
	}
	return nil
}

// take reads so many bytes.
func (c *cursor) take(n int) ([]byte, error) {
	b := make([]byte, n)
	return b, c.read(b)
}

// reference is a place: a block's, counted from base on, and one in it.
func (f *FS) reference(base int64, ref uint64) *cursor {
	return &cursor{fs: f, at: base + int64(ref>>16), in: int(ref & 0xffff)}
}
