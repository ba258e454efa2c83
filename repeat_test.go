package main_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestSameBytes builds the same once more as another user with another
// store, folder, umask, time zone, locale and number of jobs.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	first := build(t, "x86_64")
	dir := filepath.Join(shared, "elsewhere, far away")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(allFormats)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "all.hcl"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, testenv.Nobody, testenv.Nobody); err != nil {
			t.Fatal(err)
		}
	}
	second := command{
		args: []string{"-c", "all.hcl", "--only", "x86_64", "-j", "3"}, dir: dir,
		env: []string{"HOME=" + dir, "MKMINI_STORE=" + filepath.Join(dir, "store"), "TZ=Asia/Shanghai", "LC_ALL=C.UTF-8", "LANG=de_DE.UTF-8"},
		change: func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
			testenv.AsNobody(cmd)
		},
	}
	second.events(t)
	compareFolders(t, first.dir, filepath.Join(dir, "out"))
}

// compareFolders compares names and contents. Of folders that hold a whole
// file system the owners and devices are left out, as only root can make them.
func compareFolders(t *testing.T, a, b string) {
	t.Helper()
	inA, inB := tree(t, a), tree(t, b)
	if diff := cmp.Diff(inA, inB); diff != "" {
		t.Errorf("names and kinds (-first +second):\n%s", diff)
	}
	for path, kind := range inA {
		if !strings.HasPrefix(kind, "file") {
			continue
		}
		one, errA := os.ReadFile(filepath.Join(a, path))
		other, errB := os.ReadFile(filepath.Join(b, path))
		if errA != nil || errB != nil {
			t.Errorf("%s: %v, %v", path, errA, errB)
		} else if !bytes.Equal(one, other) {
			t.Errorf("%s differs", path)
		}
	}
	if len(inA) < 15 {
		t.Errorf("compared %d files only", len(inA))
	}
}

// tree returns what the files below a folder are, by path.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if rel == "." {
			return nil // the user's own folder
		}
		switch mode := info.Mode(); {
		case mode.IsRegular():
			all[rel] = "file " + mode.String()
		case mode.IsDir():
			all[rel] = "folder " + mode.String()
		case mode&fs.ModeSymlink != 0:
			if all[rel], err = os.Readlink(path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
