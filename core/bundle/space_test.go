package bundle_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/testenv"
)

// noise returns text that can't be compressed.
func noise(n int) string {
	random := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = random.Read(b) // never fails
	return string(b)
}

func isFull(t *testing.T, what string, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Summary != "No space left" || f.Remedy == "" {
		t.Errorf("%s: %v", what, err)
	}
}

// TestNoSpaceToInstall installs on a file system that is too small: it is seen
// at once, or in the middle where many small files take more than they hold.
func TestNoSpaceToInstall(t *testing.T) {
	from := newMachine(t)
	large := from.contents(t)
	big := noise(3 << 20)
	large.Sources = append(large.Sources, from.put(t, "sources/"+sum(big), big, 0o644))
	largeFile, _ := from.pack(t, large)
	other := newMachine(t)
	many := other.contents(t)
	for i := range 3000 {
		other.put(t, fmt.Sprintf("steps/%s/tree/many/%d", key, i), "x", 0o644)
	}
	manyFile, _ := other.pack(t, many)
	for what, test := range map[string]struct {
		file string
		size int
	}{"a large file": {largeFile, 2 << 20}, "many files": {manyFile, 8 << 20}} {
		to := machineAt(t, testenv.Tmpfs(t, test.size))
		before := to.files(t)
		_, err := to.installer().Install(t.Context(), test.file)
		isFull(t, what, err)
		if diff := cmp.Diff(before, to.files(t)); diff != "" {
			t.Errorf("%s: files in the store (-before +after):\n%s", what, diff)
		}
	}
}

// TestNoSpaceToPack writes a bundle to a file system that is too small.
func TestNoSpaceToPack(t *testing.T) {
	m := newMachine(t)
	c := m.contents(t)
	big := noise(1 << 20)
	c.Sources = append(c.Sources, m.put(t, "sources/"+sum(big), big, 0o644))
	dir := testenv.Tmpfs(t, 1<<19)
	out := filepath.Join(dir, "b.tar.zst")
	if err := os.WriteFile(out, []byte("an older one"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := bundle.Pack(t.Context(), m.store, c, out, nil)
	isFull(t, "pack", err)
	left, err := os.ReadDir(dir)
	data, readErr := os.ReadFile(out)
	if err != nil || len(left) != 1 || string(data) != "an older one" {
		t.Errorf("left: %v, %q, %v, %v", left, strings.ToValidUTF8(string(data[:min(20, len(data))]), "?"), err, readErr)
	}
}
