package pluginstore_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/core/testenv"
)

const boardArchive = "mkmini-plugin-board_v1.0.0_p1_linux_amd64.tar.gz"

// rewrite puts another archive into a release, and its hash into the list.
func rewrite(t *testing.T, dir string, data []byte, listed bool) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, boardArchive), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if !listed {
		return
	}
	sum := sha256.Sum256(data)
	sums := pluginstore.FormatSums(map[string]string{boardArchive: hex.EncodeToString(sum[:])})
	if err := os.WriteFile(filepath.Join(dir, pluginstore.SumsName), sums, 0o644); err != nil {
		t.Fatal(err)
	}
}

// archive returns a tar.gz of headers, whose content is their name's.
func archive(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, h := range headers {
		content := []byte("#!/bin/sh\necho '{}'\n")
		if h.Typeflag == 0 || h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		} else {
			content = nil
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestTampered refuses archives that hold what they must not.
func TestTampered(t *testing.T) {
	const exe = "mkmini-plugin-board"
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		data  []byte
		words []string
	}{
		"parent":        {archive(t, tar.Header{Name: "../../../../evil"}, tar.Header{Name: exe}), []string{"outside of the folder"}},
		"absolute":      {archive(t, tar.Header{Name: "/tmp/mkmini-evil"}, tar.Header{Name: exe}), []string{"outside of the folder"}},
		"outer link":    {archive(t, tar.Header{Name: "README"}, tar.Header{Name: exe, Typeflag: tar.TypeSymlink, Linkname: "/bin/sh"}), []string{"links to places outside"}},
		"symlink":       {archive(t, tar.Header{Name: exe, Typeflag: tar.TypeSymlink, Linkname: "/bin/sh"}), []string{boardArchive + " cannot be unpacked: it is empty"}},
		"inner symlink": {archive(t, tar.Header{Name: "real"}, tar.Header{Name: exe, Typeflag: tar.TypeSymlink, Linkname: "real"}), []string{"It holds a link, " + exe}},
		"escaping link": {archive(t, tar.Header{Name: exe, Typeflag: tar.TypeSymlink, Linkname: "../../../../../bin/sh"}), []string{"link to somewhere outside"}},
		"through link":  {archive(t, tar.Header{Name: "d", Typeflag: tar.TypeSymlink, Linkname: "."}, tar.Header{Name: "d/" + exe}), []string{"through a link"}},
		"device":        {archive(t, tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, tar.Header{Name: exe}), []string{"devices, pipes or sockets"}},
		"a folder":      {archive(t, tar.Header{Name: exe, Typeflag: tar.TypeDir}), []string{"no file " + exe}},
		"in a folder":   {archive(t, tar.Header{Name: "release/" + exe}), []string{"no file " + exe + " at its top"}},
		"another name":  {archive(t, tar.Header{Name: "mkmini-plugin-bored"}), []string{"no file " + exe}},
		"no archive":    {[]byte("#!/bin/sh\n"), []string{"no tar"}},
		"zeros":         {bomb.Bytes(), []string{"can't be used"}},
		"empty":         {nil, []string{"can't be used"}},
		"not a plugin":  {archive(t, tar.Header{Name: exe}), []string{`"board"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
			rewrite(t, dir, test.data, true)
			to := plugins(t)
			_, _, err := install(t, newStore(t), pluginstore.Request{Source: dir}, to)
			wantFault(t, err, to, test.words...)
			if _, err := os.Stat("/tmp/mkmini-evil"); err == nil {
				t.Fatal("it wrote outside of its folder")
			}
		})
	}
}

// TestWrongHash serves another file than the list or the lock names.
func TestWrongHash(t *testing.T) {
	dir := release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	rel, _, err := install(t, newStore(t), pluginstore.Request{Source: dir}, plugins(t))
	if err != nil {
		t.Fatal(describe(err))
	}
	evil := archive(t, tar.Header{Name: "mkmini-plugin-board"})
	sum := sha256.Sum256(evil)
	now := hex.EncodeToString(sum[:])
	rewrite(t, dir, evil, false)
	to := plugins(t)
	_, _, err = install(t, newStore(t), pluginstore.Request{Source: dir}, to)
	wantFault(t, err, to, "wrong hash", "SHA256SUMS: "+rel.Archives[boardArchive], "the file:   "+now)

	lock := locked(rel, dir)
	_, _, err = install(t, newStore(t), pluginstore.Request{Source: dir, Locked: lock}, to)
	wantFault(t, err, to, "is not what the lock pins", "in the lock: "+rel.Archives[boardArchive], "at the source: "+now, "remove its block")

	// The list changed with it, and the lock was made on another machine.
	rewrite(t, dir, evil, true)
	lock.Executables = nil
	for _, upgrade := range []bool{true, false} {
		_, _, err = install(t, newStore(t), pluginstore.Request{Source: dir, Locked: lock, Upgrade: upgrade}, to)
		wantFault(t, err, to, "is not what the lock pins", "in the lock: "+rel.Archives[boardArchive], "at the source: "+now)
	}

	// The archive is the right one, and the lock knows another executable.
	dir = release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	lock = locked(rel, dir)
	lock.Executables = maps.Clone(rel.Executables)
	lock.Executables["linux/amd64"] = strings.Repeat("0", 64)
	_, _, err = install(t, newStore(t), pluginstore.Request{Source: dir, Locked: lock}, to)
	wantFault(t, err, to, "another executable", "known: 0000", "here:  "+rel.Executables["linux/amd64"])
}

// TestDescribesItselfWrongly has plugins that are not what their release
// says.
func TestDescribesItselfWrongly(t *testing.T) {
	m := manifest("1.0.1", 1)
	dir := release(t, t.TempDir(), m, amd64)
	old, err := os.ReadFile(filepath.Join(dir, "mkmini-plugin-board_v1.0.1_p1_linux_amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	dir = release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	rewrite(t, dir, old, true)
	to := plugins(t)
	_, _, err = install(t, newStore(t), pluginstore.Request{Source: dir}, to)
	wantFault(t, err, to, "another version than its release", "1.0.0", "1.0.1")
}

// key is a pair of minisign's.
func key(t *testing.T) (minisign.PrivateKey, string) {
	t.Helper()
	pub, priv, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pub.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return priv, lines[len(lines)-1]
}

// sign signs the list of hashes of a release.
func sign(t *testing.T, dir string, priv minisign.PrivateKey) string {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(dir, pluginstore.SumsName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, pluginstore.SignatureName), minisign.Sign(priv, sums), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSignature(t *testing.T) {
	priv, pub := key(t)
	other, otherPub := key(t)
	unsigned := release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	signed := sign(t, release(t, t.TempDir(), manifest("1.0.0", 1), amd64), priv)
	foreign := sign(t, release(t, t.TempDir(), manifest("1.0.0", 1), amd64), other)
	broken := sign(t, release(t, t.TempDir(), manifest("1.0.0", 1), amd64), priv)
	rewrite(t, broken, archive(t, tar.Header{Name: "mkmini-plugin-board"}), true)
	nonsense := release(t, t.TempDir(), manifest("1.0.0", 1), amd64)
	if err := os.WriteFile(filepath.Join(nonsense, pluginstore.SignatureName), []byte("hi"), 0o644); err != nil {
		t.Fatal(err)
	}
	vendor, both := map[string]string{"vendor": pub}, map[string]string{"vendor": pub, "other": otherPub}
	lock := func(key string) *pluginstore.Locked {
		return &pluginstore.Locked{Path: "l", Version: "1.0.0", Key: key}
	}
	tests := []struct {
		name, source string
		keys         map[string]string
		required     bool
		locked       *pluginstore.Locked
		want         string // the key that the release is signed by
		words        []string
	}{
		{"signed", signed, vendor, true, nil, pub, nil},
		{"signed, optional", signed, vendor, false, nil, pub, nil},
		{"signed by whom we don't know", signed, nil, false, nil, "", nil},
		{"not signed", unsigned, vendor, false, nil, "", nil},
		{"not signed, required", unsigned, vendor, true, nil, "", []string{"not signed by a trusted key", "has none"}},
		{"another key, required", foreign, vendor, true, nil, "", []string{"is none of those that are trusted: " + pluginstore.KeyID(pub) + " (vendor)", pluginstore.KeyID(otherPub)}},
		{"no trusted key", signed, nil, true, nil, "", []string{"there are none"}},
		{"changed after it was signed", broken, vendor, false, nil, "", []string{"wrong signature", "(vendor)"}},
		{"nonsense", nonsense, nil, false, nil, "", []string{"wrong signature", "no signature of minisign"}},
		{"the lock's key", signed, nil, false, lock(pub), pub, nil},
		{"locked and changed key", foreign, both, false, lock(pub), "", []string{"is not what the lock pins", "in the lock: " + pub, "at the source: " + otherPub}},
		{"locked and unknown key", foreign, vendor, false, lock(pub), "", []string{"in the lock: " + pub, "at the source: a signature by the key " + pluginstore.KeyID(otherPub)}},
		{"locked and no signature", unsigned, vendor, false, lock(pub), "", []string{"in the lock: " + pub, "at the source: none"}},
		{"locked without a key", signed, vendor, true, lock(""), pub, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, to := newStore(t), plugins(t)
			s.Keys, s.SignatureRequired = test.keys, test.required
			rel, _, err := install(t, s, pluginstore.Request{Source: test.source, Locked: test.locked}, to)
			if test.words != nil {
				wantFault(t, err, to, test.words...)
				return
			}
			if err != nil {
				t.Fatal(describe(err))
			}
			if rel.Key != test.want {
				t.Errorf("key %q, want %q", rel.Key, test.want)
			}
		})
	}
	// A lock without a key does not get round the settings.
	s, to := newStore(t), plugins(t)
	rel, _, err := install(t, s, pluginstore.Request{Source: unsigned}, to)
	if err != nil {
		t.Fatal(describe(err))
	}
	s.Keys, s.SignatureRequired = vendor, true
	to = plugins(t)
	_, _, err = install(t, s, pluginstore.Request{Source: unsigned, Locked: locked(rel, unsigned)}, to)
	wantFault(t, err, to, "not signed by a trusted key")
}

// TestMinisign takes a signature of the program that others sign with.
func TestMinisign(t *testing.T) {
	program := testenv.Tool(t, "minisign", "minisign")
	dir, keys := release(t, t.TempDir(), manifest("1.0.0", 1), amd64), t.TempDir()
	for _, args := range [][]string{
		{"-G", "-W", "-p", filepath.Join(keys, "k.pub"), "-s", filepath.Join(keys, "k.key")},
		{"-S", "-s", filepath.Join(keys, "k.key"), "-m", filepath.Join(dir, pluginstore.SumsName)},
	} {
		if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(keys, "k.pub"))
	if err != nil {
		t.Fatal(err)
	}
	pub := strings.Split(string(text), "\n")[1]
	s := newStore(t)
	s.Keys, s.SignatureRequired = map[string]string{"k": pub}, true
	if rel, _, err := install(t, s, pluginstore.Request{Source: dir}, plugins(t)); err != nil || rel.Key != pub {
		t.Error(describe(err))
	}
}

// TestZip installs from the other format.
func TestZip(t *testing.T) {
	m := manifest("1.0.0", 1)
	p := pluginstore.Pack{Plugin: m, Executables: map[pluginstore.Platform]string{amd64: script(t, m)}, Zip: true, Epoch: epoch}
	dir := t.TempDir()
	if _, err := p.Make(t.Context(), dir); err != nil {
		t.Fatal(describe(err))
	}
	if _, _, err := install(t, newStore(t), pluginstore.Request{Source: dir}, plugins(t)); err != nil {
		t.Error(describe(err))
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if _, err := w.Create("../mkmini-plugin-board"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mkmini-plugin-board_v1.0.0_p1_linux_amd64.zip")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	to := plugins(t)
	_, _, err := install(t, newStore(t), pluginstore.Request{Source: path}, to)
	wantFault(t, err, to, "outside of the folder")
}
