package rootfs

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// zipReader reads the entries of an archive in the order of its directory,
// and keeps a part of them in memory.
type zipReader struct {
	file      *os.File
	end       zipEnd
	directory *bufio.Reader
	read      uint64 // entries of the directory that were read
	part      []*zip.File
}

// newZipReader reads the end of an archive that a zipWriter wrote.
func newZipReader(file *os.File) (*zipReader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	end, length, err := readZipEnd(file, info.Size())
	if err != nil {
		return nil, err
	}
	if end.offset+end.size+uint64(length) != uint64(info.Size()) {
		return nil, errors.New("the zip archive's directory is elsewhere than its end says")
	}
	directory := io.NewSectionReader(file, int64(end.offset), int64(end.size))
	return &zipReader{file: file, end: end, directory: bufio.NewReader(directory)}, nil
}

// Next returns the next entry, io.EOF after the last one.
func (z *zipReader) Next() (*zip.File, error) {
	if len(z.part) == 0 {
		if err := z.next(); err != nil {
			return nil, err
		}
	}
	file := z.part[0]
	z.part = z.part[1:]
	return file, nil
}

// next reads the next part of the directory: archive/zip gets an archive that
// has no more than that.
func (z *zipReader) next() error {
	var list []byte
	var entries uint64
	for ; entries < zipPart && z.read < z.end.entries; entries++ {
		entry, err := z.entry()
		if err != nil {
			return err
		}
		list = append(list, entry...)
		z.read++
	}
	if entries == 0 {
		if _, err := z.directory.ReadByte(); !errors.Is(err, io.EOF) {
			return errors.New("the zip archive's directory has more than it says")
		}
		return io.EOF
	}
	end := zipEnd{entries: entries, size: uint64(len(list)), offset: z.end.offset}
	view := zipView{file: z.file, at: int64(z.end.offset), rest: append(list, end.bytes()...)}
	part, err := zip.NewReader(view, view.at+int64(len(view.rest)))
	if err != nil {
		return err
	}
	z.part = part.File
	return nil
}

// entry reads one entry of the directory.
func (z *zipReader) entry() ([]byte, error) {
	const head = 46
	b, err := z.directory.Peek(head)
	if err != nil {
		return nil, err
	}
	length := head
	for _, at := range []int{28, 30, 32} { // name, extra fields, comment
		length += int(binary.LittleEndian.Uint16(b[at:]))
	}
	entry := make([]byte, length)
	_, err = io.ReadFull(z.directory, entry)
	return entry, err
}

// zipView is a file up to a place, with something else from there on.
type zipView struct {
	file *os.File
	at   int64
	rest []byte
}

func (v zipView) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	if at < v.at {
		var err error
		if n, err = v.file.ReadAt(p[:min(int64(len(p)), v.at-at)], at); err != nil {
			return n, err
		}
	}
	if n == len(p) {
		return n, nil
	}
	from := at + int64(n) - v.at
	if from >= int64(len(v.rest)) {
		return n, io.EOF
	}
	n += copy(p[n:], v.rest[from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
