package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/xattr"
)

// archiveLimits are what an overlay's archive may hold: more than is ever
// meant, and less than fills a disk.
var archiveLimits = source.Limits{Entries: 4_000_000, Bytes: 64 << 30}

// addArchive puts the content of an archive into the tree. Modes are those of
// the archive.
func (o *overlay) addArchive(ctx context.Context, t *tree, spool *spool) error {
	links := make(map[string]bool)
	err := source.Members(ctx, o.entry.Source, archiveLimits, func(m source.Member, content io.Reader) error {
		for dir := path.Dir(m.Name); dir != "."; dir = path.Dir(dir) {
			if links[dir] {
				return fmt.Errorf("it is below /%s, which is a symlink in the same archive", dir)
			}
		}
		// The last one of a name counts.
		delete(links, m.Name)
		if m.Type == fs.ModeSymlink {
			links[m.Name] = true
		}
		return o.addMember(t, m, content, spool)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.entry.Source, err)
	}
	return nil
}

// memberTypes are the types of records.
var memberTypes = map[fs.FileMode]Type{
	0: File, fs.ModeDir: Directory, fs.ModeSymlink: Symlink, fs.ModeDevice | fs.ModeCharDevice: CharDevice,
	fs.ModeDevice: BlockDevice, fs.ModeNamedPipe: Fifo,
}

// addMember puts one entry of an archive into the tree.
func (o *overlay) addMember(t *tree, m source.Member, content io.Reader, spool *spool) error {
	at := path.Join(o.at, m.Name)
	if m.Link {
		return o.addLink(t, m, at)
	}
	n := &node{kind: memberTypes[m.Type], mode: uint16(m.Mode), from: o.from}
	if n.kind == 0 {
		return fmt.Errorf("it is a %s, which has no place in a root file system", kindName(m.Type))
	}
	if n.kind == Symlink {
		n.symlink(m.Target)
	}
	if err := setNumbers(n, m); err != nil {
		return err
	}
	xattrs, err := keptXattrs(m.Xattrs)
	if err != nil {
		return err
	}
	n.setXattrs(xattrs)
	o.dress(n, at)
	if n.kind == Directory {
		if m.Name == "." {
			return nil // the block's own path says all of it
		}
		return putFolder(t, at, n)
	}
	if m.Name == "." {
		return errors.New("it stands for the top folder and is none")
	}
	if n.kind == File {
		if err := o.content(n, m, content, spool); err != nil {
			return err
		}
	}
	_, err = t.put(at, n)
	return err
}

// content gives a file its content: a piece of the archive itself if it is
// there as it is. The path of the file that it is in is kept once for all, but
// for those few that are elsewhere.
func (o *overlay) content(n *node, m source.Member, r io.Reader, spool *spool) error {
	if m.Size == 0 {
		return nil
	}
	kept := Content{Path: o.entry.Source, Offset: m.Offset, Size: m.Size}
	if m.Offset < 0 {
		var err error
		if kept, err = spool.keep(r, m.Size); err != nil {
			return err
		}
	}
	if o.from.file == "" {
		o.from.file = kept.Path
	}
	if o.from.file != kept.Path || kept.Offset == 0 {
		n.own().content = &kept
		return nil
	}
	n.offset, n.size = kept.Offset, kept.Size
	return nil
}

// addLink puts one more name of a file of the same archive into the tree.
func (o *overlay) addLink(t *tree, m source.Member, at string) error {
	to, err := t.resolve(path.Join(o.at, m.Target), false)
	if err != nil {
		return err
	}
	n := t.get(to)
	if n == nil || n.from != o.from || n.kind == Directory {
		return fmt.Errorf("it is a hard link to %q, which is no file before it", m.Target)
	}
	here, err := t.resolve(at, false)
	if err != nil || here == to {
		return err
	}
	if n.kind != File {
		// Layers know other names of files only.
		n = n.twin()
	}
	_, err = t.put(at, n)
	return err
}

// setNumbers sets owner and device number, if Linux has them.
func setNumbers(n *node, m source.Member) error {
	if m.UID < 0 || m.UID >= 1<<32-1 || m.GID < 0 || m.GID >= 1<<32-1 {
		return fmt.Errorf("its owner %d:%d is not between 0 and 4294967294", m.UID, m.GID)
	}
	n.uid, n.gid = uint32(m.UID), uint32(m.GID)
	if n.kind != CharDevice && n.kind != BlockDevice {
		return nil
	}
	if m.Major < 0 || m.Major >= 1<<12 || m.Minor < 0 || m.Minor >= 1<<20 {
		return fmt.Errorf("its device number %d:%d is not between 0:0 and 4095:1048575", m.Major, m.Minor)
	}
	more := n.own()
	more.major, more.minor = uint32(m.Major), uint32(m.Minor)
	return nil
}

// keptXattrs returns the extended attributes that go along with a file.
func keptXattrs(all map[string]string) (map[string]string, error) {
	var kept map[string]string
	for name, value := range all {
		if !xattr.Portable(name) {
			continue
		}
		if err := xattr.Check(name, value); err != nil {
			return nil, fmt.Errorf("it has an extended attribute that can't be kept: %w", err)
		}
		if kept == nil {
			kept = make(map[string]string)
		}
		kept[name] = value
	}
	return kept, nil
}
