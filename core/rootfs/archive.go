package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/xattr"
)

// archiveLimits are what an overlay's archive may hold: more than is ever
// meant, and less than fills a disk.
var archiveLimits = source.Limits{Entries: 4_000_000, Bytes: 64 << 30}

// addArchive puts the content of an archive into the tree. Modes are those of
// the archive.
func (o *overlay) addArchive(ctx context.Context, t *tree, spool *spool) error {
	return members(ctx, o.entry.Source, func(m source.Member, content io.Reader) error {
		return o.addMember(t, m, content, spool)
	})
}

// members calls visit for what is in an archive, but for what would go through
// a symlink of the archive itself.
func members(ctx context.Context, archive string, visit func(m source.Member, content io.Reader) error) error {
	links := make(map[string]bool)
	err := source.Members(ctx, archive, archiveLimits, func(m source.Member, content io.Reader) error {
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
		return visit(m, content)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	return nil
}

// Examine reads the archives of overlays, and tells what is wrong with them
// whatever else is in the system: that they are damaged, or hold what no
// system can. It is for before a long compile; Assemble finds all of it, too.
// Errors are as those of Assemble.
func Examine(ctx context.Context, entries []config.Entry) error {
	for i := range entries {
		entry := &entries[i]
		if entry.Kind != config.Overlay {
			continue
		}
		if info, err := os.Stat(entry.Source); err != nil || info.IsDir() {
			continue // Digest has looked at it
		}
		err := members(ctx, entry.Source, func(m source.Member, _ io.Reader) error {
			if err := checkParts(m.Name); err != nil || m.Link {
				return err
			}
			_, err := memberNode(m, nil)
			return err
		})
		if err != nil {
			return explain(ctx, entry, err)
		}
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
	n, err := memberNode(m, o.from)
	if err != nil {
		return err
	}
	o.dress(n, at)
	if n.kind == Directory {
		if m.Name == "." {
			return nil // the block's own path says all of it
		}
		return putFolder(t, at, n)
	}
	if n.kind == File {
		if err := o.content(n, m, content, spool); err != nil {
			return err
		}
	}
	_, err = t.put(at, n)
	return err
}

// memberNode makes a node of an entry that is no link, but for its content.
func memberNode(m source.Member, from *origin) (*node, error) {
	n := &node{kind: memberTypes[m.Type], mode: uint16(m.Mode), from: from}
	switch n.kind {
	case 0:
		return nil, fmt.Errorf("it is a %s, which has no place in a root file system", kindName(m.Type))
	case Symlink:
		n.symlink(m.Target)
	}
	if m.Name == "." && n.kind != Directory {
		return nil, errors.New("it stands for the top folder and is none")
	}
	if err := setNumbers(n, m); err != nil {
		return nil, err
	}
	xattrs, err := keptXattrs(m.Xattrs)
	if err != nil {
		return nil, err
	}
	n.setXattrs(xattrs)
	return n, nil
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
