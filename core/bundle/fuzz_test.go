package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/fault"
)

// FuzzArchive installs anything, compressed and as it is.
func FuzzArchive(f *testing.F) {
	f.Add([]byte(forge(goodTree(f)).tar(f)), true)
	f.Add([]byte(forge(archive(f, file("../x", "y"))).tar(f)), true)
	f.Add([]byte(compress(f, forge(goodTree(f)).tar(f))), false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		if compressed {
			harmless(t, compress(t, string(data)))
			return
		}
		harmless(t, string(data))
	})
}

// harmless installs a bundle into a store that is alone in a folder, and looks
// whether it left anything beside, or anything that isn't right.
func harmless(t *testing.T, data string) {
	t.Helper()
	dir := t.TempDir()
	m := machineAt(t, filepath.Join(dir, "store"))
	err := install(t, m, data)
	var told *fault.Error
	if err != nil && (!errors.As(err, &told) || told.Remedy == "") {
		t.Errorf("not for people: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the store: %v, %v", entries, err)
	}
	for _, name := range m.files(t) {
		text, _ := os.ReadFile(filepath.Join(m.dir, name))
		kind, base := filepath.Split(name)
		switch {
		case err != nil:
			t.Errorf("%v, and %s is there", err, name)
		case kind == "sources/" && sum(string(text)) != base:
			t.Errorf("%s has the content of %s", name, sum(string(text)))
		case strings.HasPrefix(name, "tmp/"):
			t.Errorf("%s is left over", name)
		}
	}
}
