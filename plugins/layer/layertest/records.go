package layertest

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Record is all that a format says of one name.
type Record struct {
	Type     byte // as ls has it
	Mode     uint32
	UID, GID int
	ModTime  int64
	// Content is the digest of a file's content.
	Content string
	Target  string
	Device  string
	// Same is the first of a file's names, if it has several.
	Same   string
	Xattrs map[string]string
}

// Records are those of a whole system, by name.
type Records map[string]Record

// Same fills in the field of that name by what identifies the files.
func (r Records) Same(files map[string]string) {
	first := map[string]string{}
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if id := files[name]; count[id] == 0 {
			first[id] = name
		}
		count[files[name]]++
	}
	for name, id := range files {
		if rec := r[name]; count[id] > 1 {
			rec.Same = first[id]
			r[name] = rec
		}
	}
}

// Content returns the start of a digest.
func Content(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:6])
}

// FromTar reads a tar archive.
func FromTar(t *testing.T, r io.Reader) Records {
	t.Helper()
	letters := map[byte]byte{tar.TypeReg: '-', tar.TypeDir: 'd', tar.TypeSymlink: 'l', tar.TypeChar: 'c', tar.TypeBlock: 'b', tar.TypeFifo: 'p'}
	all, files := Records{}, map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		if h.Typeflag == tar.TypeLink {
			target := strings.TrimPrefix(h.Linkname, "./")
			all[name], files[name], files[target] = all[target], target, target
			continue
		}
		rec := Record{Type: letters[h.Typeflag], Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Target: h.Linkname}
		switch rec.Type {
		case '-':
			rec.Content = Content(t, archive)
		case 'c', 'b':
			rec.Device = fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)
		}
		for key, value := range h.PAXRecords {
			if attribute, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
				if rec.Xattrs == nil {
					rec.Xattrs = map[string]string{}
				}
				rec.Xattrs[attribute] = value
			}
		}
		all[name] = rec
	}
	all.Same(files)
	return all
}

// FromLayer reads the layer of an image.
func FromLayer(t *testing.T, img sdk.Image) Records {
	t.Helper()
	file, err := os.Open(img.Layer)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return FromTar(t, file)
}

// FromFolder reads a folder as the kernel shows it.
func FromFolder(t *testing.T, dir string) Records {
	t.Helper()
	letters := map[uint32]byte{unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b', unix.S_IFIFO: 'p'}
	all, files := Records{}, map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err := errors.Join(err, unix.Lstat(path, &st)); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rec := Record{Type: letters[st.Mode&unix.S_IFMT], Mode: st.Mode & 0o7777, UID: int(st.Uid), GID: int(st.Gid), ModTime: st.Mtim.Sec}
		switch rec.Type {
		case '-':
			files[name] = fmt.Sprint(st.Ino)
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			rec.Content = Content(t, file)
		case 'l':
			if rec.Target, err = os.Readlink(path); err != nil {
				return err
			}
		case 'c', 'b':
			rec.Device = fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
		}
		rec.Xattrs = xattrsOf(t, path)
		all[name] = rec
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all.Same(files)
	return all
}

func xattrsOf(t *testing.T, path string) (all map[string]string) {
	t.Helper()
	list, value := make([]byte, 1<<16), make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, list)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(string(list[:max(n, 0)]), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.selinux") {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[name] = string(value[:n])
	}
	return all
}
