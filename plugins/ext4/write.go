package ext4

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/mkmini/mkmini/plugins/layer"
)

// writer writes inodes and content, both in order.
type writer struct {
	plan          *Plan
	table, data   *bufio.Writer
	inodes, block int64 // the next ones
}

// Write writes the file system to w, whose bytes are zero before: an image of
// size bytes, [Plan.Size] or more. A size that is too small is a
// [*SizeError], before anything is written.
func (p *Plan) Write(w io.WriterAt, size int64, uuid [16]byte) error {
	l, err := p.layout(size)
	if err != nil {
		return err
	}
	if err := p.writeMeta(w, l, uuid); err != nil {
		return err
	}
	const buffer = 256 << 10
	out := &writer{
		plan: p, inodes: 1, block: l.data,
		table: bufio.NewWriterSize(io.NewOffsetWriter(w, l.inodeTable*BlockSize), buffer),
		data:  bufio.NewWriterSize(io.NewOffsetWriter(w, l.data*BlockSize), buffer),
	}
	if err := out.begin(); err != nil {
		return err
	}
	if err := p.source(out.add); err != nil {
		return err
	}
	if err := errors.Join(out.table.Flush(), out.data.Flush()); err != nil {
		return err
	}
	if out.block != l.used {
		return errors.New("the root file system changed while it was read")
	}
	return nil
}

// begin writes the root, for which the source has no entry, and lost+found,
// whose number is less than that of any other.
func (w *writer) begin() error {
	root := layer.Entry{Name: ".", Type: layer.Directory, Mode: 0o755, ModTime: w.plan.epoch}
	return errors.Join(w.skip(rootInode), w.write(root, nil), w.skip(lostFoundInode), w.write(w.plan.lost, nil))
}

// skip writes empty inodes before the given one.
func (w *writer) skip(until int64) error {
	for ; w.inodes < until; w.inodes++ {
		if _, err := w.table.Write(make([]byte, inodeSize)); err != nil {
			return err
		}
	}
	return nil
}

// add writes one entry of the source.
func (w *writer) add(e layer.Entry, content io.Reader) error {
	if e.Type == layer.Hardlink || e.Name == lostFound {
		return nil // its inode is that of the file, or was the first
	}
	if err := w.write(e, content); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// write writes the inode and the content of an entry.
func (w *writer) write(e layer.Entry, content io.Reader) error {
	n := newInode(e, w.links(e))
	placed, err := placeXattrs(e)
	if err != nil {
		return err
	}
	if err := w.xattrs(n, placed); err != nil {
		return err
	}
	switch e.Type {
	case layer.Directory:
		f := w.plan.folders[e.Name]
		err = w.content(n, int64(len(f.content)), func() error {
			_, err := w.data.Write(f.content)
			return err
		})
	case layer.File:
		err = w.content(n, e.Size, func() error {
			_, err := io.CopyN(w.data, content, e.Size)
			return err
		})
	case layer.Symlink:
		if len(e.Target) < inlineTarget {
			n.putTarget(e.Target)
			break
		}
		err = w.content(n, int64(len(e.Target)), func() error {
			_, err := w.data.WriteString(e.Target)
			return err
		})
	}
	if err != nil {
		return err
	}
	w.inodes++
	_, err = w.table.Write(n[:])
	return err
}

// xattrs writes extended attributes.
func (w *writer) xattrs(n *inode, placed attributes) error {
	block := n.putXattrs(placed, w.block)
	if block == nil {
		return nil
	}
	w.block++
	_, err := w.data.Write(block)
	return err
}

// links returns how many names an entry has.
func (w *writer) links(e layer.Entry) uint16 {
	switch e.Type {
	case layer.Directory:
		return w.plan.folders[e.Name].linkCount()
	case layer.File:
		return uint16(max(1, w.plan.links[e.Name].names))
	}
	return 1
}

// content writes size bytes of content, and fills the last block.
func (w *writer) content(n *inode, size int64, write func() error) error {
	extents := n.putContent(size, w.block)
	if _, err := w.data.Write(extents); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	blocks := divide(size, BlockSize)
	w.block += blocks + int64(len(extents))/BlockSize
	_, err := w.data.Write(make([]byte, blocks*BlockSize-size))
	return err
}
