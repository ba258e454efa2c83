package squashfs

import (
	"encoding/binary"
	"fmt"
	"io"
)

// reader reads content in order, a block at a time.
type reader struct {
	n      *Inode
	blocks cursor
	at     int64 // where the next block is
	left   int64 // bytes of content that are in no block so far
	part   []byte
	zeros  int64 // bytes of a hole
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.part) == 0 && r.zeros == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, fmt.Errorf("inode %d: %w", r.n.Number, err)
		}
	}
	if r.zeros > 0 {
		p = p[:min(int64(len(p)), r.zeros)]
		clear(p)
		r.zeros -= int64(len(p))
		return len(p), nil
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

// next reads a block, or the end that is in a fragment.
func (r *reader) next() error {
	f := r.n.fs
	want := min(r.left, f.block)
	if want < f.block && r.n.fragment != noFragment {
		b, err := f.fragmentBlock(r.n.fragment)
		if err != nil {
			return err
		}
		from := int64(r.n.offset)
		if from+want > int64(len(b)) {
			return broken("its end is in a fragment that is too short")
		}
		r.part, r.left = b[from:from+want], 0
		return nil
	}
	b, err := r.blocks.take(4)
	if err != nil {
		return err
	}
	length := binary.LittleEndian.Uint32(b)
	r.left -= want
	if length&^plainBlock == 0 {
		r.zeros = want
		return nil
	}
	data, err := f.content(r.at, length)
	if err != nil {
		return err
	}
	if r.at += int64(length &^ plainBlock); int64(len(data)) != want {
		return broken("a block has %d bytes, not %d", len(data), want)
	}
	r.part = data
	return nil
}

// plainBlock marks the length of a block that isn't compressed.
const plainBlock = 1 << 24

// content reads a block of content.
func (f *FS) content(at int64, length uint32) ([]byte, error) {
	size := int64(length &^ plainBlock)
	if size > f.block || at < superSize || at > f.size-size {
		return nil, broken("a block at %d has %d bytes", at, size)
	}
	b := make([]byte, size)
	if _, err := f.r.ReadAt(b, at); err != nil {
		return nil, err
	}
	if length&plainBlock != 0 {
		return b, nil
	}
	return f.unpack(b, f.block)
}

// fragmentBlock reads a block with the ends of several files.
func (f *FS) fragmentBlock(index uint32) ([]byte, error) {
	if f.fragmentAt == index {
		return f.fragment, nil
	}
	e, err := f.fragments.get(int64(index))
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	b, err := f.content(int64(le.Uint64(e)), le.Uint32(e[8:]))
	if err != nil {
		return nil, err
	}
	f.fragment, f.fragmentAt = b, index
	return b, nil
}
