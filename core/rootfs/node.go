package rootfs

import (
	"path/filepath"
	"strings"
)

// node is one file, folder, link or device. Names that share a node are hard
// links of each other. There may be a million: its size counts, and what few
// of them have is elsewhere.
type node struct {
	kind Type
	// named says that it has a name, and shared that it may have more.
	named, shared bool
	// unchecked says that it isn't there to be started.
	unchecked bool
	// layer is the number of the layer of its first name.
	layer    uint16
	mode     uint16
	uid, gid uint32
	// size is the length of a file without a content of its own, and offset
	// where that is in the file that has those of an archive or a folder; 0 for
	// one on disk by itself. See contentAt.
	size, offset int64
	from         *origin
	more         *extra
}

// extra is what few nodes have.
type extra struct {
	target       string
	major, minor uint32
	// content is what a file holds; nil if its node says where that is.
	content *Content
	xattrs  map[string]string
	// names are what a folder holds.
	names map[string]*node
}

// own returns what a node has beside, to be changed.
func (n *node) own() *extra {
	if n.more == nil {
		n.more = &extra{}
	}
	return n.more
}

// twin returns a copy that has no name yet, and shares nothing that changes.
func (n *node) twin() *node {
	other := *n
	other.named, other.shared = false, false
	if n.more != nil {
		more := *n.more
		other.more = &more
	}
	return &other
}

// target returns where a symlink points to.
func (n *node) target() string {
	if n.more == nil {
		return ""
	}
	return n.more.target
}

// device returns a device's numbers.
func (n *node) device() (major, minor uint32) {
	if n.more == nil {
		return 0, 0
	}
	return n.more.major, n.more.minor
}

// names returns what a folder holds, nil for what is none.
func (n *node) names() map[string]*node {
	if n.more == nil {
		return nil
	}
	return n.more.names
}

// xattrs returns the extended attributes, which are not to be changed.
func (n *node) xattrs() map[string]string {
	if n.more == nil {
		return nil
	}
	return n.more.xattrs
}

// setXattrs gives it other extended attributes.
func (n *node) setXattrs(all map[string]string) {
	if len(all) > 0 || n.more != nil {
		n.own().xattrs = all
	}
}

// symlink makes it one.
func (n *node) symlink(target string) {
	n.kind, n.mode = Symlink, 0o777
	n.own().target = target
}

// file makes it one with that content.
func (n *node) file(c Content) {
	n.kind = File
	n.own().content = &c
}

// contentAt returns the content of a file that has the name at. The path of
// what comes from a folder isn't kept, as the name says it, nor that of what
// is in an archive.
func (n *node) contentAt(at string) Content {
	switch {
	case n.more != nil && n.more.content != nil:
		return *n.more.content
	case n.kind != File, n.offset == 0 && n.from.dir == "":
		return Content{}
	case n.offset > 0:
		return Content{Path: n.from.file, File: n.from.open, Offset: n.offset, Size: n.size}
	}
	return Content{Path: filepath.Join(n.from.dir, strings.TrimPrefix(at, n.from.at)), Size: n.size}
}
