package ext4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// run is a part of a file in consecutive blocks.
type run struct {
	// from is the first block of the file, at the one of the file system, 0
	// for none, and count how many they are.
	from, at, count int64
}

// maxRuns is the most parts of one file.
const maxRuns = 1 << 22

// runs collects the parts of a file, in order.
type runs struct {
	fs   *FS
	list []run
	next int64 // the first block of the file that may come
	// last is behind the last that counts.
	last int64
}

func (r *runs) add(n run) error {
	if n.from < r.next || n.count <= 0 || n.at < 0 || n.at+n.count > r.fs.size/r.fs.block {
		return broken("blocks %d to %d of a file are out of order or beyond its end", n.from, n.from+n.count)
	}
	r.next = n.from + n.count
	if n.at == 0 || n.from >= r.last {
		return nil
	}
	if k := len(r.list) - 1; k >= 0 && r.list[k].from+r.list[k].count == n.from && r.list[k].at+r.list[k].count == n.at {
		r.list[k].count += n.count
		return nil
	}
	if len(r.list) == maxRuns {
		return broken("a file has more than %d parts", maxRuns)
	}
	r.list = append(r.list, n)
	return nil
}

// Content returns a reader of the content.
func (n *Inode) Content() (io.Reader, error) {
	if n.flags&flagInline != 0 {
		all := append(n.blocks[:len(n.blocks):len(n.blocks)], n.inline...)
		if n.Size > int64(len(all)) {
			return nil, broken("inode %d has %d bytes, and only %d in it", n.Number, n.Size, len(all))
		}
		return bytes.NewReader(all[:n.Size]), nil
	}
	r := &runs{fs: n.fs, last: (n.Size + n.fs.block - 1) / n.fs.block}
	var err error
	if n.flags&flagExtents != 0 {
		err = r.extents(n.blocks[:], 5)
	} else {
		err = r.mapped(n.blocks[:])
	}
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", n.Number, err)
	}
	return &reader{fs: n.fs, runs: r.list, size: n.Size}, nil
}

// extents adds the parts of a tree of extents, whose depth has a limit.
func (r *runs) extents(b []byte, depth uint16) error {
	le := binary.LittleEndian
	const size = 12
	count, level := int(le.Uint16(b[2:])), le.Uint16(b[6:])
	if le.Uint16(b) != 0xf30a || level > depth || (count+1)*size > len(b) {
		return broken("an extent's head makes no sense")
	}
	for i := range count {
		e := b[(i+1)*size:][:size]
		from := int64(le.Uint32(e))
		if level > 0 {
			next := make([]byte, r.fs.block)
			if err := r.fs.readBlock(next, int64(le.Uint32(e[4:]))|int64(le.Uint16(e[8:]))<<32); err != nil {
				return err
			}
			if err := r.extents(next, level-1); err != nil {
				return err
			}
			continue
		}
		n := run{from: from, count: int64(le.Uint16(e[4:])), at: int64(le.Uint32(e[8:])) | int64(le.Uint16(e[6:]))<<32}
		// Longer ones are shorter ones that were never written to.
		if n.count > 1<<15 {
			n.count, n.at = n.count-1<<15, 0
		}
		if err := r.add(n); err != nil {
			return err
		}
	}
	return nil
}

// mapped adds the blocks of a table: twelve, and one, two and three tables
// away.
func (r *runs) mapped(b []byte) error {
	const direct = 12
	from := int64(0)
	for i := range direct {
		if err := r.table(b[4*i:], 0, from); err != nil {
			return err
		}
		from++
	}
	span := r.fs.block / 4
	for depth := 1; depth <= 3; depth++ {
		if err := r.table(b[4*(direct+depth-1):], depth, from); err != nil {
			return err
		}
		from += span
		span *= r.fs.block / 4
	}
	return nil
}

// table adds what one number leads to.
func (r *runs) table(number []byte, depth int, from int64) error {
	at := int64(binary.LittleEndian.Uint32(number))
	if at == 0 || from >= r.last {
		return nil
	}
	if depth == 0 {
		return r.add(run{from: from, at: at, count: 1})
	}
	b := make([]byte, r.fs.block)
	if err := r.fs.readBlock(b, at); err != nil {
		return err
	}
	span := int64(1)
	for range depth - 1 {
		span *= r.fs.block / 4
	}
	for i := 0; i < len(b); i += 4 {
		if err := r.table(b[i:], depth-1, from); err != nil {
			return err
		}
		from += span
	}
	return nil
}

// reader reads content in order. What has no block is zero.
type reader struct {
	fs       *FS
	runs     []run
	at, size int64
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.size-r.at)]
	for len(r.runs) > 0 && r.at >= (r.runs[0].from+r.runs[0].count)*r.fs.block {
		r.runs = r.runs[1:]
	}
	if len(r.runs) == 0 || r.at < r.runs[0].from*r.fs.block {
		if len(r.runs) > 0 {
			p = p[:min(int64(len(p)), r.runs[0].from*r.fs.block-r.at)]
		}
		clear(p)
		r.at += int64(len(p))
		return len(p), nil
	}
	in := r.at - r.runs[0].from*r.fs.block
	p = p[:min(int64(len(p)), r.runs[0].count*r.fs.block-in)]
	n, err := r.fs.r.ReadAt(p, r.runs[0].at*r.fs.block+in)
	r.at += int64(n)
	if n == len(p) {
		err = nil
	}
	return n, err
}
