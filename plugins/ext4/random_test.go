package ext4

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/mkmini/mkmini/plugins/layer"
)

// baseNames are single names, with all that one may hold.
func baseNames() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z]{1,3}`),
		rapid.Custom(func(t *rapid.T) string {
			name := rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 255).Draw(t, "name")
			for i, b := range name {
				if b == '/' {
					name[i] = ':'
				}
			}
			return string(name)
		}).Filter(func(name string) bool { return name != "." && name != ".." }),
	)
}

// trees are root file systems.
func trees() *rapid.Generator[[]layer.Entry] {
	return rapid.Custom(func(t *rapid.T) []layer.Entry {
		folders, files, used := []string{"."}, []string{}, map[string]bool{lostFound: true}
		var list []layer.Entry
		for range rapid.IntRange(0, 40).Draw(t, "entries") {
			name := path.Join(rapid.SampledFrom(folders).Draw(t, "parent"), baseNames().Draw(t, "name"))
			if used[name] {
				continue
			}
			used[name] = true
			e := layer.Entry{
				Name: name, Mode: rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
				UID: rapid.IntRange(0, 1<<32-2).Draw(t, "uid"), GID: rapid.IntRange(0, 1<<32-2).Draw(t, "gid"),
				ModTime: time.Unix(rapid.Int64Range(minTime, maxTime).Draw(t, "time"), 0),
			}
			kinds := []layer.Type{layer.Directory, layer.File, layer.Symlink, layer.CharDevice, layer.BlockDevice, layer.Fifo, layer.Hardlink}
			switch e.Type = rapid.SampledFrom(kinds).Draw(t, "type"); e.Type {
			case layer.Directory:
				folders = append(folders, name)
			case layer.File:
				e.Size = rapid.Int64Range(0, 20_000).Draw(t, "size")
				files = append(files, name)
			case layer.Symlink:
				e.Mode, e.Target = 0o777, rapid.StringMatching(`[a-z/.]{1,200}`).Draw(t, "target")
			case layer.CharDevice, layer.BlockDevice:
				e.Major, e.Minor = rapid.Uint32Range(0, 4095).Draw(t, "major"), rapid.Uint32Range(0, 1<<20-1).Draw(t, "minor")
			case layer.Hardlink:
				if len(files) == 0 {
					continue
				}
				e = layer.Entry{Name: name, Type: layer.Hardlink, Target: rapid.SampledFrom(files).Draw(t, "target"), ModTime: e.ModTime}
			}
			e.Xattrs = xattrs(t, e.Type)
			list = append(list, e)
		}
		return list
	})
}

// xattrs are extended attributes that the kernel takes for a type, no more
// than a file has room for.
func xattrs(t *rapid.T, kind layer.Type) []layer.Xattr {
	if kind == layer.Hardlink || rapid.IntRange(0, 3).Draw(t, "plain") > 0 {
		return nil
	}
	spaces := []string{"trusted.", "security."}
	if kind == layer.File || kind == layer.Directory {
		spaces = append(spaces, "user.")
	}
	values, left := make(map[string]string), 3500
	for range rapid.IntRange(0, 8).Draw(t, "xattrs") {
		name := rapid.SampledFrom(spaces).Draw(t, "space") + rapid.StringMatching(`[a-z.\xe4€"]{1,30}`).Draw(t, "xattr")
		value := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"))
		if left -= 40 + len(name) + len(value); left > 0 {
			values[name] = value
		}
	}
	var list []layer.Xattr
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, layer.Xattr{Name: name, Value: values[name]})
	}
	return list
}

// compareXattrs compares the extended attributes of what is mounted.
func compareXattrs(path string, e layer.Entry) error {
	buffer := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buffer)
	if err != nil {
		return err
	}
	got := strings.Split(strings.TrimSuffix(string(buffer[:n]), "\x00"), "\x00")
	var want []string
	for _, x := range e.Xattrs {
		want = append(want, x.Name)
		n, err := unix.Lgetxattr(path, x.Name, buffer)
		if err != nil || string(buffer[:n]) != x.Value {
			return fmt.Errorf("%q has %q as %q: %w", e.Name, x.Name, buffer[:max(n, 0)], err)
		}
	}
	if slices.Sort(got); len(want) > 0 && !slices.Equal(got, want) || len(want) == 0 && n > 0 {
		return fmt.Errorf("%q has the extended attributes %q, not %q", e.Name, got, want)
	}
	return nil
}

// Whatever the records are, e2fsck is content, and the kernel sees them.
func TestRandomTrees(t *testing.T) {
	tool(t, "e2fsck")
	dir, mounts := t.TempDir(), os.Geteuid() == 0
	rapid.Check(t, func(rt *rapid.T) {
		list := trees().Draw(rt, "tree")
		image := build(t, fromEntries(list), 0)
		if t.Failed() {
			rt.FailNow()
		}
		if !mounts {
			return
		}
		if err := mount(t, image, dir); err != nil {
			mounts = false
			t.Logf("the kernel isn't asked: %v", err)
			return
		}
		err := compare(dir, list)
		if left := unix.Unmount(dir, 0); err != nil || left != nil {
			rt.Fatalf("%v %v", err, left)
		}
	})
}

// compare compares what is mounted with the records.
func compare(dir string, list []layer.Entry) error {
	inodes, count := make(map[string]uint64), 0
	for _, e := range list {
		var got unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, e.Name), &got); err != nil {
			return fmt.Errorf("%q: %w", e.Name, err)
		}
		if e.Type == layer.Hardlink {
			if got.Ino != inodes[e.Target] {
				return fmt.Errorf("%q is no link to %q", e.Name, e.Target)
			}
			continue
		}
		inodes[e.Name] = got.Ino
		size := e.Size
		switch e.Type {
		case layer.Symlink:
			size = int64(len(e.Target))
		case layer.Directory:
			size = got.Size
		}
		if got.Mode != uint32(modes[e.Type])|e.Mode || int(got.Uid) != e.UID || int(got.Gid) != e.GID || got.Size != size ||
			got.Mtim.Sec != e.ModTime.Unix() || unix.Major(got.Rdev) != e.Major || unix.Minor(got.Rdev) != e.Minor {
			return fmt.Errorf("%+v came out as %+v", e, got)
		}
		if err := compareXattrs(filepath.Join(dir, e.Name), e); err != nil {
			return err
		}
		if e.Type != layer.Symlink {
			continue
		}
		if target, err := os.Readlink(filepath.Join(dir, e.Name)); err != nil || target != e.Target {
			return fmt.Errorf("%q points to %q: %w", e.Name, target, err)
		}
	}
	err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error {
		count++
		return err
	})
	if want := len(list) + 2; err == nil && count != want {
		err = fmt.Errorf("there are %d names, not %d", count, want)
	}
	return err
}
