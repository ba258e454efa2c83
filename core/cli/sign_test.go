package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/signing"
)

// lockedKey is encrypted with the password "secret word", with little work, as
// nobody is to be kept from it.
const lockedKey = "testdata/locked.key"

// signed runs `sign` on a file and returns the exit code and what was printed.
func signed(t *testing.T, flags ...string) (code int, out, errs, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = runLine(t, append([]string{"sign", path}, flags...)...)
	return code, out, errs, path
}

// runLine runs a command line.
func runLine(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = Run(t.Context(), Program{Streams: Streams{Out: &stdout, Err: &stderr}}, args)
	return code, stdout.String(), stderr.String()
}

func TestSignWithPassword(t *testing.T) {
	word := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(word, []byte("secret word\nanother line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEY_PASSWORD", "secret word")
	t.Setenv("WRONG_PASSWORD", "not the word")
	for _, test := range []struct {
		flags []string
		code  int
		words string
	}{
		{[]string{"--password-file", word}, 0, ""},
		{[]string{"--password-env", "KEY_PASSWORD", "--comment", "a release"}, 0, ""},
		{[]string{"--password-env", "WRONG_PASSWORD"}, 2, "The password is wrong, or the file is damaged"},
		{[]string{"--password-env", "NO_SUCH_PASSWORD"}, 2, "environment variable NO_SUCH_PASSWORD, which is not set"},
		{[]string{"--password-file", word + ".none"}, 2, "no such file"},
		{[]string{"--password-file", word, "--password-env", "KEY_PASSWORD"}, 2, "one password"},
	} {
		code, out, errs, path := signed(t, append([]string{"--key", lockedKey}, test.flags...)...)
		plain := strings.Join(strings.Fields(errs), " ")
		if code != test.code || !strings.Contains(plain, test.words) {
			t.Errorf("%q: %d\n%s%s", test.flags, code, out, errs)
		}
		if strings.Contains(out+errs, "word\n") || strings.Contains(plain, "not the word") || strings.Contains(plain, "secret") {
			t.Errorf("the password is shown:\n%s%s", out, errs)
		}
		_, err := os.Stat(path + signing.Suffix)
		if made := err == nil; made != (test.code == 0) {
			t.Errorf("%q: a signature is there: %v", test.flags, made)
		}
	}
}

func TestSignMistakes(t *testing.T) {
	public := filepath.Join(t.TempDir(), "x.pub")
	key, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, key.Public().Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args  []string
		words string
	}{
		{[]string{"sign"}, "sign what?"},
		{[]string{"sign", public}, "sign by which key?"},
		{[]string{"sign", "none", "--key", lockedKey}, "There is no such file or folder"},
		{[]string{"sign", public, "--key", "none"}, "no such file"},
		{[]string{"sign", public, "--key", public}, "This is the public key: name the private one"},
		{[]string{"sign", public, "--key", "sign_test.go"}, "It is no private key of minisign"},
		{[]string{"verify"}, "which artifact?"},
		{[]string{"verify", public, "--rebuild"}, "from which configuration?"},
		{[]string{"verify", public, "--sha256", "abc"}, "64 hexadecimal digits"},
		{[]string{"verify", public, "--key", lockedKey}, "is a private key: keep it to yourself"},
		{[]string{"verify", public, "--key", "RWnonsense"}, "no public key of minisign, and no file"},
		{[]string{"verify", "out/none"}, "There is no file or folder out/none"},
		{[]string{"key", "new"}, "which file?"},
		{[]string{"key", "new", public, "--no-password"}, "There is a file"},
		{[]string{"key", "show", "sign_test.go"}, "holds no public key"},
	} {
		code, out, errs := runLine(t, test.args...)
		if code != exitUsage || !strings.Contains(strings.Join(strings.Fields(errs), " "), test.words) {
			t.Errorf("%q: %d\n%s%s", test.args, code, out, errs)
		}
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "release.key")
	if code, out, errs := runLine(t, "key", "new", private, "--no-password"); code != 0 || !strings.Contains(out, filepath.Join(dir, "release.pub")) {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if info, err := os.Stat(private); err != nil || info.Mode().Perm()&^fs.FileMode(0o600) != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	code, out, _ := runLine(t, "key", "show", filepath.Join(dir, "release.pub"))
	id, text, _ := strings.Cut(strings.TrimSpace(out), "  ")
	if key, err := signing.ParsePublic([]byte(text)); code != 0 || err != nil || key.ID() != id {
		t.Errorf("%d, %v, %q", code, err, out)
	}
	if code, out, _ = runLine(t, "key", "show", text, "--pem"); code != 0 || !strings.HasPrefix(out, "-----BEGIN PUBLIC KEY-----\n") {
		t.Errorf("%d, %q", code, out)
	}
	path := filepath.Join(dir, "artifact")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = runLine(t, "sign", path, "--key", private, "--json")
	var made []signedJSON
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || len(made) != 1 || made[0].Key != id || made[0].Signature != path+".minisig" {
		t.Errorf("%d, %v, %s", code, err, out)
	}
	for text, want := range map[string]int{text: 0, filepath.Join(dir, "release.pub"): 0} {
		if code, out, errs := runLine(t, "verify", path, "--key", text); code != want || !strings.Contains(out, ": verified\n") {
			t.Errorf("%d\n%s%s", code, out, errs)
		}
	}
}
