package artifact_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/artifact"
	"github.com/mkmini/mkmini/core/testenv"
)

// odd are names that other tools trip over.
var odd = []string{"a b", "back\\slash", "line\nfeed", "quote\"s", "caf\xe9", "ümlaut", "# comment", "-"}

func oddFolder(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	for i, name := range odd {
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte{byte(i)}, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sums writes the checksums of a folder into a file.
func sums(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	if err := artifact.WriteSums(t.Context(), &out, dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sums")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSumsCheckedByCoreutils has sha256sum check the files of a folder.
func TestSumsCheckedByCoreutils(t *testing.T) {
	tool := testenv.Tool(t, "sha256sum", "coreutils")
	dir := oddFolder(t)
	file := sums(t, dir)
	check := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), tool, "--check", "--strict", file)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := check()
	if err != nil || strings.Count(out, ": OK\n") != len(odd)+1 {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "a b"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil || !strings.Contains(out, "bin/a b: FAILED") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCompareSums(t *testing.T) {
	dir := oddFolder(t)
	file := sums(t, dir)
	if got, err := artifact.CompareSums(t.Context(), dir, file); err != nil || got != nil {
		t.Errorf("of the same: %q, %v", got, err)
	}
	bin := filepath.Join(dir, "bin")
	for _, err := range []error{
		os.Remove(filepath.Join(bin, "line\nfeed")),
		os.Remove(filepath.Join(bin, "link")),
		os.Symlink("other", filepath.Join(bin, "link")),
		os.WriteFile(filepath.Join(bin, "new"), nil, 0o644),
		os.Chmod(filepath.Join(bin, "a b"), 0o755),
		os.WriteFile(filepath.Join(bin, "caf\xe9"), []byte("x"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`"bin/a b" is another one`, `"bin/caf\xe9" is another one`, `"bin/line\nfeed" is missing`, `"bin/link" is another one`, `"bin/new" is new`,
	}
	got, err := artifact.CompareSums(t.Context(), dir, file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzCompareSums(f *testing.F) {
	dir := f.TempDir()
	var out bytes.Buffer
	if err := artifact.WriteSums(f.Context(), &out, dir); err != nil {
		f.Fatal(err)
	}
	same := out.String()
	f.Add(same)
	f.Add("# mkmini folder 1\n# \"a\" -rw-r--r--\n00  a\n00  a\n")
	f.Add("# mkmini folder 1\n# \"a\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "sums")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := artifact.CompareSums(t.Context(), dir, file)
		// A last line may lack its end.
		if err == nil && got == nil && strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n") != strings.TrimRight(same, "\n") {
			t.Fatalf("an empty folder is the same as %q", text)
		}
	})
}
