package rootfs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/core/source"
)

// Part is the digest of one entry of the configuration.
type Part struct {
	// Name is for people and unique: `file "/etc/motd"`, and for a second
	// one of the same name `overlay "/" (2)`.
	Name string
	// Digest is a "sha256:…" over the entry's fields and over all that it
	// reads from disk, but not over where on disk that is.
	Digest string
}

// Digest returns the digests of the entries in their order. With
// what busybox was built from they say whether this mkmini would write the same
// layer again. Errors are as those of Assemble.
func (f *Folders) Digest(ctx context.Context, entries []config.Entry) ([]Part, error) {
	parts := make([]Part, 0, len(entries))
	seen := make(map[string]int)
	for i := range entries {
		entry := &entries[i]
		hash := sha256.New()
		if err := f.hashEntry(ctx, hash, entry); err != nil {
			return nil, explain(ctx, entry, err)
		}
		name := describe(entry)
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		parts = append(parts, Part{Name: name, Digest: fmt.Sprintf("sha256:%x", hash.Sum(nil))})
	}
	return parts, nil
}

// hashEntry hashes an entry and all that it reads.
func (f *Folders) hashEntry(ctx context.Context, h hash.Hash, entry *config.Entry) error {
	fmt.Fprintf(h, "%s %q target %q char %t device %d:%d mode %s owner %s:%s\n",
		entry.Kind, entry.Path, entry.Target, entry.Char, entry.Major, entry.Minor,
		optional(entry.Mode), optional(entry.UID), optional(entry.GID))
	if entry.Layer != "" {
		fmt.Fprintf(h, "layer %q\n", entry.Layer)
	}
	hashXattrs(h, entry.Xattrs)
	if entry.Account != nil {
		fmt.Fprintf(h, "account %+q\n", *entry.Account)
	}
	switch entry.Kind {
	case config.Overlay:
		return f.hashOverlay(ctx, h, entry)
	case config.Host:
		return f.hashHost(ctx, h, entry)
	case config.Program:
		return hashProgram(ctx, h, entry)
	case config.File:
		content, mode, err := fileContent(entry)
		if err != nil {
			return err
		}
		return hashContent(ctx, h, "", mode, content, nil)
	}
	return nil
}

// optional prints a value that may be missing.
func optional[T any](value *T) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

// hashOverlay hashes an overlay's rules and all that is in its folder or
// archive.
func (f *Folders) hashOverlay(ctx context.Context, h hash.Hash, entry *config.Entry) error {
	fmt.Fprintf(h, "overlay owners %t modes %s %s\n", entry.KeepOwner, optional(entry.FileMode), optional(entry.DirectoryMode))
	for _, r := range entry.Rules {
		fmt.Fprintf(h, "rule %q modes %s %s owner %s:%s\n", r.Pattern,
			optional(r.FileMode), optional(r.DirectoryMode), optional(r.UID), optional(r.GID))
		hashXattrs(h, r.Xattrs)
		hashXattrs(h, r.Capabilities)
	}
	info, err := os.Stat(entry.Source)
	switch {
	case err != nil:
		return plain(err)
	case info.IsDir():
		digest, err := f.digest(ctx, folderKey{entry.Source, entry.KeepOwner})
		fmt.Fprintf(h, "folder %s\n", digest)
		return err
	}
	// Better told now than after a compile.
	if err := source.IsArchive(entry.Source); err != nil {
		return fmt.Errorf("%s is neither a folder nor an archive: %w", entry.Source, err)
	}
	return hashContent(ctx, h, "archive", 0, Content{Path: entry.Source, Size: info.Size()}, nil)
}

// hashXattrs hashes extended attributes; nothing if there are none.
func hashXattrs(h io.Writer, xattrs map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(xattrs)) {
		fmt.Fprintf(h, "xattr %q %q\n", name, xattrs[name])
	}
}

// hashContent hashes a file's name, mode, size and content, which may be loaded
// already.
func hashContent(ctx context.Context, h hash.Hash, name string, mode uint32, c Content, l *loaded) error {
	fmt.Fprintf(h, "file %q %o %d\n", name, mode, c.Size)
	return plain(c.write(ctx, h, l, func() error { return nil }))
}

// hashProgram hashes a program and all that comes along with it.
func hashProgram(ctx context.Context, h hash.Hash, entry *config.Entry) error {
	list, err := libraries(entry)
	if err != nil {
		return err
	}
	for _, l := range append(list, linkage.Library{Path: entry.Source, At: entry.Path}) {
		info, err := os.Stat(l.Path)
		if err != nil {
			return plain(err)
		}
		if err := hashContent(ctx, h, l.At, 0o755, Content{Path: l.Path, Size: info.Size()}, nil); err != nil {
			return err
		}
	}
	return nil
}
