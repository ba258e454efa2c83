package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestScanAsWalkDir compares what a scan finds in any folder with what the
// standard library does.
func TestScanAsWalkDir(t *testing.T) {
	t.Parallel()
	names := rapid.StringMatching(`[a-c.\-/ äA"\n]{1,8}`)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		for i, name := range rapid.SliceOfN(names, 0, 100).Draw(rt, "names") {
			at := filepath.Join(dir, filepath.Clean("/"+name))
			_ = os.MkdirAll(filepath.Dir(at), 0o700) // or it is a file
			if i%5 == 0 {
				_ = os.Symlink(name, at)
			} else {
				_ = os.WriteFile(at, []byte(strings.Repeat(name, i*i)), 0o600|fs.FileMode(i))
			}
		}
		for _, depth := range []depth{states, attributes, contents} {
			if diff := cmp.Diff(walked(rt, dir, depth), scanned(rt, t.Context(), dir, depth)); diff != "" {
				rt.Fatalf("depth %d (-want +got):\n%s", depth, diff)
			}
		}
	})
}

// line tells what was found.
func line(e *found) string {
	return fmt.Sprintf("%q %s %d:%d %d %+v %q %q", e.rel, e.mode, e.uid, e.gid, e.names, e.state, e.target, e.content)
}

// walked tells what the standard library finds in a folder.
func walked(rt *rapid.T, dir string, depth depth) (list []string) {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		e := &found{rel: strings.TrimPrefix(name, dir+"/"), mode: info.Mode(), uid: st.Uid, gid: st.Gid, names: uint64(st.Nlink)}
		e.state, err = stateOf(info)
		if depth > states && info.Mode()&fs.ModeSymlink != 0 {
			e.target, err = os.Readlink(name)
		}
		if depth == contents && info.Mode().IsRegular() {
			e.content, err = os.ReadFile(name)
		}
		list = append(list, line(e))
		return err
	})
	if err != nil {
		rt.Fatal(err)
	}
	return list
}

// scanned tells what a scan finds in a folder.
func scanned(rt *rapid.T, ctx context.Context, dir string, depth depth) (list []string) {
	for e, err := range scan(ctx, dir, depth) {
		if err != nil {
			rt.Fatal(err)
		}
		if depth == contents && e.mode.IsRegular() != e.loaded {
			rt.Fatalf("%s: loaded is %t", e.rel, e.loaded)
		}
		list = append(list, line(e))
	}
	return list
}

// TestScanErrors has what can't be read in the middle of a folder: what is
// before it comes, in order, and then the error.
func TestScanErrors(t *testing.T) {
	files := map[string]string{"last": ""}
	for i := range 100 {
		files[fmt.Sprintf("a/%03d", i)] = "x"
	}
	for name, spoil := range map[string]func(path string) error{
		"is a fifo":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"is a socket": func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
	} {
		dir := write(t, t.TempDir(), files)
		if err := spoil(filepath.Join(dir, "b")); err != nil {
			t.Fatal(err)
		}
		n := 0
		var last error
		for _, err := range scan(t.Context(), dir, contents) {
			if last = err; err == nil {
				n++
			}
		}
		if n != 101 || last == nil || !strings.Contains(last.Error(), "/b "+name) {
			t.Errorf("%s: %v after %d", name, last, n)
		}
	}
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	dir := write(t, t.TempDir(), files)
	for _, name := range []string{"a/050", "a"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range scan(t.Context(), dir, contents) {
			last = err
		}
		if !errors.Is(last, fs.ErrPermission) || !strings.Contains(last.Error(), filepath.Join(dir, name)+": ") {
			t.Errorf("%s: %v", name, last)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestScanFollowsNothing puts something else in the place of a file after its
// name was read.
func TestScanFollowsNothing(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"file": "secret", "folder/x": "secret", "link": "->file", "way": "->folder"})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(dir, "socket"), unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	top, _, err := openTop(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer top.release()
	s := &scanner{dir: dir, depth: contents}
	for _, name := range []string{"link", "folder", "pipe", "socket"} {
		err := s.lookAt(&batch{}, &found{rel: name, in: top})
		if changed, ok := errors.AsType[*changedError](err); !ok || !changed.became {
			t.Errorf("%s for a file: %v", name, err)
		}
	}
	for _, name := range []string{"way", "file"} {
		if _, err := top.open(&found{rel: name, mode: fs.ModeDir}, unix.O_DIRECTORY); !errors.Is(err, errBecame) {
			t.Errorf("%s for a folder: %v", name, err)
		}
	}
	e := &found{rel: "file", in: top}
	if err := s.lookAt(&batch{}, e); err != nil || string(e.content) != "secret" {
		t.Fatalf("%q, %v", e.content, err)
	}
	write(t, dir, map[string]string{"other": "secret"})
	if err := os.Rename(filepath.Join(dir, "other"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.reopen("file"); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("another file: %v", err)
	}
}

// TestScanStops leaves no folder open when nobody wants more, or the context is
// done.
func TestScanStops(t *testing.T) {
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf("%d/%d/%d", i/100, i/10%10, i)] = "x"
	}
	dir := write(t, t.TempDir(), files)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range scan(ctx, dir, contents) {
		if n++; n == 50 {
			break
		}
	}
	var last error
	for _, err := range scan(ctx, dir, contents) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the end of a scan that was stopped: %v", last)
	}
	if open := openBelow(t, dir); len(open) > 0 {
		t.Errorf("still open: %q", open)
	}
}

// TestScanOpensFewFolders goes through a folder of folders that hold one file
// each: not all of them are open at a time.
func TestScanOpensFewFolders(t *testing.T) {
	files := map[string]string{}
	for i := range 1000 {
		files[fmt.Sprintf("%03d/x", i)] = "x"
	}
	dir, most, n := write(t, t.TempDir(), files), 0, 0
	for _, err := range scan(t.Context(), dir, contents) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%100 == 0 {
			most = max(most, len(openBelow(t, dir)))
		}
	}
	// The batches on their way, those of the goroutines, and what they read.
	if limit := (scanAhead+aheadReaders+3)*scanFolders + aheadReaders; n != 2000 || most > limit {
		t.Errorf("%d folders are open of %d, more than %d", most, n, limit)
	}
}

// openBelow returns what this process has open of a folder.
func openBelow(t *testing.T, dir string) (open []string) {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if to, err := os.Readlink("/proc/self/fd/" + l.Name()); err == nil && strings.HasPrefix(to, dir) {
			open = append(open, to)
		}
	}
	return open
}

// TestQuoted has names quoted as fmt does.
func TestQuoted(t *testing.T) {
	for _, s := range []string{"", "a b", `"`, `\`, "\n", "\x7f", "ä", "\xff", "~ "} {
		if got, want := string(appendQuoted(nil, s)), fmt.Sprintf("%q", s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
