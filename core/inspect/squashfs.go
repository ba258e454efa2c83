package inspect

import (
	"fmt"

	"github.com/mkmini/mkmini/core/inspect/squashfs"
)

// squashfs adds the entries of a squashfs file system.
func (s *scanner) squashfs(v volume, t *tree) error {
	fs, err := squashfs.New(v, v.size)
	if err != nil {
		return err
	}
	files := map[uint32]*Entry{}
	return fs.Walk(func(name string, n *squashfs.Inode) error {
		if err := s.squashfsEntry(name, n, t, files); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(name), err)
		}
		return s.done()
	})
}

func (s *scanner) squashfsEntry(name string, n *squashfs.Inode, t *tree, files map[uint32]*Entry) error {
	if first := files[n.Number]; first != nil {
		return t.put(name, first)
	}
	e := &Entry{
		Type: fileTypes[n.Mode&0o170000], Mode: n.Mode & 0o7777, UID: int(n.UID), GID: int(n.GID), ModTime: n.ModTime,
		Target: n.Target, Major: n.Major, Minor: n.Minor, Xattrs: n.Xattrs,
	}
	if e.Type == File {
		if err := s.content(&capped{n.Content(), s}, e); err != nil {
			return err
		}
	}
	if e.Type != Folder && n.Links > 1 {
		files[n.Number] = e
	}
	return t.put(name, e)
}
