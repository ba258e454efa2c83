package rootfs

import "io/fs"

// found is one thing in a folder.
type found struct {
	// rel is its path relative to the folder.
	rel  string
	mode fs.FileMode
	// uid and gid are the numbers of owner and group.
	uid, gid uint32
	// names is how many names a file has.
	names uint64
	// state says which file it is; its size is known from a snapshot too.
	state fileState
	// target is what a symlink points to.
	target string
	xattrs map[string]string
	// content is what a file holds if loaded is set. It is the next one's soon.
	content []byte
	loaded  bool
	// offset is where in the contents of a snapshot the file's are; 0 if they
	// aren't there.
	offset int64

	// in is the folder that it is in, below which its name begins at base. It is
	// open only for what is to be looked at.
	in   *openFolder
	base int
	// looked says that nothing is left to be looked at.
	looked bool
	err    error
}

// name returns the last part of its path.
func (f *found) name() string { return f.rel[f.base:] }

// batch is some things in a row.
type batch struct {
	list    []found
	folders []*openFolder
	buffer  []byte
	// ready has a value when they were looked at.
	ready chan struct{}
}

// free gives back what a batch holds.
func (b *batch) free() {
	for _, f := range b.folders {
		f.release()
	}
	clear(b.list)
	clear(b.folders)
	b.list, b.folders, b.buffer = b.list[:0], b.folders[:0], b.buffer[:0]
}
