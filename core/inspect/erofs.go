package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/erofs/go-erofs"
)

// erofs adds the entries of an EROFS file system.
func (s *scanner) erofs(v volume, t *tree) error {
	image, err := erofs.Open(v)
	if err != nil {
		return explainErofs(err)
	}
	files := map[int64]*Entry{}
	err = fs.WalkDir(image, ".", func(name string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, s.done()); err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if err := s.erofsEntry(image, name, info, t, files); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(name), err)
		}
		return nil
	})
	return explainErofs(err)
}

func explainErofs(err error) error {
	if errors.Is(err, erofs.ErrNotImplemented) {
		return fmt.Errorf("%w: what is compressed isn't read here; `fsck.erofs --extract=DIR` of the Debian package erofs-utils makes a folder of it", err)
	}
	return err
}

func (s *scanner) erofsEntry(image fs.FS, name string, info fs.FileInfo, t *tree, files map[int64]*Entry) error {
	st, ok := info.Sys().(*erofs.Stat)
	if !ok {
		return errors.New("the reader says nothing of it")
	}
	if first := files[st.Ino]; first != nil {
		if first.Type == Folder {
			return errors.New("a folder has two names")
		}
		return t.put(name, first)
	}
	e := &Entry{
		Type: typeOf(st.Mode), Mode: bitsOf(st.Mode), UID: int(st.UID), GID: int(st.GID), ModTime: int64(st.Mtime),
	}
	for key, value := range st.Xattrs {
		if e.Xattrs == nil {
			e.Xattrs = map[string]string{}
		}
		e.Xattrs[erofsXattr(key)] = value
	}
	switch e.Type {
	case Symlink:
		target, err := fs.ReadLink(image, name)
		if err != nil {
			return err
		}
		e.Target = target
	case CharDevice, BlockDevice:
		e.Major, e.Minor = st.Rdev>>8&0xfff, st.Rdev&0xff|st.Rdev>>12&^0xff
	case File:
		f, err := image.Open(name)
		if err != nil {
			return err
		}
		err = s.content(&capped{f, s}, e)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if e.Type == Folder || st.Nlink > 1 {
		files[st.Ino] = e
	}
	return t.put(name, e)
}

// erofsXattr returns the name of an extended attribute: the reader takes those
// of access control lists for prefixes. Other names may end in a dot.
func erofsXattr(key string) string {
	if strings.HasPrefix(key, "system.posix_acl_") {
		return strings.TrimSuffix(key, ".")
	}
	return key
}

// typeOf returns the type in a mode of Go's, 0 if it has none here.
func typeOf(mode fs.FileMode) Type {
	switch mode.Type() {
	case 0:
		return File
	case fs.ModeDir:
		return Folder
	case fs.ModeSymlink:
		return Symlink
	case fs.ModeDevice | fs.ModeCharDevice:
		return CharDevice
	case fs.ModeDevice:
		return BlockDevice
	case fs.ModeNamedPipe:
		return Fifo
	case fs.ModeSocket:
		return Socket
	}
	return 0
}

// bitsOf returns a mode of Go's in bits.
func bitsOf(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}
