// Package layer reads root file systems: the tar archives that exporters are
// given. It trusts nothing in them.
package layer

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/mkmini/mkmini/plugins/cancel"
)

// Type is the type of an entry.
type Type string

// The types of entries.
const (
	Directory   Type = "directory"
	File        Type = "file"
	Symlink     Type = "symlink"
	Hardlink    Type = "hardlink"
	CharDevice  Type = "char"
	BlockDevice Type = "block"
	Fifo        Type = "fifo"
)

// types are the types that a layer may hold.
var types = map[byte]Type{
	tar.TypeDir: Directory, tar.TypeReg: File, tar.TypeSymlink: Symlink, tar.TypeLink: Hardlink,
	tar.TypeChar: CharDevice, tar.TypeBlock: BlockDevice, tar.TypeFifo: Fifo,
}

// Entry is one name in a layer.
type Entry struct {
	// Name is relative and clean: "usr/bin/env".
	Name string
	Type Type
	// Mode holds the permission bits with setuid, setgid and sticky, as in
	// chmod's octal notation.
	Mode uint32
	// UID and GID are the numbers of owner and group.
	UID, GID int
	// Major and Minor are a device's numbers, up to 4095 and 1048575.
	Major, Minor uint32
	// Target is what a symlink points to, or the name of the earlier file
	// that a hard link is another name of.
	Target string
	// Size is the length of a file in bytes.
	Size int64
	// ModTime is in whole seconds.
	ModTime time.Time
	// Xattrs are the extended attributes, sorted by name, each name once. They
	// are nil for almost all entries, and for hard links always: the file that
	// it is another name of has them.
	Xattrs []Xattr
}

// UnfitError says that a format has no place for an entry.
type UnfitError struct {
	// Name is the entry's.
	Name string
	// Err says which format, and what it can't hold.
	Err error
}

func (e *UnfitError) Error() string { return fmt.Sprintf("%.300q: %v", e.Name, e.Err) }

func (e *UnfitError) Unwrap() error { return e.Err }

// Unfit returns an error of an entry, or nil if err is.
func Unfit(e Entry, err error) error {
	if err == nil {
		return nil
	}
	return &UnfitError{Name: e.Name, Err: err}
}

// Source calls visit for every entry of a root file system, folders before
// what is in them, as Walk does. It does so as often as it is called.
type Source func(visit func(e Entry, content io.Reader) error) error

// Walk calls visit for every entry of the layer in its order, with a reader of
// the content of a file. If digest isn't empty, an archive that has another
// one is an error, which comes last, after all visits. Without a digest only
// such contents are read from disk as visit reads.
func Walk(ctx context.Context, archive, digest string, visit func(e Entry, content io.Reader) error) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("read layer: %w", err)
	}
	defer file.Close()
	if digest == "" {
		return Read(newSkipper(ctx, file), visit)
	}
	hash := sha256.New()
	r := io.TeeReader(cancel.Reader(ctx, bufio.NewReaderSize(file, 256<<10)), hash)
	if err := Read(r, visit); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read layer: %w", err)
	}
	if got := fmt.Sprintf("sha256:%x", hash.Sum(nil)); got != digest {
		return fmt.Errorf("read layer: %s has the digest %s, not %s", archive, got, digest)
	}
	return nil
}

// List is Walk without contents: it leaves them out when it reads, and knows no
// digest.
func List(ctx context.Context, archive string, visit func(e Entry) error) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("read layer: %w", err)
	}
	defer file.Close()
	return Read(newSkipper(ctx, file), func(e Entry, _ io.Reader) error {
		return visit(e)
	})
}

// Read is Walk for an archive that comes from a reader.
func Read(r io.Reader, visit func(e Entry, content io.Reader) error) error {
	return read(tar.NewReader(r), visit)
}

func read(archive *tar.Reader, visit func(e Entry, content io.Reader) error) error {
	seen := newNames()
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read layer: %w", err)
		}
		e, err := entry(header)
		if err == nil {
			err = seen.check(e)
		}
		if err != nil {
			return fmt.Errorf("read layer: entry %.200q: %w", header.Name, err)
		}
		seen.add(e)
		if err := visit(e, archive); err != nil {
			return err
		}
	}
}

// entry converts a tar header.
func entry(h *tar.Header) (Entry, error) {
	kind, known := types[h.Typeflag]
	if !known {
		return Entry{}, fmt.Errorf("type %q is not for a file system", h.Typeflag)
	}
	name := h.Name
	if kind == Directory {
		name = strings.TrimSuffix(name, "/")
	}
	if !isName(name) {
		return Entry{}, errors.New("the name is not relative and clean")
	}
	// Twelve and twenty bits are what Linux has for devices: kdev_t.h.
	if h.Mode < 0 || h.Mode > 0o7777 || !isID(h.Uid) || !isID(h.Gid) ||
		h.Devmajor < 0 || h.Devmajor >= 1<<12 || h.Devminor < 0 || h.Devminor >= 1<<20 {
		return Entry{}, errors.New("mode, owner or device number is out of range")
	}
	e := Entry{
		Name: name, Type: kind, Mode: uint32(h.Mode), UID: h.Uid, GID: h.Gid,
		Target: h.Linkname, ModTime: h.ModTime.UTC().Truncate(time.Second),
	}
	switch kind {
	case File:
		e.Size = h.Size
	case CharDevice, BlockDevice:
		e.Major, e.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	case Symlink:
		if e.Target == "" || strings.ContainsRune(e.Target, 0) {
			return Entry{}, errors.New("the symlink has no target")
		}
	}
	var err error
	e.Xattrs, err = xattrs(h)
	return e, err
}

// isName says whether name is relative, clean, and stays below the root.
func isName(name string) bool {
	return name != "" && name != "." && path.Clean("/"+name) == "/"+name && !strings.ContainsRune(name, 0)
}

func isID(id int) bool { return id >= 0 && int64(id) < 1<<32 }
