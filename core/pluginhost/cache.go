package pluginhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// identity tells one state of a file from another without reading it. The
// time of change can't be set by anybody, so a file with the same identity
// has the same content, if it did not change while the clock stood still.
type identity struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`
	// Modified and Changed are in nanoseconds since 1970.
	Modified int64 `json:"modified"`
	Changed  int64 `json:"changed"`
}

// clockTick is more than the granularity of file times on Linux.
const clockTick = 20 * time.Millisecond

// identify returns the identity of the file that a path leads to.
func identify(path string) (identity, error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return identity{
		Path:     path,
		Device:   uint64(s.Dev),
		Inode:    uint64(s.Ino),
		Size:     s.Size,
		Modified: s.Mtim.Nano(),
		Changed:  s.Ctim.Nano(),
	}, nil
}

// entry is a file in the cache.
type entry struct {
	Identity identity     `json:"identity"`
	Digest   string       `json:"digest"`
	Manifest sdk.Manifest `json:"manifest"`
}

// examine fills in a plugin's digest and manifest, from the cache if the
// executable is the same.
func (h *Host) examine(ctx context.Context, f *Found) error {
	id, err := identify(f.Path)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Install the plugin again.", err)
	}
	file := h.cacheFile(f)
	if e := loadEntry(file); e != nil && e.Identity == id {
		f.Digest, f.Manifest = e.Digest, e.Manifest
		return h.checkPin(f)
	}

	began := time.Now()
	sum, err := h.digests.of(id)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Correct the permissions, or install the plugin again.", err)
	}
	f.Digest = "sha256:" + hex.EncodeToString(sum)
	// It describes itself by being run.
	if err := h.checkPin(f); err != nil {
		return err
	}
	if f.Manifest, err = h.describe(ctx, f); err != nil {
		return err
	}
	if now, err := identify(f.Path); err != nil || now != id {
		return f.fail("changed while it was examined", f.Path+" is not the file it was a moment ago.",
			"Try again when its installation is done.", err)
	}
	if began.Sub(time.Unix(0, id.Changed)) > clockTick {
		if err := storeEntry(file, entry{Identity: id, Digest: f.Digest, Manifest: f.Manifest}); err != nil {
			h.logger.Debug("keep the description of a plugin", "plugin", f.Name, "error", err)
		}
	}
	return nil
}

// cacheFile returns the file for a plugin's description, or "".
func (h *Host) cacheFile(f *Found) string {
	if h.opts.CacheDir == "" {
		return ""
	}
	// Another version of the SDK may know more of what a plugin says.
	key := sha256.Sum256([]byte(strings.Join(append([]string{sdk.Version, f.Path}, f.Args...), "\x00")))
	return filepath.Join(h.opts.CacheDir, f.Name+"-"+hex.EncodeToString(key[:8])+".json")
}

// loadEntry returns nil for a file that is absent, or no whole entry.
func loadEntry(file string) *entry {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var e entry
	if json.Unmarshal(b, &e) != nil {
		return nil
	}
	return &e
}

func storeEntry(file string, e entry) error {
	if file == "" {
		return nil
	}
	// Defaults must come back byte for byte, since keys depend on them.
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(b.Bytes()); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

// digests are the SHA-256 digests of files that this host has read. The
// built-in plugins are all one file, which is read once.
type digests struct {
	mu    sync.Mutex
	known map[identity][]byte
}

// of returns the digest of a file.
func (d *digests) of(id identity) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if sum := d.known[id]; sum != nil {
		return sum, nil
	}
	// SecureConfig hashes as go-plugin does. Its hash is never reset: it
	// serves once.
	secure := plugin.SecureConfig{Checksum: []byte{0}, Hash: sha256.New()}
	if _, err := secure.Check(id.Path); err != nil {
		return nil, err
	}
	sum := secure.Hash.Sum(nil)
	if now, err := identify(id.Path); err == nil && now == id {
		if d.known == nil {
			d.known = map[identity][]byte{}
		}
		d.known[id] = sum
	}
	return sum, nil
}
