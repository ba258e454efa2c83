package signing_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/mkmini/mkmini/core/signing"
	"github.com/mkmini/mkmini/core/testenv"
)

func newKey(t *testing.T) signing.PrivateKey {
	t.Helper()
	key, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func noPassword() (string, error) { return "", errors.New("nobody may ask") }

// TestMinisignVerifies signs here, and has Debian's minisign verify it: a file,
// an empty one, and the checksums of a folder.
func TestMinisignVerifies(t *testing.T) {
	minisign := testenv.Tool(t, "minisign", "minisign")
	dir, key := t.TempDir(), newKey(t)
	public := write(t, filepath.Join(dir, "key.pub"), string(key.Public().Encode()))
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "sub", "a b"), "content")
	for _, path := range []string{write(t, filepath.Join(dir, "file"), "text"), write(t, filepath.Join(dir, "empty"), ""), folder} {
		made, err := key.SignArtifact(t.Context(), path, "")
		if err != nil {
			t.Fatal(err)
		}
		signed := strings.TrimSuffix(made.Signature, signing.Suffix)
		out := testenv.Output(t, minisign, "-V", "-m", signed, "-p", public)
		if want := "file:" + filepath.Base(signed) + "\thashed"; !strings.Contains(out, want) {
			t.Errorf("minisign says %q, without %q", out, want)
		}
		before := read(t, made.Signature)
		if _, err := key.SignArtifact(t.Context(), path, ""); err != nil || !bytes.Equal(before, read(t, made.Signature)) {
			t.Errorf("the signature of the same is another one: %v", err)
		}
		write(t, signed, "other")
		if err := exec.CommandContext(t.Context(), minisign, "-V", "-m", signed, "-p", public).Run(); err == nil {
			t.Errorf("minisign verifies %s, which was changed", signed)
		}
	}
}

