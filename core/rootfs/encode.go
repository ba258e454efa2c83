package rootfs

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"maps"
	"math"
	"slices"
)

// An entry of a snapshot is, with numbers as varints and texts with their
// length before them:
//
//	how many bytes of the path are those of the path before, and the others
//	mode as of fs.FileMode, owner, group
//	a symlink: the target
//	a file: the size, and where its content is in the contents, 0 for on disk
//	a file on disk: device, inode, time of the last change
//	how many extended attributes, and the name and value of each
//
// After the last one comes in four bytes the CRC-32C of all before.
const sumLength = 4

// errDamaged says that a snapshot isn't what was written.
var errDamaged = errors.New("it is damaged")

// Limits of extended attributes: source linux/limits.h. A list of their names
// has no more names than bytes.
const (
	maxXattrName  = 255
	maxXattrValue = 64 << 10
	maxXattrList  = 64 << 10
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encoder writes entries.
type encoder struct {
	last string
	buf  []byte
}

// encode returns an entry's bytes, which the next call overwrites.
func (c *encoder) encode(e *found) []byte {
	same := 0
	for same < min(len(c.last), len(e.rel)) && c.last[same] == e.rel[same] {
		same++
	}
	b := binary.AppendUvarint(c.buf[:0], uint64(same))
	b = appendText(b, e.rel[same:])
	for _, n := range []uint32{uint32(e.mode), e.uid, e.gid} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	switch e.mode.Type() {
	case fs.ModeSymlink:
		b = appendText(b, e.target)
	case 0:
		b = binary.AppendUvarint(b, uint64(e.state.size))
		b = binary.AppendUvarint(b, uint64(e.offset))
		if e.offset == 0 {
			b = binary.AppendUvarint(b, e.state.dev)
			b = binary.AppendUvarint(b, e.state.ino)
			b = binary.AppendUvarint(b, uint64(e.state.changed))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(e.xattrs)))
	for _, name := range slices.Sorted(maps.Keys(e.xattrs)) {
		b = appendText(appendText(b, name), e.xattrs[name])
	}
	c.last, c.buf = e.rel, b
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads entries.
type decoder struct {
	in *bufio.Reader
	// path is that of the entry before, and text what was read last.
	path, text []byte
	// err is the first error.
	err error
}

// decode yields the entries in so many bytes of a file, each overwritten by the
// next. What isn't what was written is an error, if only at the end.
func decode(file io.ReaderAt, size int64) iter.Seq2[*found, error] {
	return func(yield func(*found, error) bool) {
		sum := crc32.New(castagnoli())
		d := &decoder{in: bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(file, 0, max(size-sumLength, 0)), sum), recordBuffer)}
		var e found
		for {
			if _, err := d.in.Peek(1); err == io.EOF {
				break
			}
			if e = d.entry(); d.err != nil {
				yield(nil, d.err)
				return
			}
			if !yield(&e, nil) {
				return
			}
		}
		var want [sumLength]byte
		if _, err := file.ReadAt(want[:], size-sumLength); err != nil && !errors.Is(err, io.EOF) {
			yield(nil, err)
		} else if err != nil || sum.Sum32() != binary.BigEndian.Uint32(want[:]) {
			yield(nil, errDamaged)
		}
	}
}

// entry reads an entry.
func (d *decoder) entry() found {
	same := d.number(uint64(len(d.path)))
	d.path = append(d.path[:same], d.bytes(maxPath-same)...)
	e := found{rel: string(d.path)}
	e.mode = fs.FileMode(d.number(math.MaxUint32))
	e.uid, e.gid = uint32(d.number(math.MaxUint32)), uint32(d.number(math.MaxUint32))
	switch e.mode.Type() {
	case fs.ModeDir:
	case fs.ModeSymlink:
		e.target = string(d.bytes(maxPath))
	case 0:
		e.state.size, e.offset = int64(d.number(math.MaxInt64)), int64(d.number(math.MaxInt64))
		if e.offset == 0 {
			e.state.dev, e.state.ino = d.number(math.MaxUint64), d.number(math.MaxUint64)
			e.state.changed = int64(d.number(math.MaxUint64))
		}
	default:
		d.fail(errDamaged)
	}
	for range d.number(maxXattrList) {
		name := string(d.bytes(maxXattrName))
		value := string(d.bytes(maxXattrValue))
		if d.err != nil {
			break
		}
		if e.xattrs == nil {
			e.xattrs = make(map[string]string)
		}
		e.xattrs[name] = value
	}
	return e
}

// fail notes the first error; a file that ends too early is a damaged one.
func (d *decoder) fail(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errDamaged
	}
	d.err = cmp.Or(d.err, err)
}

// number reads a number up to a limit; it is 0 after an error.
func (d *decoder) number(limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.in)
	if err == nil && n > limit {
		err = errDamaged
	}
	if err != nil {
		d.fail(err)
		return 0
	}
	return n
}

// bytes reads a text up to a limit, which is overwritten by the next.
func (d *decoder) bytes(limit uint64) []byte {
	n := d.number(limit)
	d.text = slices.Grow(d.text[:0], int(n))[:n]
	if _, err := io.ReadFull(d.in, d.text); err != nil && d.err == nil {
		d.fail(err)
	}
	if d.err != nil {
		return nil
	}
	return d.text
}
