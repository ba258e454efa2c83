// Package artifact handles the files and folders that a build ships: their
// digests, their sizes, and putting them where the user wants them.
package artifact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/xattr"
)

// Digest returns the SHA-256 in hexadecimal and the size in bytes of a file,
// or of a folder. A folder's digest is that of a list of its entries, sorted
// by path, each with type, permissions, owner, time, and digest of its
// content, target of the link or number of the device, and extended attributes;
// its size is the sum of its files'.
func Digest(path string) (digest string, size int64, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", 0, fmt.Errorf("digest: %w", err)
	}
	if !info.IsDir() {
		return digestFile(path)
	}
	h := sha256.New()
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, n, err := entryLine(path, p)
		size += n
		fmt.Fprintln(h, line)
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("digest %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// entryLine describes one entry of the folder root.
func entryLine(root, path string) (line string, size int64, err error) {
	rel, relErr := filepath.Rel(root, path)
	info, err := os.Lstat(path)
	if err = cmp.Or(relErr, err); err != nil {
		return "", 0, err
	}
	var content string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		content, size, err = digestFile(path)
	case mode&fs.ModeSymlink != 0:
		content, err = os.Readlink(path)
	case mode&fs.ModeDevice != 0:
		content, err = device(path)
	}
	if err != nil {
		return "", size, err
	}
	uid, gid := owner(info)
	line = fmt.Sprintf("%q %v %d:%d %d %q", filepath.ToSlash(rel), info.Mode(), uid, gid, info.ModTime().Unix(), content)
	attributes, err := xattr.Read(path, xattr.Own)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		line += fmt.Sprintf(" %q=%q", name, attributes[name])
	}
	return line, size, err
}

// device returns the number of a device as "major:minor".
func device(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", fmt.Errorf("lstat %s: %w", path, err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))), nil
}

func digestFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// Stamp identifies the state of a file or folder without reading contents:
// as long as it stays the same, so do they. It is empty if nothing is there.
func Stamp(path string) string {
	h := sha256.New()
	err := filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d %d %o %d %d %d\n", p, st.Dev, st.Ino, st.Mode, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
		return nil
	})
	if err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
