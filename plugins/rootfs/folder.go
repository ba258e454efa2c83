package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// unpacker writes a layer's entries into a folder.
type unpacker struct {
	root *os.Root
	// above is the folder that was used last, and inside the same as a file;
	// folder is its name. Most names are in that of the name before.
	above  *os.Root
	inside *os.File
	folder string
	// folders get their modes and times last, as what is put into them needs
	// and changes them.
	folders []layer.Entry
	// devices and owners name what could not be made without root, and xattrs
	// what has extended attributes that could not be set.
	devices, owners, xattrs []string
	// skipped are the devices that are not there.
	skipped map[string]bool
}

// exportDir writes the layer as a folder. What needs root is left out with a
// warning.
func exportDir(ctx context.Context, req sdk.ExportRequest, name string, _ options) (sdk.Diagnostics, error) {
	img := req.Images[0]
	u := &unpacker{skipped: make(map[string]bool)}
	err := artifact.WriteFolder(req.OutDir, name, func(folder string) (err error) {
		if u.root, err = os.OpenRoot(folder); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, u.leave(), u.root.Close()) }()
		if err := layer.Walk(ctx, img.Layer, img.Digest, u.add); err != nil {
			return err
		}
		if err := u.finish(req.Epoch); err != nil {
			return err
		}
		return layer.Walk(ctx, img.Layer, img.Digest, u.check)
	})
	if err != nil {
		return nil, err
	}
	return u.warnings(name), nil
}

