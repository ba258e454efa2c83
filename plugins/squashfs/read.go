package squashfs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/mkmini/mkmini/plugins/layer"
)

// digest tells contents apart.
type digest [16]byte

// contents is where a file's content is: the number of its blocks, noBlocks if
// it is shorter than one, and its end.
type contents struct {
	number int
	end    spot
}

const noBlocks = -1

// reader goes through the root file system. It cuts contents into blocks, finds
// those that were there before, and leaves the rest to the writer.
type reader struct {
	*pipeline
	w *writer
	// fragment is the block that the ends of files are gathered in, nil before
	// the first, and fragments its number.
	fragment  *block
	fragments uint32
	// files counts those with blocks of their own.
	files int
	// known holds where contents are, by their digests. Large files are in it
	// only if another one is as long.
	small map[digest]spot
	large map[digest]contents
	// rest is what is behind a file's last whole block.
	rest [BlockSize]byte
}

var zeros [BlockSize]byte

// add takes one entry.
func (r *reader) add(e layer.Entry, content io.Reader) error {
	w := r.w
	switch {
	case e.Type == layer.Directory:
		return r.do(func() error { return w.open(e) })
	case e.Type == layer.Hardlink:
		return r.do(func() error { return w.addName(e) })
	case e.Type != layer.File:
		return r.do(func() error { return w.addSpecial(e) })
	}
	take := r.short
	if e.Size >= BlockSize {
		take = r.long
	}
	at, err := take(e.Size, content)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return r.do(func() error { return w.addFile(e, at) })
}

// short takes what a file of less than a block holds.
func (r *reader) short(size int64, content io.Reader) (at contents, err error) {
	at.number = noBlocks
	data := r.rest[:size]
	if _, err := io.ReadFull(content, data); err != nil {
		return at, err
	}
	sum := sha256.Sum256(data)
	key, known := digest(sum[:len(digest{})]), false
	if at.end, known = r.small[key]; !known {
		at.end, err = r.gather(data)
		r.small[key] = at.end
	}
	return at, err
}

// long takes what a file of a block or more holds.
func (r *reader) long(size int64, content io.Reader) (at contents, err error) {
	hash := sha256.New()
	repeated := r.w.plan.repeated[size]
	if repeated {
		content = io.TeeReader(content, hash)
	}
	if err := r.do(r.w.beginFile); err != nil {
		return at, err
	}
	for range size / BlockSize {
		if err := r.whole(content); err != nil {
			return at, err
		}
	}
	rest := r.rest[:size%BlockSize]
	if _, err := io.ReadFull(content, rest); err != nil {
		return at, err
	}
	key := digest(hash.Sum(nil)[:len(digest{})])
	if at, known := r.large[key]; known && repeated {
		return at, r.do(r.w.dropFile)
	}
	if err := r.do(r.w.endFile); err != nil {
		return at, err
	}
	at.number = r.files
	r.files++
	if at.end, err = r.gather(rest); err == nil && repeated {
		r.large[key] = at
	}
	return at, err
}

// whole takes a whole block.
func (r *reader) whole(content io.Reader) error {
	b, err := r.take()
	if err != nil {
		return err
	}
	b.plain = b.plain[:BlockSize]
	if _, err := io.ReadFull(content, b.plain); err != nil {
		return err
	}
	if bytes.Equal(b.plain, zeros[:]) {
		r.free <- b
		return r.do(r.w.addHole)
	}
	return r.pack(b, r.w.addBlock)
}

// gather puts the end of a file into a fragment.
func (r *reader) gather(end []byte) (at spot, err error) {
	if len(end) == 0 {
		return spot{fragment: none}, nil
	}
	if r.fragment != nil && len(r.fragment.plain)+len(end) > BlockSize {
		if err := r.flush(); err != nil {
			return at, err
		}
	}
	if r.fragment == nil {
		if r.fragment, err = r.take(); err != nil {
			return at, err
		}
	}
	at = spot{r.fragments, uint32(len(r.fragment.plain))}
	r.fragment.plain = append(r.fragment.plain, end...)
	return at, nil
}

// flush ends a fragment.
func (r *reader) flush() error {
	if r.fragment == nil {
		return nil
	}
	b := r.fragment
	r.fragment = nil
	r.fragments++
	return r.pack(b, r.w.addFragment)
}
