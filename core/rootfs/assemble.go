package rootfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Input is what a file system is put together from.
type Input struct {
	// Preset is the name of the layout to start with; empty for the default.
	Preset string
	// Hostname is what the system calls itself if its layout has a name.
	Hostname string
	// Tree is the absolute path of busybox's install tree; "" for none.
	Tree string
	// Entries are the configuration's, in the order written.
	Entries []config.Entry
	// Machine is what the system is for; without any number it is unknown.
	Machine sdk.ELF
	// Unchecked are absolute paths below which programs aren't checked.
	Unchecked []string
	// Temp is the absolute path of a folder for the content of compressed
	// archives. What is in it must stay until the records were written.
	Temp string
	// Folders may have snapshots of overlays' folders, which are then not read
	// again. It may be nil. What it has must stay as what is in Temp.
	Folders *Folders
}

// Assemble puts a file system together and returns it in order; it may be
// gone through more than once. Later
// layers override earlier ones: first the base layout, then busybox's install
// tree, then the entries in order.
//
// Folders above an entry are made as needed, as root's and with mode 0755. A
// path that goes through a symlink lands where the symlink leads: /lib/x in
// /usr/lib/x. Two entries that name one path clash, unless one of them is an
// overlay: then the later one holds. A directory entry for a folder that is
// there already changes only what it states. Hard links and accounts come last,
// whatever their place among the entries.
//
// At the end every program and script is checked for what it needs to be
// started; see verify.
//
// Errors that the user can mend are of type *fault.Error. No file's content
// is read yet, and the files must stay as they are until it was, but for those
// that a snapshot has.
func Assemble(ctx context.Context, in Input) (iter.Seq[Record], error) {
	t := newTree()
	layout := presets[cmp.Or(in.Preset, DefaultPreset)]
	if layout == nil {
		return nil, fmt.Errorf("there is no preset %q", in.Preset)
	}
	addLayout(t, layout(in.Hostname))
	if in.Tree != "" {
		if err := addFolder(ctx, t, &folder{dir: in.Tree, from: &origin{what: "busybox"}, keepLinks: true}); err != nil {
			return nil, fmt.Errorf("read busybox's install tree: %w", err)
		}
	}
	claims := make(map[string]*fault.Range)
	kept := &kept{spool: &spool{dir: in.Temp}, folders: in.Folders}
	defer kept.spool.close() // after an error; else it is closed already
	numbers := layerNumbers(in.Entries)
	for _, late := range []bool{false, true} {
		for i := range in.Entries {
			entry := &in.Entries[i]
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if isLate(entry.Kind) != late {
				continue
			}
			t.layer = numbers[entry.Layer]
			if err := addEntry(ctx, t, entry, claims, kept); err != nil {
				return nil, explain(ctx, entry, err)
			}
		}
	}
	if err := kept.spool.close(); err != nil {
		return nil, fmt.Errorf("keep the content of archives: %w", err)
	}
	if err := addAccounts(ctx, t, in.Entries, numbers); err != nil {
		return nil, err
	}
	if err := verify(ctx, t, in.Machine, in.Unchecked); err != nil {
		return nil, err
	}
	return t.records(), nil
}

// kept is where contents are that aren't in files of their own.
type kept struct {
	spool   *spool
	folders *Folders
}

// isLate says that entries of a kind build on what all others make.
func isLate(kind config.Kind) bool { return kind == config.Hardlink }

// explain makes an error about an entry one that shows its block.
func explain(ctx context.Context, entry *config.Entry, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || ctx.Err() != nil {
		return err
	}
	f := &fault.Error{
		Step:    "rootfs",
		Summary: "Unusable " + string(entry.Kind),
		Detail:  sentence(err.Error()),
		Remedy:  "Change this block, or what it is at odds with.",
		Range:   &entry.Range,
		Usage:   true,
		Err:     err,
	}
	_, changed := errors.AsType[*changedError](err)
	_, missing := errors.AsType[*linkage.MissingError](err)
	switch {
	case missing:
		f.Summary = "Libraries not found"
		f.Remedy = "Name the folder that stands for the program's / in sysroot, or folders of libraries in libraries; or link the program statically."
	case errors.Is(err, fs.ErrNotExist):
		f.Remedy = "Make it, or correct the path in this block."
	case errors.Is(err, fs.ErrPermission):
		f.Remedy = "Make it readable for the user who runs mkmini."
	case changed:
		f.Remedy = "Wait until nothing writes to it, and run mkmini again."
	}
	return f
}

// sentence makes a full sentence of an error's text.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// describe names an entry as the user wrote it.
func describe(entry *config.Entry) string {
	if entry.Account != nil {
		return fmt.Sprintf("%s %q", entry.Kind, entry.Account.Name)
	}
	if entry.Kind == config.Host {
		return string(entry.Kind)
	}
	return fmt.Sprintf("%s %q", entry.Kind, entry.Path)
}

