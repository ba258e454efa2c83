package erofs

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// writer writes inodes and content, both in order.
type writer struct {
	plan *Plan
	// meta is where inodes go, from at on, and data where blocks do.
	meta, data *bufio.Writer
	at         int64
	block      int64
	inodes     uint32
}

const bufferSize = 256 << 10

// Write writes the file system to w, whose bytes are zero before: an image of
// [Plan.Size] bytes.
func (p *Plan) Write(w io.WriterAt, uuid [16]byte) error {
	first := &head{w: w}
	out := &writer{
		plan: p, at: rootAt, block: p.content(),
		meta: bufio.NewWriterSize(io.NewOffsetWriter(first, rootAt), bufferSize),
		data: bufio.NewWriterSize(io.NewOffsetWriter(w, p.content()*BlockSize), bufferSize),
	}
	for _, f := range p.list {
		if err := out.folder(f); err != nil {
			return err
		}
	}
	if err := out.skip(p.files); err != nil {
		return err
	}
	if err := p.source(out.add); err != nil {
		return err
	}
	if err := errors.Join(out.meta.Flush(), out.data.Flush()); err != nil {
		return err
	}
	if out.at > p.files+p.end || out.block*BlockSize != p.Size() {
		return errors.New("the root file system changed while it was read")
	}
	return first.finish(p, uuid)
}

// skip writes zeros up to a place for an inode.
func (w *writer) skip(to int64) error {
	_, err := io.CopyN(w.meta, zeros{}, to-w.at)
	w.at = to
	return err
}

// folder writes a folder.
func (w *writer) folder(f *folder) error {
	content := f.content(w.plan.number)
	return w.write(f.entry, f.spot, strings.NewReader(string(content)), int64(len(content)), f.subfolders+2)
}

// add writes one entry of the source that is no folder.
func (w *writer) add(e layer.Entry, content io.Reader) error {
	if e.Type == layer.Directory || e.Type == layer.Hardlink {
		return nil
	}
	xattrs, err := encodeXattrs(e.Xattrs)
	if err != nil {
		return err
	}
	// Files begin with a block, in which they lie as if it were the first.
	s, _ := place(w.at-w.plan.files, inodeSize+int64(len(xattrs)), contentSize(e))
	s.at += w.plan.files
	switch e.Type {
	case layer.Symlink:
		content = strings.NewReader(e.Target)
	case layer.File:
	default:
		content = strings.NewReader("")
	}
	if err := w.write(e, s, content, contentSize(e), max(1, w.plan.links[e.Name].names)); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// write writes an inode and its content.
func (w *writer) write(e layer.Entry, s spot, content io.Reader, size int64, links uint32) error {
	if err := w.skip(s.at); err != nil {
		return err
	}
	xattrs, err := encodeXattrs(e.Xattrs)
	if err != nil {
		return err
	}
	w.inodes++
	n := inode(e, s, size, uint32(w.block), w.inodes, links, xattrs)
	if _, err := w.meta.Write(n); err != nil {
		return err
	}
	if _, err := io.CopyN(w.data, content, size-s.tail); err != nil {
		return err
	}
	if _, err := io.CopyN(w.data, zeros{}, s.blocks*BlockSize-(size-s.tail)); err != nil {
		return err
	}
	w.block += s.blocks
	if _, err := io.CopyN(w.meta, content, s.tail); err != nil {
		return err
	}
	end := s.at + int64(len(n)) + s.tail
	w.at = end
	return w.skip(align(end, slotSize))
}

// zeros is a reader of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// head keeps the first block back, as the checksum in it is over all of it.
type head struct {
	w     io.WriterAt
	block [BlockSize]byte
}

// WriteAt implements io.WriterAt.
func (h *head) WriteAt(p []byte, at int64) (int, error) {
	kept := 0
	if at < BlockSize {
		kept = copy(h.block[at:], p)
	}
	n, err := h.w.WriteAt(p[kept:], at+int64(kept))
	return kept + n, err
}

// finish writes the first block.
func (h *head) finish(p *Plan, uuid [16]byte) error {
	p.putSuper(h.block[superAt:][:superSize], uuid)
	// The sum is of a register that isn't inverted at the end.
	sum := ^crc32.Checksum(h.block[superAt:], crc32.MakeTable(crc32.Castagnoli))
	putChecksum(h.block[superAt:], sum)
	_, err := h.w.WriteAt(h.block[:], 0)
	return err
}
