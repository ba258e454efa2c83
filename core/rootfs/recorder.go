package rootfs

import (
	"bufio"
	"hash"
	"hash/crc32"
	"io"
)

// recordBuffer is how many bytes of a snapshot are written or read at a time.
const recordBuffer = 256 << 10

// recorder makes a snapshot while a folder is read. Nil makes none.
type recorder struct {
	snapshot *snapshot
	// take says whether so many more bytes of contents may be kept.
	take func(size int64) bool
	// entries goes to the file and to sum.
	entries, contents *bufio.Writer
	sum               hash.Hash32
	encoder           encoder
	// offset is where the next content begins.
	offset int64
	// err is the first error: then there is no snapshot.
	err error
}

// contentsStart is at the start of the contents of a snapshot, as an offset of
// 0 stands for a file on disk.
const contentsStart = "contents"

// newRecorder makes a recorder for a folder, with files in another one; nil if
// there can't be any.
func newRecorder(of, dir string, take func(int64) bool) *recorder {
	entries, err := nameless(dir)
	if err != nil {
		return nil
	}
	contents, err := nameless(dir)
	if err != nil {
		_ = entries.Close()
		return nil
	}
	r := &recorder{
		snapshot: &snapshot{dir: of, entries: entries, contents: contents, whole: true},
		take:     take, sum: crc32.New(castagnoli()), offset: int64(len(contentsStart)),
		contents: bufio.NewWriterSize(contents, recordBuffer),
	}
	r.entries = bufio.NewWriterSize(io.MultiWriter(entries, r.sum), recordBuffer)
	_, r.err = r.contents.WriteString(contentsStart)
	return r
}

// add takes one thing that was found.
func (r *recorder) add(e *found) {
	if r == nil || r.err != nil {
		return
	}
	e.offset = 0
	size := int64(len(e.content))
	switch {
	case e.loaded && r.take(size):
		e.offset = r.offset
		r.offset += size
		_, r.err = r.contents.Write(e.content)
	case e.mode.IsRegular():
		r.snapshot.whole = false
		r.snapshot.latest = max(r.snapshot.latest, e.state.changed)
	}
	if r.err == nil {
		_, r.err = r.entries.Write(r.encoder.encode(e))
	}
}

// end returns the snapshot with the digest of what it is of; nil if it couldn't
// be written.
func (r *recorder) end(digest string, state *folderState) *snapshot {
	if r == nil {
		return nil
	}
	for _, w := range []*bufio.Writer{r.contents, r.entries} {
		if r.err == nil {
			r.err = w.Flush()
		}
	}
	var size int64
	if r.err == nil {
		_, r.err = r.snapshot.entries.Write(r.sum.Sum(nil))
	}
	if r.err == nil {
		size, r.err = r.snapshot.entries.Seek(0, io.SeekEnd)
	}
	if r.err != nil {
		r.drop()
		return nil
	}
	s := r.snapshot
	s.digest, s.size, s.start = digest, size, state.start
	return s
}

// drop gives up the snapshot.
func (r *recorder) drop() {
	if r != nil {
		r.snapshot.close()
	}
}
