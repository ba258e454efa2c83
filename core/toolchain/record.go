package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Probed is a compiler that was found to work.
type Probed struct {
	Compiler sdk.Compiler `json:"compiler"`
	// From is where it was found, for people.
	From string `json:"from"`
	// Kind is the kind of the `from` block that led to it, and Block the whole
	// of it, without where it stands.
	Kind  string      `json:"kind"`
	Block config.From `json:"block"`
	// Dir is the absolute path of the folder that a provider brought it in;
	// empty if none did.
	Dir string `json:"dir,omitempty"`
	// Stamp is the state of the result of the store that Dir is in; empty if
	// it is in none.
	Stamp string `json:"stamp,omitempty"`
	// Pins say what exactly its provider brought, by names of the provider's
	// own: packages with version and hash, the digest of an image. It is
	// empty where the fingerprint is all that there is.
	Pins map[string]string `json:"pins,omitempty"`
	// Fingerprint is the "sha256:…" of all that has a say in what the
	// compiler makes. It is the same wherever the compiler is installed.
	Fingerprint string `json:"fingerprint"`
	// Shared is the "sha256:…" of the shared libraries that programs of the
	// compiler load; empty if it has none.
	Shared string `json:"shared,omitempty"`
}

// record is a probe's result on disk. It holds as long as every file that
// the probe saw is the same one.
type record struct {
	Probed
	// Stamps identify the files by path.
	Stamps map[string]string `json:"stamps"`
}

// stamp identifies a file's state without reading it; it is empty if there
// is no such file.
func stamp(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%d:%d:%d", st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
}

func stamps(paths []string) map[string]string {
	m := make(map[string]string, len(paths))
	for _, p := range paths {
		m[p] = stamp(p)
	}
	return m
}

// load returns the record at path, if there is one that still holds.
func load(path string) (Probed, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Probed{}, false
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Fingerprint == "" || r.Block.Kind == "" {
		return Probed{}, false
	}
	for p, s := range r.Stamps {
		if stamp(p) != s {
			return Probed{}, false
		}
	}
	return r.Probed, true
}

// save writes a record, together with the state of the files it depends on.
func save(path string, p Probed, also []string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep the probe's record: %w", err)
	}
	files := slices.Concat(p.Compiler.Files, p.Compiler.Shared, []string{p.Compiler.CC}, also)
	if err := store.WriteJSON(path, record{Probed: p, Stamps: stamps(files)}); err != nil {
		return fmt.Errorf("keep the probe's record: %w", err)
	}
	return nil
}

// fingerprint digests the contents of a compiler's files by their names, so
// that the folder it is installed in has no say.
func fingerprint(c sdk.Compiler) (string, error) { return digestFiles(c.Target, c.Files) }

// sharedFingerprint does so for what only dynamic programs are made with.
func sharedFingerprint(c sdk.Compiler) (string, error) {
	if len(c.Shared) == 0 {
		return "", nil
	}
	return digestFiles(c.Target, c.Shared)
}

func digestFiles(target string, files []string) (string, error) {
	lines := []string{fmt.Sprintf("target %q", target)}
	for _, path := range files {
		digest, err := digestFile(path)
		if err != nil {
			return "", fmt.Errorf("fingerprint the compiler: %w", err)
		}
		lines = append(lines, fmt.Sprintf("%s %q", digest, filepath.Base(path)))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range slices.Compact(lines) {
		fmt.Fprintln(h, line)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func digestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
