package artifact_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var errTest = errors.New("test")

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func TestWriteFile(t *testing.T) {
	write := func(w io.Writer) error { _, err := io.WriteString(w, "content"); return err }
	read := func(path string) error {
		content, err := os.ReadFile(path)
		if err == nil && string(content) != "content" {
			err = fmt.Errorf("got %q", content)
		}
		return err
	}
	fails := func(io.Writer) error { return errTest }
	for name, test := range map[string]struct {
		fill  func(io.Writer) error
		check func(string) error
		want  []string
	}{
		"good":       {write, read, []string{"a.tar"}},
		"bad fill":   {fails, read, nil},
		"bad check":  {write, func(string) error { return errTest }, nil},
		"both wrong": {fails, func(string) error { panic("checked what failed") }, nil},
	} {
		dir := t.TempDir()
		err := artifact.WriteFile(dir, "a.tar", test.fill, test.check)
		if (err == nil) != (test.want != nil) || err != nil && !errors.Is(err, errTest) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, names(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	err := artifact.WriteFolder(dir, "a.oci", func(folder string) error {
		if err := os.MkdirAll(filepath.Join(folder, "closed/in"), 0o755); err != nil {
			return err
		}
		return errors.Join(os.Chmod(filepath.Join(folder, "closed"), 0), errTest)
	})
	if !errors.Is(err, errTest) || len(names(t, dir)) != 0 {
		t.Errorf("got %v, left %v", err, names(t, dir))
	}
	when := time.Unix(315532800, 0)
	old := syscall.Umask(0o077)
	err = artifact.WriteFolder(dir, "a.oci", func(folder string) error {
		return errors.Join(os.MkdirAll(filepath.Join(folder, "d"), 0o700),
			os.WriteFile(filepath.Join(folder, "d/f"), nil, 0o600), artifact.Settle(folder, when))
	})
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"a.oci": 0o755, "a.oci/d": 0o755, "a.oci/d/f": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"mini-x86_64.tar": true, "": false, ".": false, "..": false, "a/b": false, "/a": false, "../a": false, ".hidden": false,
	} {
		if err := artifact.CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC: "No space left", syscall.EDQUOT: "No space left", syscall.EFBIG: "File too large",
		syscall.EACCES: "Output folder not writable", syscall.EROFS: "Output folder not writable",
		syscall.EIO: "", context.Canceled: "",
	} {
		got := artifact.Explain("a.tar", fmt.Errorf("write: %w", err))
		d, ok := got.(sdk.Diagnostics)
		if ok != (want != "") || ok && (d[0].Summary != want || d[0].Remedy == "") {
			t.Errorf("%v: %v", err, got)
		}
		if !ok && !errors.Is(got, err) {
			t.Errorf("%v is lost: %v", err, got)
		}
	}
	d := sdk.Diagnostics{{Summary: "Own"}}
	if diff := cmp.Diff(error(d), artifact.Explain("a.tar", d)); diff != "" {
		t.Error(diff)
	}
	artifact.Quiet(nil)(sdk.Report{})
}
