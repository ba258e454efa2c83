package squashfs

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/mkmini/mkmini/plugins/layer"
)

// writer writes what comes out of the pipeline, in order.
type writer struct {
	plan   *Plan
	method method
	out    io.WriterAt
	// at is where the next byte goes, and hash that of those before it, but for
	// the super block.
	at   int64
	hash hash.Hash
	// current is the file whose blocks are being written, and before what the
	// hash was without them; files holds those that are complete.
	current stored
	before  hash.Hash
	files   []stored
	// fragments is the table of them.
	fragments []byte
	// table is that of inodes, and names that of folders.
	table, names metadata
	xattrs       xattrs
	inodes       uint32
	// folders are those that aren't complete.
	folders map[string]*folder
	root    reference
}

// plainBlock is the mark in a size of a block that isn't compressed.
const plainBlock = 1 << 24

// Write writes the file system to w, compressed by that many threads at once,
// and returns what it wrote. The source is the one of the survey. What is in w
// behind the image is to be cut off.
func (p *Plan) Write(w io.WriterAt, source layer.Source, compression string, jobs int) (Image, error) {
	m, err := findMethod(compression)
	if err != nil {
		return Image{}, err
	}
	out, err := newWriter(p, w, m)
	if err != nil {
		return Image{}, err
	}
	line, err := newPipeline(m, max(1, jobs))
	if err != nil {
		return Image{}, err
	}
	r := &reader{pipeline: line, w: out, small: make(map[digest]spot), large: make(map[digest]contents)}
	err = r.all(source)
	if failed := line.close(); failed != nil {
		err = failed
	}
	if err != nil {
		return Image{}, err
	}
	return out.finish()
}

// all reads the source to its end.
func (r *reader) all(source layer.Source) error {
	if err := r.add(root(r.w.plan.epoch), nil); err != nil {
		return err
	}
	if err := source(r.add); err != nil {
		return err
	}
	return r.flush()
}

func newWriter(p *Plan, out io.WriterAt, m method) (*writer, error) {
	c, err := m.make()
	if err != nil {
		return nil, err
	}
	return &writer{
		plan: p, method: m, out: out, at: superSize, hash: sha256.New(), folders: make(map[string]*folder),
		table: metadata{codec: c}, names: metadata{codec: c},
		xattrs: xattrs{values: metadata{codec: c}, known: make(map[string]uint32)},
	}, nil
}

// write appends to the image.
func (w *writer) write(b []byte) error {
	if _, err := w.out.WriteAt(b, w.at); err != nil {
		return err
	}
	w.at += int64(len(b))
	w.hash.Write(b) // never fails
	return nil
}

// size is how the length of a block stands in the tables.
func (b *block) size() uint32 {
	if b.packed {
		return uint32(len(b.out))
	}
	return uint32(len(b.out)) | plainBlock
}

// beginFile notes where a file's blocks begin.
func (w *writer) beginFile() (err error) {
	w.current = stored{start: w.at}
	w.before, err = w.hash.(hash.Cloner).Clone()
	return err
}

// dropFile takes the file's blocks back.
func (w *writer) dropFile() error {
	w.at, w.hash = w.current.start, w.before
	return nil
}

func (w *writer) endFile() error {
	w.files = append(w.files, w.current)
	return nil
}

func (w *writer) addBlock(b *block) error {
	w.current.sizes = append(w.current.sizes, b.size())
	return w.write(b.out)
}

func (w *writer) addHole() error {
	w.current.sizes = append(w.current.sizes, 0)
	w.current.holes += BlockSize
	return nil
}

func (w *writer) addFragment(b *block) error {
	w.fragments = binary.LittleEndian.AppendUint64(w.fragments, uint64(w.at))
	w.fragments = appendNumbers(w.fragments, b.size(), 0)
	return w.write(b.out)
}

// addFile writes the inode of a file.
func (w *writer) addFile(e layer.Entry, at contents) error {
	var blocks stored
	if at.number != noBlocks {
		blocks = w.files[at.number]
	}
	names := uint32(1)
	link := w.plan.links[e.Name]
	if link != nil {
		names = link.names
	}
	xattrs, err := w.xattrs.add(e.Xattrs)
	if err != nil {
		return err
	}
	w.inodes++
	ref, err := w.inode(w.file(e, w.inodes, names, blocks, at.end, xattrs))
	if err != nil {
		return err
	}
	if link != nil {
		link.inode = ref
	}
	return w.put(e.Name, typeFile, ref)
}

// addSpecial writes the inode of what has no content.
func (w *writer) addSpecial(e layer.Entry) error {
	xattrs, err := w.xattrs.add(e.Xattrs)
	if err != nil {
		return err
	}
	w.inodes++
	ref, err := w.inode(w.special(e, w.inodes, xattrs))
	if err != nil {
		return err
	}
	return w.put(e.Name, kinds[e.Type], ref)
}

// addName adds another name of a file.
func (w *writer) addName(e layer.Entry) error {
	link := w.plan.links[e.Target]
	if link == nil || link.inode.number == 0 {
		return errChanged
	}
	return w.put(e.Name, typeFile, link.inode)
}

// inode adds the latest inode to the table.
func (w *writer) inode(b []byte) (reference, error) {
	ref := reference{w.table.end(), w.inodes}
	return ref, w.table.add(b)
}
