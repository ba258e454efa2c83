package apt_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/core/source/apt"
)

// TestMachine fetches busybox by hash through the machine's own apt mirror:
// the suite that the machine has, and those that it has not when
// MKMINI_TEST_SUITES is set.
func TestMachine(t *testing.T) {
	needApt(t)
	versions := []struct{ version, sha256 string }{
		{"1.35.0", "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"},
	}
	if os.Getenv("MKMINI_TEST_SUITES") != "" {
		versions = append(versions, []struct{ version, sha256 string }{
			{"1.37.0", "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"},
			{"1.38.0", "34f9ea6ff8636f2c9241153b9114eefa9e65674a45318ae1ef95bb5f31c53bb2"},
		}...)
	}
	for _, v := range versions {
		t.Run(v.version, func(t *testing.T) {
			f := &apt.Finder{Dir: filepath.Join(t.TempDir(), "apt")}
			target := filepath.Join(t.TempDir(), "file")
			from, err := f.Fetch(t.Context(), "busybox", v.sha256, target, nil)
			var none *apt.NotFoundError
			if errors.As(err, &none) {
				t.Skipf("the apt mirror of this machine cannot be reached or is of no distribution that has this version: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("found in %s", from)
			checkHash(t, target, v.sha256)
		})
	}
}

func needApt(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(apt.Helper); err != nil {
		t.Skip("needs apt-get and apt-helper, of the Debian package apt")
	}
}

func checkHash(t *testing.T, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want {
		t.Fatalf("sha256 of %s is %s, want %s", path, got, want)
	}
}
