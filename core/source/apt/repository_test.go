package apt_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/source/apt/apttest"
)

// suite is a suite of a repository that a test makes.
type suite struct {
	codename, name string
	// files are the files of the source package busybox by their path in
	// the repository.
	files map[string]string
}

// publish writes a suite under both of its names, signed if key is not
// empty, and its files.
func publish(t *testing.T, repo string, s suite, key *apttest.Key) {
	t.Helper()
	var sources strings.Builder
	sources.WriteString("Package: other\nVersion: 1\nDirectory: pool/other\nChecksums-Sha256:\n " + strings.Repeat("a", 64) + " 1 other_1.tar.gz\n")
	for path, text := range s.files {
		apttest.WriteFile(t, filepath.Join(repo, path), text)
		fmt.Fprintf(&sources, "\nPackage: busybox\nBinary: busybox,\n busybox-static\nFormat: 3.0 (quilt)\nVersion: 1:1-1\nDirectory: %s\nChecksums-Sha256:\n %s 7 busybox_1.dsc\n %x %d %s\n",
			filepath.Dir(path), strings.Repeat("b", 64), sha256.Sum256([]byte(text)), len(text), filepath.Base(path))
	}
	index := sources.String()
	release := fmt.Sprintf("Origin: Debian\nLabel: Debian\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n %x %d main/source/Sources\n",
		s.name, s.codename, time.Now().UTC().Format(time.RFC1123), sha256.Sum256([]byte(index)), len(index))
	for _, name := range []string{s.codename, s.name} {
		dir := filepath.Join(repo, "dists", name)
		apttest.WriteFile(t, filepath.Join(dir, "main/source/Sources"), index)
		apttest.WriteFile(t, filepath.Join(dir, "Release"), release)
		if key != nil {
			key.Sign(t, filepath.Join(dir, "Release"), filepath.Join(dir, "InRelease"))
		}
	}
}
