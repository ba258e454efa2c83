// Package apttest makes signed apt repositories, Debian packages and machines
// that use them, for tests.
//
// Only tests import it.
package apttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// WriteFile writes a file and the folders above it.
func WriteFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Key is an OpenPGP key made for a test.
type Key struct {
	home string
	// Public is the path of the public key.
	Public string
}

// NewKey makes a key; it skips the test if that can't be done.
func NewKey(t *testing.T) *Key {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("needs gpg, of the Debian package gpg")
	}
	// The socket of gpg's agent has to fit in 108 bytes.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	k := &Key{home, filepath.Join(t.TempDir(), "key.gpg")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	k.gpg(t, "--passphrase", "", "--quick-generate-key", "test", "ed25519", "sign", "never")
	k.gpg(t, "--output", k.Public, "--export")
	return k
}

// Sign writes the clear-signed text of a file.
func (k *Key) Sign(t *testing.T, in, out string) {
	t.Helper()
	k.gpg(t, "--output", out, "--clearsign", in)
}

func (k *Key) gpg(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", k.home, "--batch", "--yes", "--quiet"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs gpg with its agent, of the Debian package gpg-agent: %v\n%s", err, out)
	}
}

// NewMachine makes the apt configuration of another machine, with sources,
// and returns its folder and the environment that selects it.
func NewMachine(t *testing.T, name, sources string) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{"lists/partial", "cache/archives/partial", "parts", "trusted"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	WriteFile(t, filepath.Join(dir, "sources", name), sources)
	WriteFile(t, filepath.Join(dir, "status"), "")
	conf := filepath.Join(dir, "apt.conf")
	WriteFile(t, conf, fmt.Sprintf(`
Dir::State "%[1]s";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "%[1]s/parts";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "%[1]s/sources";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "%[1]s/trusted";
APT::Architecture "amd64";
APT::Update::Pre-Invoke:: "touch %[1]s/hook";
APT::Update::Post-Invoke:: "touch %[1]s/hook";
Acquire::Languages:: "de";
Acquire::http::User-Agent "of the machine";
`, dir))
	return dir, append(os.Environ(), "APT_CONFIG="+conf)
}

// Snapshot lists a folder with sizes and times.
func Snapshot(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		line := path
		if !d.IsDir() {
			line += fmt.Sprint(" ", fi.Size(), " ", fi.ModTime())
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
