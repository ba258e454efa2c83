package rootfs

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// A zip archive ends in a directory of all that is in it, which archive/zip
// keeps in memory. Here archive/zip writes and reads parts of so many entries,
// each with a directory of its own, and these are put together.
// Source: APPNOTE.TXT 4.3.
const zipPart = 4096

// zipWriter writes an archive in parts.
type zipWriter struct {
	out *turnout
	// directory takes the parts' directories.
	directory io.ReadWriteSeeker
	// prepare gets each part's writer.
	prepare func(*zip.Writer)
	part    *zip.Writer
	entries uint64 // in the part
	end     zipEnd
}

// newZipWriter returns a writer to w. The directory is an empty file.
func newZipWriter(w io.Writer, directory io.ReadWriteSeeker, prepare func(*zip.Writer)) *zipWriter {
	z := &zipWriter{out: &turnout{w: w}, directory: directory, prepare: prepare}
	z.begin()
	return z
}

func (z *zipWriter) begin() {
	z.entries, z.part = 0, zip.NewWriter(z.out)
	z.part.SetOffset(z.out.n)
	z.prepare(z.part)
}

// CreateHeader is that of zip.Writer.
func (z *zipWriter) CreateHeader(h *zip.FileHeader) (io.Writer, error) {
	if z.entries == zipPart {
		if err := z.finish(); err != nil {
			return nil, err
		}
		z.begin()
	}
	z.entries++
	return z.part.CreateHeader(h)
}

// finish ends a part.
func (z *zipWriter) finish() error {
	if err := z.part.Flush(); err != nil {
		return err
	}
	// What comes now is the end of the last file's content, the directory and
	// its end.
	var tail bytes.Buffer
	z.out.aside = &tail
	err := z.part.Close()
	z.out.aside = nil
	if err != nil {
		return err
	}
	end, length, err := readZipEnd(bytes.NewReader(tail.Bytes()), int64(tail.Len()))
	if err != nil {
		return err
	}
	start := tail.Len() - length - int(end.size)
	if _, err := z.out.Write(tail.Bytes()[:start]); err != nil {
		return err
	}
	z.end.entries += z.entries
	z.end.size += end.size
	_, err = z.directory.Write(tail.Bytes()[start : tail.Len()-length])
	return err
}

// Close ends the archive. It leaves what was written to open.
func (z *zipWriter) Close() error {
	if err := z.finish(); err != nil {
		return err
	}
	if _, err := z.directory.Seek(0, io.SeekStart); err != nil {
		return err
	}
	z.end.offset = uint64(z.out.n)
	if _, err := io.Copy(z.out, z.directory); err != nil {
		return err
	}
	_, err := z.out.Write(z.end.bytes())
	return err
}

// turnout counts what it writes, and writes it aside where that is set.
type turnout struct {
	w     io.Writer
	n     int64
	aside *bytes.Buffer
}

func (t *turnout) Write(p []byte) (int, error) {
	if t.aside != nil {
		return t.aside.Write(p)
	}
	n, err := t.w.Write(p)
	t.n += int64(n)
	return n, err
}

// zipEnd is what stands behind a directory: how many entries it has, its size
// in bytes, and where it begins.
type zipEnd struct{ entries, size, offset uint64 }

const (
	zipEndSize      = 22
	zip64EndSize    = 56
	zip64PlaceSize  = 20
	zipEndMagic     = 0x06054b50
	zip64EndMagic   = 0x06064b50
	zip64PlaceMagic = 0x07064b50
)

// bytes writes it as archive/zip does: with 64 bits only where it must.
func (e zipEnd) bytes() []byte {
	le, b := binary.LittleEndian, []byte(nil)
	if e.entries >= math.MaxUint16 || e.size >= math.MaxUint32 || e.offset >= math.MaxUint32 {
		b = le.AppendUint32(b, zip64EndMagic)
		b = le.AppendUint64(b, zip64EndSize-12)
		b = append(b, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0) // versions, disks
		for _, n := range []uint64{e.entries, e.entries, e.size, e.offset} {
			b = le.AppendUint64(b, n)
		}
		b = le.AppendUint32(b, zip64PlaceMagic)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, e.offset+e.size)
		b = le.AppendUint32(b, 1)
		e = zipEnd{math.MaxUint16, math.MaxUint32, math.MaxUint32}
	}
	b = le.AppendUint32(b, zipEndMagic)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, uint16(e.entries))
	b = le.AppendUint16(b, uint16(e.entries))
	b = le.AppendUint32(b, uint32(e.size))
	b = le.AppendUint32(b, uint32(e.offset))
	return le.AppendUint16(b, 0)
}

// readZipEnd reads the end of an archive of so many bytes that was written
// here, and returns its length.
func readZipEnd(r io.ReaderAt, size int64) (end zipEnd, length int, err error) {
	tail := make([]byte, min(size, zip64EndSize+zip64PlaceSize+zipEndSize))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil {
		return zipEnd{}, 0, err
	}
	le := binary.LittleEndian
	short := tail[max(0, len(tail)-zipEndSize):]
	if len(short) < zipEndSize || le.Uint32(short) != zipEndMagic {
		return zipEnd{}, 0, errors.New("the zip archive has no end")
	}
	end = zipEnd{uint64(le.Uint16(short[10:])), uint64(le.Uint32(short[12:])), uint64(le.Uint32(short[16:]))}
	if end.size != math.MaxUint32 {
		return end, zipEndSize, nil
	}
	if len(tail) < zip64EndSize+zip64PlaceSize+zipEndSize || le.Uint32(tail) != zip64EndMagic {
		return zipEnd{}, 0, errors.New("the zip archive has no end of 64 bits")
	}
	return zipEnd{le.Uint64(tail[32:]), le.Uint64(tail[40:]), le.Uint64(tail[48:])}, len(tail), nil
}