// TestVerifiesMinisign has Debian's minisign sign, and verifies it here.
func TestVerifiesMinisign(t *testing.T) {
	minisign := testenv.Tool(t, "minisign", "minisign")
	dir := t.TempDir()
	private, public := filepath.Join(dir, "m.key"), filepath.Join(dir, "m.pub")
	testenv.Output(t, minisign, "-G", "-W", "-s", private, "-p", public)
	file := write(t, filepath.Join(dir, "file"), "text")
	testenv.Output(t, minisign, "-S", "-s", private, "-m", file, "-t", "from minisign")
	key, err := signing.ParsePublic(read(t, public))
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.ParseSignature(read(t, file+".minisig"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(strings.NewReader("text"), key); err != nil || s.Comment() != "from minisign" || s.KeyID() != key.ID() {
		t.Errorf("%v, comment %q, key %s", err, s.Comment(), s.KeyID())
	}
	if err := s.Verify(strings.NewReader("test"), key); !errors.Is(err, signing.ErrChanged) {
		t.Errorf("of another text: %v", err)
	}
	if err := s.Verify(strings.NewReader("text"), newKey(t).Public()); !errors.Is(err, signing.ErrOtherKey) {
		t.Errorf("by another key: %v", err)
	}
	testenv.Output(t, minisign, "-S", "-l", "-s", private, "-m", file)
	if s, err = signing.ParseSignature(read(t, file+".minisig")); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(strings.NewReader("text"), key); !errors.Is(err, signing.ErrLegacy) {
		t.Errorf("of the old kind: %v", err)
	}
	if err := s.VerifyText([]byte("text"), key); err != nil {
		t.Errorf("of the old kind: %v", err)
	}
	// The private key is read here as well.
	own, err := signing.ParsePrivate(read(t, private), noPassword)
	if err != nil || own.Public().String() != key.String() {
		t.Errorf("%v: %s is not %s", err, own.Public(), key)
	}
}

func TestChangedComment(t *testing.T) {
	key := newKey(t)
	text, err := key.Sign(strings.NewReader("text"), "first")
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.ParseSignature(bytes.Replace(text, []byte("first"), []byte("other"), 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(strings.NewReader("text"), key.Public()); !errors.Is(err, signing.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if _, err := key.Sign(strings.NewReader("text"), "two\nlines"); err == nil {
		t.Error("a comment of two lines is signed")
	}
}

func TestPrivateKeys(t *testing.T) {
	key := newKey(t)
	text, err := key.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := signing.ParsePrivate(text, noPassword); err != nil || again.ID() != key.ID() {
		t.Errorf("%v: %s is not %s", err, again.ID(), key.ID())
	}
	locked := lock(t, key, "secret word")
	answer := func(word string) func() (string, error) { return func() (string, error) { return word, nil } }
	if again, err := signing.ParsePrivate(locked, answer("secret word")); err != nil || again.Public().String() != key.Public().String() {
		t.Errorf("with its password: %v", err)
	}
	if _, err := signing.ParsePrivate(locked, answer("secret")); !errors.Is(err, signing.ErrPassword) {
		t.Errorf("with another password: %v", err)
	}
	for _, text := range []string{"", "x", string(key.Public().Encode()), strings.Repeat("A", 1<<20)} {
		if _, err := signing.ParsePrivate([]byte(text), noPassword); !errors.Is(err, signing.ErrNoKey) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestMinisignTakesKeys has Debian's minisign sign with keys from here, one of
// them encrypted.
func TestMinisignTakesKeys(t *testing.T) {
	minisign := testenv.Tool(t, "minisign", "minisign")
	key := newKey(t)
	plain, err := key.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	for word, text := range map[string][]byte{"": plain, "secret word": lock(t, key, "secret word")} {
		dir := t.TempDir()
		file, private := write(t, filepath.Join(dir, "file"), "text"), write(t, filepath.Join(dir, "key"), string(text))
		cmd := exec.CommandContext(t.Context(), minisign, "-S", "-s", private, "-m", file)
		cmd.Stdin = strings.NewReader(word + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("password %q: %v\n%s", word, err, out)
		}
		s, err := signing.ParseSignature(read(t, file+signing.Suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(strings.NewReader("text"), key.Public()); err != nil {
			t.Error(err)
		}
	}
}

// TestEnvelope verifies an envelope as programs do that know DSSE and Ed25519,
// with the key in PEM.
func TestEnvelope(t *testing.T) {
	key, other := newKey(t), newKey(t)
	e, err := key.SignEnvelope(t.Context(), signing.NewEnvelope("application/x", []byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = signing.ParseEnvelope(text); err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(key.Public()); err != nil {
		t.Error(err)
	}
	if err := e.Verify(other.Public()); !errors.Is(err, signing.ErrOtherKey) {
		t.Errorf("by another key: %v", err)
	}
	changed := bytes.Replace(text, []byte(base64.StdEncoding.EncodeToString([]byte("{}"))), []byte(base64.StdEncoding.EncodeToString([]byte("[]"))), 1)
	if c, err := signing.ParseEnvelope(changed); err != nil || !errors.Is(c.Verify(key.Public()), signing.ErrChanged) {
		t.Errorf("changed: %v", err)
	}
	if err := signing.NewEnvelope("application/x", nil).Verify(key.Public()); !errors.Is(err, signing.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	encoded, err := key.Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(encoded)
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := parsed.(ed25519.PublicKey)
	_, sig, _ := bytes.Cut(text, []byte(`"sig":"`))
	sig, _, _ = bytes.Cut(sig, []byte(`"`))
	raw, err := base64.StdEncoding.DecodeString(string(sig))
	if err != nil || !ed25519.Verify(public, dsse.PAE("application/x", []byte("{}")), raw) {
		t.Errorf("the signature is none of Ed25519 over DSSE's bytes: %v", err)
	}
	// A second signature is added, a second one by the same key is not.
	for range 2 {
		if e, err = other.SignEnvelope(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.KeyIDs) != 2 || e.Verify(key.Public()) != nil || e.Verify(other.Public()) != nil {
		t.Errorf("signed by %v", e.KeyIDs)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"payloadType":"x","payload":"e30=","signatures":[{"keyid":"","sig":"AA=="}]}`))
	f.Add([]byte(`{"payloadType":"x","payload":"e30","signatures":[]}`))
	f.Add([]byte(`{"payload":[],"signatures":null}`))
	f.Add([]byte(`{}{}`))
	key, err := signing.Generate()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := signing.ParseEnvelope(text)
		if err != nil {
			return
		}
		if e.Verify(key.Public()) == nil {
			t.Fatal("it is signed by a key that signed nothing")
		}
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := signing.ParseEnvelope(encoded); err != nil || !bytes.Equal(again.Payload, e.Payload) {
			t.Fatalf("read again: %v", err)
		}
	})
}

func FuzzSignature(f *testing.F) {
	key, err := signing.Generate()
	if err != nil {
		f.Fatal(err)
	}
	text, err := key.Sign(strings.NewReader("text"), "comment")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("untrusted comment: x\n\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := signing.ParseSignature(text)
		if err == nil && s.Verify(strings.NewReader("other"), key.Public()) == nil {
			t.Fatal("it verifies what was not signed")
		}
	})
}
