package erofs

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/mkmini/mkmini/plugins/layer"
)

// folder is a folder's inode-to-be and the names in it.
type folder struct {
	entry  layer.Entry
	parent *folder
	// names holds the children's names one after the other.
	names    []byte
	children []child
	sorted   bool
	// subfolders is how many of the children are folders.
	subfolders uint32
	// size is the length of its content, once all names are known.
	size int64
	// spot is where its inode is.
	spot spot
}

// child is a name in a folder.
type child struct {
	at     uint32 // of the name
	length uint8
	kind   byte
	// slot is that of a file, counted from the first file; for a folder, its
	// number among all.
	slot uint64
}

// What names lead to, as directories have it.
var kinds = map[layer.Type]byte{
	layer.File: 1, layer.Directory: 2, layer.CharDevice: 3, layer.BlockDevice: 4, layer.Fifo: 5, layer.Symlink: 7,
}

const folderKind = 2

func newFolder(e layer.Entry, parent *folder) *folder {
	f := &folder{entry: e, parent: parent, sorted: true}
	if parent == nil {
		f.parent = f // the root's
	}
	return f
}

func (f *folder) name(c child) []byte { return f.names[c.at:][:c.length] }

// add notes a name.
func (f *folder) add(name string, kind layer.Type, slot uint64) {
	c := child{at: uint32(len(f.names)), length: uint8(len(name)), kind: kinds[kind], slot: slot}
	if last := len(f.children) - 1; last >= 0 && string(f.name(f.children[last])) > name {
		f.sorted = false
	}
	f.names = append(f.names, name...)
	f.children = append(f.children, c)
	if kind == layer.Directory {
		f.subfolders++
	}
}

// find returns the slot of a name that is there.
func (f *folder) find(name string) uint64 {
	if !f.sorted {
		f.sort()
	}
	i := sort.Search(len(f.children), func(i int) bool { return string(f.name(f.children[i])) >= name })
	return f.children[i].slot
}

func (f *folder) sort() {
	slices.SortFunc(f.children, func(a, b child) int { return bytes.Compare(f.name(a), f.name(b)) })
	f.sorted = true
}

// direntSize is what an entry takes beside its name.
const direntSize = 12

// dirent is a name with where it leads to.
type dirent struct {
	name []byte
	nid  uint64
	kind byte
}

// blocks calls visit for each block of the folder's content, whose names are
// in order over all blocks. Number turns a child's slot into an inode number.
func (f *folder) blocks(number func(c child) uint64, visit func(list []dirent, length int)) {
	f.sort()
	var list []dirent
	length := 0
	add := func(d dirent) {
		if length+direntSize+len(d.name) > BlockSize {
			visit(list, length)
			list, length = list[:0], 0
		}
		list = append(list, d)
		length += direntSize + len(d.name)
	}
	own := []dirent{{[]byte("."), f.spot.nid(), folderKind}, {[]byte(".."), f.parent.spot.nid(), folderKind}}
	for _, c := range f.children {
		// Names such as "-" are before the folder itself.
		for len(own) > 0 && bytes.Compare(own[0].name, f.name(c)) < 0 {
			add(own[0])
			own = own[1:]
		}
		add(dirent{f.name(c), number(c), c.kind})
	}
	for _, d := range own {
		add(d)
	}
	visit(list, length)
}

// measure finds out the length of the content.
func (f *folder) measure() {
	f.size = 0
	f.blocks(func(child) uint64 { return 0 }, func(_ []dirent, length int) {
		// All blocks but the last are full.
		f.size = align(f.size, BlockSize) + int64(length)
	})
}

// content returns the whole content.
func (f *folder) content(number func(c child) uint64) []byte {
	content := make([]byte, 0, f.size)
	f.blocks(number, func(list []dirent, length int) {
		content = append(content, make([]byte, align(int64(len(content)), BlockSize)-int64(len(content)))...)
		at := direntSize * len(list)
		for _, d := range list {
			content = binary.LittleEndian.AppendUint64(content, d.nid)
			content = binary.LittleEndian.AppendUint16(content, uint16(at))
			content = append(content, d.kind, 0)
			at += len(d.name)
		}
		for _, d := range list {
			content = append(content, d.name...)
		}
	})
	return content
}