// add writes one entry.
func (u *unpacker) add(e layer.Entry, content io.Reader) error {
	err := u.create(e, content)
	if err == nil && !u.skipped[e.Name] && e.Type != layer.Hardlink {
		err = u.settle(e)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// create makes the file itself.
func (u *unpacker) create(e layer.Entry, content io.Reader) error {
	dir, base, err := u.parent(e.Name)
	if err != nil {
		return err
	}
	switch e.Type {
	case layer.Directory:
		u.folders = append(u.folders, e)
		return dir.Mkdir(base, 0o700)
	case layer.Symlink:
		return dir.Symlink(e.Target, base)
	case layer.Hardlink:
		return u.root.Link(e.Target, e.Name)
	case layer.File:
		file, err := dir.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	}
	mode, device := types[e.Type]|0o600, 0
	if e.Type != layer.Fifo {
		device = int(unix.Mkdev(e.Major, e.Minor))
	}
	err = u.in(e.Name, func(dir int, base string) error { return unix.Mknodat(dir, base, mode, device) })
	if errors.Is(err, fs.ErrPermission) {
		u.devices = append(u.devices, "/"+e.Name)
		u.skipped[e.Name] = true
		return nil
	}
	return err
}

// settle sets owner, extended attributes, mode and time, folders' modes and
// times excepted. The owner comes first: a change of it takes setuid and
// capabilities away.
func (u *unpacker) settle(e layer.Entry) error {
	dir, base, err := u.parent(e.Name)
	if err != nil {
		return err
	}
	err = dir.Lchown(base, e.UID, e.GID)
	if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if err != nil && (e.UID != 0 || e.GID != 0) {
		u.owners = append(u.owners, "/"+e.Name)
	}
	if err := u.setXattrs(e); err != nil {
		return err
	}
	switch e.Type {
	case layer.Directory:
		return nil
	case layer.Symlink:
	default:
		if err := dir.Chmod(base, fileMode(e.Mode)); err != nil {
			return err
		}
	}
	return u.setTime(e.Name, e.ModTime)
}

// finish gives folders their modes and times, the innermost first.
func (u *unpacker) finish(epoch time.Time) error {
	for _, e := range slices.Backward(u.folders) {
		if err := u.setTime(e.Name, e.ModTime); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		if err := u.root.Chmod(e.Name, fileMode(e.Mode)); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return errors.Join(u.root.Chmod(".", 0o755), u.root.Chtimes(".", epoch, epoch))
}

// setTime sets the time of a name itself, not of what a symlink points to.
func (u *unpacker) setTime(name string, when time.Time) error {
	stamp := unix.NsecToTimespec(when.UnixNano())
	return u.in(name, func(dir int, base string) error {
		return unix.UtimesNanoAt(dir, base, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// in runs do with the open folder that a name is in.
func (u *unpacker) in(name string, do func(dir int, base string) error) error {
	_, base, err := u.parent(name)
	if err != nil {
		return err
	}
	return do(int(u.inside.Fd()), base)
}

// parent returns the folder that a name is in, and the last part of the name.
func (u *unpacker) parent(name string) (*os.Root, string, error) {
	dir := path.Dir(name)
	if u.above != nil && u.folder == dir {
		return u.above, path.Base(name), nil
	}
	if err := u.leave(); err != nil {
		return nil, "", err
	}
	above, err := u.root.OpenRoot(dir)
	if err != nil {
		return nil, "", err
	}
	if u.inside, err = above.Open("."); err != nil {
		return nil, "", errors.Join(err, above.Close())
	}
	u.above, u.folder = above, dir
	return above, path.Base(name), nil
}

// leave closes the folder that was used last.
func (u *unpacker) leave() error {
	if u.above == nil {
		return nil
	}
	err := errors.Join(u.above.Close(), u.inside.Close())
	u.above, u.inside = nil, nil
	return err
}

// check compares one entry with what is there. Owners that could not be set
// were told already.
func (u *unpacker) check(e layer.Entry, content io.Reader) error {
	if u.skipped[e.Name] {
		return nil
	}
	dir, base, err := u.parent(e.Name)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder above shuts out even its owner
	}
	if err != nil {
		return err
	}
	info, err := dir.Lstat(base)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder above shuts out even its owner
	}
	if err != nil {
		return err
	}
	switch e.Type {
	case layer.Symlink:
		target, err := dir.Readlink(base)
		if err == nil && target != e.Target {
			err = fmt.Errorf("%s points to %q", e.Name, target)
		}
		return err
	case layer.Hardlink:
		other, err := u.root.Lstat(e.Target)
		if err == nil && !os.SameFile(info, other) {
			err = fmt.Errorf("%s is no link to %s", e.Name, e.Target)
		}
		return err
	}
	if err := u.checkXattrs(e); err != nil {
		return err
	}
	const bits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if info.Mode()&bits != fileMode(e.Mode) || info.IsDir() != (e.Type == layer.Directory) || !info.ModTime().Equal(e.ModTime) {
		return fmt.Errorf("%s came out as %s of %s", e.Name, info.Mode(), info.ModTime())
	}
	if e.Type != layer.File {
		return nil
	}
	return u.compare(e.Name, content)
}

// compare compares a file's content.
func (u *unpacker) compare(name string, content io.Reader) error {
	dir, base, err := u.parent(name)
	if err != nil {
		return err
	}
	file, err := dir.Open(base)
	if errors.Is(err, fs.ErrPermission) {
		return nil // its mode shuts out even its owner
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return sameBytes(name, file, content)
}

// warnings tell what was left out.
func (u *unpacker) warnings(name string) sdk.Diagnostics {
	var list sdk.Diagnostics
	add := func(summary, what string, names []string) {
		if len(names) == 0 {
			return
		}
		list = append(list, sdk.Diagnostic{
			Severity: sdk.Warning, Summary: summary,
			Detail: fmt.Sprintf("%s lacks %s, which need root: %s.", name, what, shorten(names)),
			Remedy: "Use an archive (tar or cpio), which holds them without root, or run mkmini as root.",
			Path:   []string{"attributes", "format"},
		})
	}
	add("Devices left out", "devices", u.devices)
	add("Owners not set", "owners of files", u.owners)
	if len(u.xattrs) > 0 {
		list = append(list, sdk.Diagnostic{
			Severity: sdk.Warning, Summary: "Extended attributes left out",
			Detail: fmt.Sprintf("%s lacks extended attributes, which the file system doesn't take from this user: %s.", name, shorten(u.xattrs)),
			Remedy: "Use an archive (tar), which holds them without root, or run mkmini as root, with an output folder on a file system that has them.",
			Path:   []string{"attributes", "format"},
		})
	}
	return list
}

// shorten joins the first few names.
func shorten(names []string) string {
	const few = 5
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

// fileMode converts permission bits.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}
