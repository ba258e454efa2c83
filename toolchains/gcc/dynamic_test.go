package gcc

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRootOf finds what stands for / of a compiler's programs.
func TestRootOf(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "cross/lib/arch"), 0o755), os.MkdirAll(filepath.Join(dir, "cross/lib64"), 0o755),
		os.WriteFile(filepath.Join(dir, "cross/lib/arch/ld.so"), nil, 0o644),
		os.Symlink("../lib/arch/ld.so", filepath.Join(dir, "cross/lib64/ld.so")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "cross/lib/arch/ld.so")
	for interpreter, want := range map[string]string{
		"/lib64/ld.so": filepath.Join(dir, "cross"), "/lib/arch/ld.so": filepath.Join(dir, "cross"), "/lib/ld.so": "",
	} {
		if got := rootOf(file, interpreter); got != want {
			t.Errorf("%s: got %q, want %q", interpreter, got, want)
		}
	}
	if got := rootOf(filepath.Join(dir, "none"), "/ld.so"); got != "" {
		t.Errorf("a file that is not there: %q", got)
	}
}
