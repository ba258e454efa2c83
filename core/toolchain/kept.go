package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain/tree"
)

// Kept is a compiler in the store that came from another machine, where a
// provider had brought it. It stands in for the provider where that can't
// bring it: for want of a network, or of apt.
type Kept struct {
	Arch string `json:"arch"`
	// Block is the `from` block that led to it, as Portable returns it.
	Block config.From `json:"block"`
	// Dir is the folder that the provider had brought, relative to the folder
	// of the store's results: it begins with the result's key.
	Dir string `json:"dir"`
}

// keptRecord is what is noted of it.
type keptRecord struct {
	Kept
	// Digest is that of the whole result.
	Digest string `json:"digest"`
}

// keptDir is the folder of these notes, below the records.
const keptDir = "kept"

// Portable returns a `from` block without what holds for one machine or one
// configuration only: the place it stands at, and where an archive or a source
// is if its hash is known. ok is false for a block that means what is on the
// machine, or files whose hash it doesn't say.
func Portable(from config.From) (block config.From, ok bool) {
	from.Range = fault.Range{}
	switch {
	case from.Archive != nil && from.Archive.SHA256 != "":
		named := *from.Archive
		named.File, named.URLs, named.SHA256 = "", nil, strings.ToLower(named.SHA256)
		from.Archive = &named
		return from, true
	case from.Archive != nil:
		return from, from.Archive.File == ""
	case from.OCI != nil:
		return from, !from.OCI.Path
	case from.Build != nil:
		named := *from.Build
		for _, part := range []*config.Part{&named.Binutils, &named.GCC, &named.Linux, &named.Musl, &named.Glibc} {
			if len(part.Patches) > 0 || part.File != "" && part.SHA256 == "" {
				return from, false
			}
			if part.SHA256 != "" {
				part.File, part.URLs, part.Debian, part.SHA256 = "", nil, "", strings.ToLower(part.SHA256)
			}
		}
		from.Build = &named
		return from, true
	}
	return from, from.Deb != nil
}

// Keep notes a compiler that is in the store.
func (m *Manager) Keep(ctx context.Context, k Kept) error {
	if !filepath.IsLocal(k.Dir) || k.Dir == "." {
		return fmt.Errorf("keep a compiler in %q: not a folder of the store", k.Dir)
	}
	digest, err := tree.Digest(ctx, m.result(filepath.Join(m.Steps, k.Dir)))
	if err != nil {
		return fmt.Errorf("keep a compiler: %w", err)
	}
	path := m.keptPath(k.Arch, k.Block)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep a compiler: %w", err)
	}
	return store.WriteJSON(path, keptRecord{Kept: k, Digest: digest})
}

// keptPath names what is noted of a block.
func (m *Manager) keptPath(arch string, from config.From) string {
	from, _ = Portable(from)
	// A struct of strings and numbers can always be encoded.
	data, _ := json.Marshal(struct {
		Arch  string
		Block config.From
	}{arch, from})
	sum := sha256.Sum256(data)
	return filepath.Join(m.Dir, keptDir, hex.EncodeToString(sum[:16])+".json")
}

// noted returns what is noted of a block.
func (m *Manager) noted(arch string, from config.From) (keptRecord, bool) {
	var k keptRecord
	if _, portable := Portable(from); m.Steps == "" || !portable {
		return k, false
	}
	data, err := os.ReadFile(m.keptPath(arch, from))
	return k, err == nil && json.Unmarshal(data, &k) == nil && filepath.IsLocal(k.Dir)
}

// keptFor returns what is noted of a block if the compiler is still there.
func (m *Manager) keptFor(arch string, from config.From) (keptRecord, bool) {
	k, ok := m.noted(arch, from)
	if !ok {
		return k, false
	}
	info, err := os.Stat(filepath.Join(m.Steps, k.Dir))
	return k, err == nil && info.IsDir()
}

// errDamaged is said of a compiler that isn't what it was.
var errDamaged = errors.New("the compiler that a bundle brought is damaged or gone; unbundle it again")

// kept returns the folder of a compiler that was kept for a block, "" if none
// was.
func (m *Manager) kept(ctx context.Context, arch string, from config.From) (dir string, err error) {
	k, ok := m.noted(arch, from)
	if !ok {
		return "", nil
	}
	dir = filepath.Join(m.Steps, k.Dir)
	if now, err := tree.Digest(ctx, m.result(dir)); err != nil || now != k.Digest {
		return "", errDamaged
	}
	return dir, nil
}

// keptDefault returns the block of a compiler that was kept for a block that
// only names its kind.
func (m *Manager) keptDefault(arch, kind string) (config.From, bool) {
	if kind != "deb" {
		return config.From{}, false
	}
	from := config.From{Kind: kind, Deb: &config.Deb{}}
	_, ok := m.keptFor(arch, from)
	return from, ok
}
