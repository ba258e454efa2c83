package rootfs

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// withoutXattrs warns of extended attributes in a format without them. What
// they belong to is named; nothing is said if that is nothing.
func withoutXattrs(name, format string, owners []string) sdk.Diagnostics {
	if len(owners) == 0 {
		return nil
	}
	return sdk.Diagnostics{{
		Severity: sdk.Warning, Summary: "Extended attributes left out",
		Detail: fmt.Sprintf("%s lacks extended attributes and file capabilities, for which %s archives have no place: %s.", name, format, shorten(owners)),
		Remedy: "Use another format, which holds them.",
		Path:   []string{"attributes", "format"},
	}}
}

// setXattrs sets extended attributes. Those that this user or the file system
// can't have are told at the end.
func (u *unpacker) setXattrs(e layer.Entry) error {
	if len(e.Xattrs) == 0 {
		return nil
	}
	denied := false
	err := u.withFile(e, func(fd int) error {
		for _, x := range e.Xattrs {
			switch err := unix.Fsetxattr(fd, x.Name, []byte(x.Value), 0); {
			case isDenied(err):
				denied = true
			case err != nil:
				return fmt.Errorf("set the extended attribute %s: %w", x.Name, err)
			}
		}
		return nil
	})
	if denied || isDenied(err) {
		u.xattrs = append(u.xattrs, "/"+e.Name)
		return nil
	}
	return err
}

// isDenied says that this user or this file system can't have an attribute.
func isDenied(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP)
}

// checkXattrs compares extended attributes with what is there, unless they
// could not be set.
func (u *unpacker) checkXattrs(e layer.Entry) error {
	if len(e.Xattrs) == 0 || slices.Contains(u.xattrs, "/"+e.Name) {
		return nil
	}
	err := u.withFile(e, func(fd int) error {
		for _, x := range e.Xattrs {
			value := make([]byte, len(x.Value)+1)
			n, err := unix.Fgetxattr(fd, x.Name, value)
			if err != nil && !errors.Is(err, unix.ERANGE) {
				return fmt.Errorf("read %s: %w", x.Name, err)
			}
			if err != nil || string(value[:n]) != x.Value {
				return fmt.Errorf("its extended attribute %s came out as another", x.Name)
			}
		}
		return nil
	})
	if errors.Is(err, unix.EACCES) {
		return nil // its mode shuts out even its owner
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// withFile runs do with an open file or folder. All else is no place for what
// users set: the kernel keeps users' attributes of files and folders only.
func (u *unpacker) withFile(e layer.Entry, do func(fd int) error) error {
	if e.Type != layer.File && e.Type != layer.Directory {
		return unix.ENOTSUP
	}
	file, err := u.root.OpenFile(e.Name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return do(int(file.Fd()))
}