// addEntry puts one entry of the configuration into the tree. Claims hold the
// blocks that name a path, by the path at which they landed.
func addEntry(ctx context.Context, t *tree, entry *config.Entry, claims map[string]*fault.Range, kept *kept) error {
	path := strings.TrimLeft(entry.Path, "/")
	from := &origin{what: describe(entry), block: &entry.Range, overlay: entry.Kind == config.Overlay, stated: entry.Kind == config.Directory}
	if err := checkOwner(entry); err != nil {
		return err
	}
	switch entry.Kind {
	case config.Overlay:
		return addOverlay(ctx, t, entry, path, from, kept)
	case config.Host:
		return addHost(ctx, t, entry, from)
	case config.Remove:
		return t.remove(path)
	case config.User, config.Group:
		return nil // see addAccounts
	}
	at, err := t.resolve(path, false)
	if err != nil {
		return err
	}
	if other := claims[at]; other != nil {
		return clash(entry, at, other)
	}
	n, err := t.newNode(entry, t.get(at), from)
	if err != nil {
		return err
	}
	if at, err = t.put(path, n); err != nil {
		return err
	}
	claims[at] = &entry.Range
	if entry.Kind == config.Program {
		return addLibraries(t, entry, from)
	}
	return nil
}

// clash is the error of two blocks that name one path, perhaps through a
// symlink.
func clash(entry *config.Entry, at string, other *fault.Range) error {
	detail := fmt.Sprintf("Another block puts something at %q already.", "/"+at)
	if "/"+at != entry.Path {
		detail = fmt.Sprintf("Through a symlink, %q is %q, and another block puts something there already.", entry.Path, "/"+at)
	}
	return &fault.Error{
		Step:    "rootfs",
		Summary: "Two entries for one path",
		Detail:  detail,
		Remedy:  "Remove one of the two blocks.",
		Range:   &entry.Range,
		Related: other,
		Usage:   true,
	}
}

// newNode makes the node of an entry that is no overlay. There is what stands
// at its path now, nil for nothing.
func (t *tree) newNode(entry *config.Entry, there *node, from *origin) (*node, error) {
	n := &node{from: from}
	switch entry.Kind {
	case config.Directory:
		n.kind, n.mode = Directory, 0o755
		if there != nil && there.kind == Directory {
			n.mode, n.uid, n.gid = there.mode, there.uid, there.gid
			n.setXattrs(there.xattrs())
		}
	case config.Fifo:
		n.kind, n.mode = Fifo, 0o644
	case config.Hardlink:
		return t.linked(entry)
	case config.File, config.Program:
		content, mode, err := fileContent(entry)
		if err != nil {
			return nil, err
		}
		n.file(content)
		n.mode = uint16(mode)
		if entry.Kind == config.Program {
			n.mode = 0o755
		}
	case config.Symlink:
		if entry.Target == "" || len(entry.Target) > maxPath || strings.ContainsRune(entry.Target, 0) {
			return nil, fmt.Errorf("the target of a symlink must have 1 to %d bytes and no NUL", maxPath)
		}
		n.symlink(entry.Target)
	case config.Device:
		// Twelve and twenty bits are what Linux has: source kdev_t.h.
		if entry.Major >= 1<<12 || entry.Minor >= 1<<20 {
			return nil, fmt.Errorf("the device number %d:%d is too large: at most 4095:1048575", entry.Major, entry.Minor)
		}
		n.kind, n.mode = BlockDevice, 0o600
		n.own().major, n.own().minor = entry.Major, entry.Minor
		if entry.Char {
			n.kind = CharDevice
		}
	default:
		return nil, fmt.Errorf("there is no entry of kind %q", entry.Kind)
	}
	if entry.Mode != nil && n.kind != Symlink {
		n.mode = uint16(*entry.Mode)
	}
	setOwner(n, entry)
	addXattrs(n, entry.Xattrs)
	return n, nil
}

// setOwner sets the owner that an entry states.
func setOwner(n *node, entry *config.Entry) {
	if entry.UID != nil {
		n.uid = uint32(*entry.UID)
	}
	if entry.GID != nil {
		n.gid = uint32(*entry.GID)
	}
}

// checkOwner refuses modes and owners that no file system could hold. The
// number 4294967295 means "no change" to chown(2).
func checkOwner(entry *config.Entry) error {
	if entry.Mode != nil && *entry.Mode > 0o7777 {
		return fmt.Errorf("the mode %#o has bits beyond 07777", *entry.Mode)
	}
	for _, id := range []*int{entry.UID, entry.GID} {
		if id != nil && (*id < 0 || int64(*id) >= 1<<32-1) {
			return fmt.Errorf("the owner %d is not between 0 and 4294967294", *id)
		}
	}
	return nil
}
