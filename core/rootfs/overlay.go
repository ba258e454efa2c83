package rootfs

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
)

// overlay is an overlay block that goes into the tree.
type overlay struct {
	entry *config.Entry
	// at is the path where it goes, "" for the root.
	at   string
	from *origin
	// fits says which rules were for something.
	fits []bool
}

// addOverlay puts the content of an overlay's folder or archive into the tree.
func addOverlay(ctx context.Context, t *tree, entry *config.Entry, at string, from *origin, kept *kept) error {
	o := &overlay{entry: entry, at: at, from: from, fits: make([]bool, len(entry.Rules))}
	top := &node{kind: Directory, mode: 0o755, from: from}
	o.dress(top, at)
	if at != "" {
		if err := putFolder(t, at, top); err != nil {
			return err
		}
	}
	if err := o.add(ctx, t, kept); err != nil {
		return err
	}
	return o.finish()
}

// add puts what the overlay holds into the tree.
func (o *overlay) add(ctx context.Context, t *tree, kept *kept) error {
	dir := &folder{
		dir: o.entry.Source, at: o.at, from: o.from, overlay: o,
		snapshot: kept.folders.snapshot(folderKey{o.entry.Source, o.entry.KeepOwner}),
	}
	if dir.snapshot != nil {
		return addFolder(ctx, t, dir)
	}
	info, err := os.Stat(o.entry.Source)
	switch {
	case err != nil:
		return plain(err)
	case info.IsDir():
		return addFolder(ctx, t, dir)
	}
	return o.addArchive(ctx, t, kept.spool)
}

// dress gives a node of the overlay, which has the mode and the owner that its
// source says, those that the block says. At is its path.
func (o *overlay) dress(n *node, at string) {
	if !o.entry.KeepOwner {
		n.uid, n.gid = 0, 0
	}
	change(n, config.Rule{UID: o.entry.UID, GID: o.entry.GID, FileMode: o.entry.FileMode, DirectoryMode: o.entry.DirectoryMode})
	for i, rule := range o.entry.Rules {
		if doublestar.MatchUnvalidated(strings.TrimPrefix(rule.Pattern, "/"), at) {
			o.fits[i] = true
			change(n, rule)
		}
	}
}

// change applies one rule.
func change(n *node, rule config.Rule) {
	if rule.UID != nil {
		n.uid = uint32(*rule.UID)
	}
	if rule.GID != nil {
		n.gid = uint32(*rule.GID)
	}
	switch {
	case n.kind == Symlink:
		return // its mode means nothing, and it has no attributes of users
	case rule.FileMode != nil && n.kind != Directory:
		n.mode = uint16(*rule.FileMode)
	case rule.DirectoryMode != nil && n.kind == Directory:
		n.mode = uint16(*rule.DirectoryMode)
	}
	if n.kind == File || n.kind == Directory {
		addXattrs(n, rule.Xattrs)
	}
	if n.kind == File {
		addXattrs(n, rule.Capabilities)
	}
}

// addXattrs gives a node more extended attributes.
func addXattrs(n *node, more map[string]string) {
	if len(more) == 0 {
		return
	}
	// A copy: they may be those of other nodes too.
	all := make(map[string]string, len(n.xattrs())+len(more))
	maps.Copy(all, n.xattrs())
	maps.Copy(all, more)
	n.setXattrs(all)
}

// finish refuses a rule that was for nothing, as that of a typing mistake is.
func (o *overlay) finish() error {
	for i, fits := range o.fits {
		if fits {
			continue
		}
		rule := o.entry.Rules[i]
		return &fault.Error{
			Step:    "rootfs",
			Summary: "Rule for nothing",
			Detail:  fmt.Sprintf("Nothing of %s fits %s.", o.from.what, rule.Pattern),
			Remedy:  "Correct the pattern, which is of paths in the system, or remove the rule.",
			Range:   &rule.Range,
			Usage:   true,
		}
	}
	return nil
}
