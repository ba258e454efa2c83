package squashfs

import (
	"cmp"
	"encoding/binary"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// folder is a folder whose names aren't all known yet.
type folder struct {
	entry      layer.Entry
	number     uint32
	subfolders uint32
	// missing is how many names are still to come.
	missing  int
	children []child
}

// child is a name in a folder.
type child struct {
	name  string
	kind  uint16
	inode reference
}

// listing is the list of names in a folder as the table of folders has it.
type listing struct {
	names []byte
	// index says what is where in a long list.
	index []landmark
}

// landmark is the first name of a part of a list that begins in a block of the
// table by its own.
type landmark struct {
	name string
	// at is where the part begins in the list.
	at int
}

// maxPart is how many names one header stands for.
const maxPart = 256

// list lists the names of a folder, whose list begins at an offset in a block of
// the table.
func list(children []child, offset uint16) (l listing) {
	slices.SortFunc(children, func(a, b child) int { return cmp.Compare(a.name, b.name) })
	indexed := 0 // the number of the block of the last landmark
	for len(children) > 0 {
		n := part(children)
		if block := (int(offset) + len(l.names)) / metadataSize; block > indexed {
			l.index = append(l.index, landmark{children[0].name, len(l.names)})
			indexed = block
		}
		first := children[0].inode
		l.names = appendNumbers(l.names, uint32(n-1), first.block, first.number)
		for _, c := range children[:n] {
			l.names = binary.LittleEndian.AppendUint16(l.names, c.inode.offset)
			l.names = binary.LittleEndian.AppendUint16(l.names, uint16(int16(int64(c.inode.number)-int64(first.number))))
			l.names = binary.LittleEndian.AppendUint16(l.names, c.kind)
			l.names = binary.LittleEndian.AppendUint16(l.names, uint16(len(c.name)-1))
			l.names = append(l.names, c.name...)
		}
		children = children[n:]
	}
	return l
}

// part returns how many names have one header: their inodes are in one block of
// the table, and their numbers close to that of the first.
func part(children []child) int {
	first := children[0].inode
	for n, c := range children {
		distance := int64(c.inode.number) - int64(first.number)
		if n == maxPart || c.inode.block != first.block || distance < math.MinInt16 || distance > math.MaxInt16 {
			return n
		}
	}
	return len(children)
}

// open begins a folder.
func (w *writer) open(e layer.Entry) error {
	w.inodes++
	f := &folder{entry: e, number: w.inodes, missing: w.plan.folders[e.Name]}
	w.folders[e.Name] = f
	if f.missing == 0 {
		return w.complete(f)
	}
	return nil
}

// put puts a name into its folder, which is written when it has all of them.
func (w *writer) put(name string, kind uint16, inode reference) error {
	f := w.folders[path.Dir(name)]
	if f == nil || f.missing == 0 {
		return errChanged
	}
	if f.children == nil {
		f.children = make([]child, 0, f.missing)
	}
	// Without the memory of the whole path.
	f.children = append(f.children, child{strings.Clone(path.Base(name)), kind, inode})
	if kind == typeFolder {
		f.subfolders++
	}
	if f.missing--; f.missing == 0 {
		return w.complete(f)
	}
	return nil
}

// complete writes a folder, and puts its name into the one above it.
func (w *writer) complete(f *folder) error {
	name := f.entry.Name
	parent := w.plan.inodes + 1 // the root's, by custom
	if name != "." {
		above := w.folders[path.Dir(name)]
		if above == nil {
			return errChanged
		}
		parent = above.number
	}
	xattrs, err := w.xattrs.add(f.entry.Xattrs)
	if err != nil {
		return err
	}
	at := w.names.end()
	l := list(f.children, at.offset)
	inode := w.folder(f, at, l, parent, xattrs)
	blocks, err := w.addNames(l, at)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint16(inode) == typeFolder+extended {
		for i, mark := range l.index {
			inode = appendNumbers(inode, uint32(mark.at), blocks[i], uint32(len(mark.name)-1))
			inode = append(inode, mark.name...)
		}
	}
	ref := reference{w.table.end(), f.number}
	if err := w.table.add(inode); err != nil {
		return err
	}
	delete(w.folders, name)
	if name == "." {
		w.root = ref
		return nil
	}
	return w.put(name, typeFolder, ref)
}

// addNames adds a list to the table of folders, and returns the blocks in which
// the parts that have a landmark begin.
func (w *writer) addNames(l listing, at place) (blocks []uint32, err error) {
	done := 0
	for _, mark := range l.index {
		if err := w.names.add(l.names[done:mark.at]); err != nil {
			return nil, err
		}
		blocks, done = append(blocks, w.names.end().block), mark.at
	}
	return blocks, w.names.add(l.names[done:])
}
