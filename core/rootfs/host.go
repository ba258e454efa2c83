package rootfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/hostsystem"
)

// addHost puts what a host block takes of an installed system into the tree,
// as it is there: owner, mode, extended attributes, hard links and devices. What the layout and
// busybox put in its place gives way, folders included; a folder that the
// configuration states stays as it is.
func addHost(ctx context.Context, t *tree, entry *config.Entry, from *origin) error {
	items, err := hostsystem.Collect(ctx, entry.Installed, entry.Range)
	if err != nil {
		return err
	}
	links := make(map[inode]*node)
	for _, item := range items {
		n, err := hostNode(entry, item, links, from)
		if err != nil {
			return err
		}
		switch n.kind {
		case Directory:
			err = t.putHostFolder(item.Path, n)
		case Symlink:
			if err = t.fold(item.Path, n); err == nil {
				_, err = t.put(item.Path, n)
			}
		default:
			_, err = t.put(item.Path, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hostNode makes a node of an item. Links are the files with several names.
func hostNode(entry *config.Entry, item hostsystem.Item, links map[inode]*node, from *origin) (*node, error) {
	stat, ok := item.Info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("the owner of %s isn't known", item.Disk)
	}
	n := &node{from: from, unchecked: item.Unchecked, mode: uint16(stat.Mode & 0o7777), uid: stat.Uid, gid: stat.Gid}
	setOwner(n, entry)
	switch item.Info.Mode().Type() {
	case fs.ModeDir:
		n.kind = Directory
	case fs.ModeSymlink:
		n.symlink(item.Target)
	case fs.ModeNamedPipe:
		n.kind = Fifo
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		n.kind = BlockDevice
		if item.Info.Mode()&fs.ModeCharDevice != 0 {
			n.kind = CharDevice
		}
		n.own().major, n.own().minor = unix.Major(uint64(stat.Rdev)), unix.Minor(uint64(stat.Rdev))
	case 0:
		n.file(Content{Path: item.Disk, Size: item.Info.Size()})
	default:
		return nil, fmt.Errorf("%s is a %s", item.Disk, kindName(item.Info.Mode()))
	}
	if n.kind != Directory && stat.Nlink > 1 {
		key := inode{uint64(stat.Dev), stat.Ino}
		if first := links[key]; first != nil {
			return first, nil
		}
		links[key] = n
	}
	if n.kind == File || n.kind == Directory {
		xattrs, err := readXattrs(item.Disk)
		if err != nil {
			return nil, plain(err)
		}
		n.setXattrs(xattrs)
	}
	return n, nil
}

// putHostFolder puts a folder in place. One that is there takes over mode and
// owner, unless a block of the configuration stated these.
func (t *tree) putHostFolder(at string, n *node) error {
	behind, err := t.resolve(at, true)
	if err != nil {
		return err
	}
	if there := t.get(behind); there != nil && there.kind == Directory && !there.from.stated {
		there.mode, there.uid, there.gid = n.mode, n.uid, n.gid
		there.setXattrs(n.xattrs())
	}
	return putFolder(t, at, n)
}

// fold makes way for a symlink in the place of a folder, such as /bin that
// leads to usr/bin: what the folder holds goes to where the link leads. What is
// there already stays.
func (t *tree) fold(path string, link *node) error {
	at, err := t.resolve(path, false)
	if err != nil {
		return err
	}
	old := t.get(at)
	if old == nil || old.kind != Directory || len(old.names()) == 0 {
		return nil
	}
	target := link.target()
	if !strings.HasPrefix(target, "/") {
		target = at[:strings.LastIndexByte(at, '/')+1] + target
	}
	to, err := t.resolve(target, true)
	if err != nil || strings.HasPrefix(to+"/", at+"/") {
		return nil // put says that it can't be
	}
	if err := t.makeParents(to+"/", old.from); err != nil {
		return nil
	}
	t.move(old, at, to)
	return nil
}

// move puts all that a folder at a path holds into the one at another.
func (t *tree) move(folder *node, at, to string) {
	for _, base := range slices.Sorted(maps.Keys(folder.names())) {
		n, from, new := folder.names()[base], at+"/"+base, to+"/"+base
		there := t.get(new)
		if n.kind == Directory && (there == nil || there.kind == Directory) {
			if there == nil {
				empty := n.twin()
				empty.own().names = nil
				t.carry(empty, from, new)
			}
			t.move(n, from, new)
			continue
		}
		if there == nil {
			if n.kind == File {
				n.file(n.contentAt(from)) // which the other name doesn't tell
			}
			t.carry(n, from, new)
		}
		delete(t.layers, from)
	}
	folder.own().names = make(map[string]*node)
}

// carry gives a name to a node that has another one, in the layer of that one.
func (t *tree) carry(n *node, from, to string) {
	current := t.layer
	t.layer = t.layerOf(from)
	if !n.shared {
		n.named = false // it has but one name
	}
	t.set(to, n)
	t.layer = current
}

// hashHost hashes all that a host block takes. Files that were read are read
// again only if something of what is taken changed since.
func (f *Folders) hashHost(ctx context.Context, h hash.Hash, entry *config.Entry) error {
	items, err := hostsystem.Collect(ctx, entry.Installed, entry.Range)
	if err != nil {
		return err
	}
	state := newFolderState()
	fmt.Fprintf(state.hash, "%s:%s\n", optional(entry.UID), optional(entry.GID))
	for _, item := range items {
		of, err := stateOf(item.Info)
		if err != nil {
			return err
		}
		state.add(item.Path, of)
	}
	key := folderKey{dir: "host " + entry.Range.String()}
	f.mu.Lock()
	last := f.known[key]
	f.mu.Unlock()
	if last.digest == "" || last.state != state.sum() {
		content := sha256.New()
		if err := hashItems(ctx, content, entry, items); err != nil {
			return err
		}
		last = folderDigest{fmt.Sprintf("sha256:%x", content.Sum(nil)), state.sum()}
		f.keep(key, last, state.settled())
	}
	fmt.Fprintf(h, "host %s\n", last.digest)
	return nil
}

// hashItems hashes what is taken of an installed system.
func hashItems(ctx context.Context, h hash.Hash, entry *config.Entry, items []hostsystem.Item) error {
	links := make(map[inode]*node)
	names := make(map[*node]string)
	type taken struct {
		path, first string
		node        *node
		err         error
	}
	content := func(t taken) Content {
		if t.err != nil || t.first != "" || t.node.kind != File {
			return Content{}
		}
		return t.node.contentAt(t.path)
	}
	nodes := func(yield func(taken) bool) {
		for _, item := range items {
			n, err := hostNode(entry, item, links, nil)
			if !yield(taken{path: item.Path, first: names[n], node: n, err: err}) || err != nil {
				return
			}
			names[n] = item.Path
		}
	}
	for t, l := range ahead(ctx, nodes, content) {
		if t.err != nil {
			return t.err
		}
		n := t.node
		hashXattrs(h, n.xattrs())
		major, minor := n.device()
		fmt.Fprintf(h, "%s %q %o %d:%d %d:%d target %q link %q\n", n.kind, t.path, n.mode, n.uid, n.gid, major, minor, n.target(), t.first)
		if c := content(t); c.Path != "" {
			if err := hashContent(ctx, h, t.path, uint32(n.mode), c, l); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
