package apt_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
func publish(t *testing.T, repo string, s suite, key *key) {
	t.Helper()
	var sources strings.Builder
	sources.WriteString("Package: other\nVersion: 1\nDirectory: pool/other\nChecksums-Sha256:\n " + strings.Repeat("a", 64) + " 1 other_1.tar.gz\n")
	for path, text := range s.files {
		writeFile(t, filepath.Join(repo, path), text)
		fmt.Fprintf(&sources, "\nPackage: busybox\nBinary: busybox,\n busybox-static\nFormat: 3.0 (quilt)\nVersion: 1:1-1\nDirectory: %s\nChecksums-Sha256:\n %s 7 busybox_1.dsc\n %x %d %s\n",
			filepath.Dir(path), strings.Repeat("b", 64), sha256.Sum256([]byte(text)), len(text), filepath.Base(path))
	}
	index := sources.String()
	release := fmt.Sprintf("Origin: Debian\nLabel: Debian\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n %x %d main/source/Sources\n",
		s.name, s.codename, time.Now().UTC().Format(time.RFC1123), sha256.Sum256([]byte(index)), len(index))
	for _, name := range []string{s.codename, s.name} {
		dir := filepath.Join(repo, "dists", name)
		writeFile(t, filepath.Join(dir, "main/source/Sources"), index)
		writeFile(t, filepath.Join(dir, "Release"), release)
		if key != nil {
			key.sign(t, filepath.Join(dir, "Release"), filepath.Join(dir, "InRelease"))
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// key is an OpenPGP key made for a test.
type key struct {
	home string
	// public is the path of the public key.
	public string
}

func newKey(t *testing.T) *key {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("needs gpg, of the Debian package gpg")
	}
	// The socket of gpg's agent has to fit in 108 bytes.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	k := &key{home, filepath.Join(t.TempDir(), "key.gpg")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	k.gpg(t, "--passphrase", "", "--quick-generate-key", "test", "ed25519", "sign", "never")
	k.gpg(t, "--output", k.public, "--export")
	return k
}

func (k *key) sign(t *testing.T, in, out string) {
	t.Helper()
	k.gpg(t, "--output", out, "--clearsign", in)
}

func (k *key) gpg(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", k.home, "--batch", "--yes", "--quiet"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs gpg with its agent, of the Debian package gpg-agent: %v\n%s", err, out)
	}
}

// newMachine makes the apt configuration of another machine, with sources,
// and returns its folder and the environment that selects it.
func newMachine(t *testing.T, name, sources string) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{"lists/partial", "cache/archives/partial", "parts", "trusted"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "sources", name), sources)
	writeFile(t, filepath.Join(dir, "status"), "")
	conf := filepath.Join(dir, "apt.conf")
	writeFile(t, conf, fmt.Sprintf(`
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

// snapshot lists a folder with sizes and times.
func snapshot(t *testing.T, dir string) []string {
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
