package rootfs

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nobodyVariable marks the process that isn't root's.
const nobodyVariable = "MKMINI_TEST_NOBODY"

// sums exports in each format, and returns a line for each. A folder has the
// owner who makes it.
func sums(t *testing.T) (lines []string) {
	t.Helper()
	for _, format := range names() {
		if format == "dir" {
			continue
		}
		path, err := export(t, map[string]any{"format": format})
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		_, err = io.Copy(hash, file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("SUM %s %x", format, hash.Sum(nil)))
	}
	return lines
}

// TestSameAsNobody has root and an ordinary user export the same.
func TestSameAsNobody(t *testing.T) {
	if os.Getenv(nobodyVariable) != "" {
		for _, line := range sums(t) {
			fmt.Println(line)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to be somebody else")
	}
	want := sums(t)
	// The folder of the test's own program is for root alone.
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mkmini-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const nobody = 65534
	program := filepath.Join(dir, "test")
	for _, err := range []error{os.WriteFile(program, self, 0o755), os.Chmod(program, 0o755), os.Chown(dir, nobody, nobody)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestSameAsNobody$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), nobodyVariable+"=1", "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "SUM ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-root +nobody:\n%s", diff)
	}
}
