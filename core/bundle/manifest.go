// Package bundle packs what a build needs into one archive, and installs it
// into a store on a machine that has no network.
//
// A bundle is a tar archive, compressed by zstd. Its first entry is the
// manifest, which lists all others in order with size and sha256. There are
// fetched files, compilers of the store, each as a tar archive of its own,
// executables of plugins, and a lock.
package bundle

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/toolchain"
)

// Version is the version of the format that this package writes, and the
// newest that it reads.
const Version = 1

// The names within a bundle.
const (
	manifestName = "mkmini-bundle.json"
	sourceDir    = "sources"
	stepDir      = "steps"
	pluginDir    = "plugins"
	lockName     = "mkmini.lock.hcl"
	treeSuffix   = ".tar"
)

// PluginDir is the folder of the store that plugins of bundles are in.
const PluginDir = "bundled"

// sources is the folder of the store that fetched files are in.
const sources = "sources"

// Limits bounds what a bundle may hold.
type Limits struct {
	// Manifest is the most bytes of a manifest; 0 for 16 MiB.
	Manifest int64
	// Bytes is the most bytes of all entries together; 0 for 64 GiB.
	Bytes int64
	// Tree bounds each compiler; zero fields have the defaults of
	// [source.Tree].
	Tree source.Limits
}

func (l Limits) withDefaults() Limits {
	if l.Manifest == 0 {
		l.Manifest = 16 << 20
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 30
	}
	return l
}

// Manifest says what is in a bundle.
type Manifest struct {
	Version int `json:"version"`
	// Host is the platform that compilers and plugins run on: "linux/amd64".
	Host string `json:"host"`
	// Files are all entries but the manifest, sorted by name.
	Files []File `json:"files"`
	// Compilers are those in the bundle, sorted by architecture.
	Compilers []toolchain.Kept `json:"compilers,omitempty"`
	// Choices are the places that the user chose for compilers in the bundle,
	// as the configuration names none; sorted by toolchain.
	Choices []Choice `json:"choices,omitempty"`
}

// Choice is a place that `mkmini toolchain use` noted.
type Choice struct {
	// Toolchain is the name of the plugin.
	Toolchain string `json:"toolchain"`
	// Block is the place; a file in it has no folder.
	Block config.From `json:"block"`
}

// File is one entry.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// place returns the folder of an entry and its name in it.
func (f File) place() (dir, name string) {
	dir, name = path.Split(f.Name)
	return strings.TrimSuffix(dir, "/"), name
}

// key returns the key of an entry that is a compiler of the store.
func (f File) key() string {
	_, name := f.place()
	return strings.TrimSuffix(name, treeSuffix)
}

// names are what entries may be called, by folder.
var names = map[string]*regexp.Regexp{
	"":        regexp.MustCompile(`^` + regexp.QuoteMeta(lockName) + `$`),
	sourceDir: sumSyntax,
	stepDir:   regexp.MustCompile(`^compiler-[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.tar$`),
	pluginDir: regexp.MustCompile(`^mkmini-plugin-[a-z0-9][a-z0-9_.-]{0,63}$`),
}

var (
	sumSyntax  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	archSyntax = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
)

// parse reads a manifest and checks it. Its errors are *badError.
func parse(data []byte, host string, limits Limits) (Manifest, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, damaged("its manifest is damaged: %w", err)
	}
	if version.Version > Version {
		return Manifest{}, newer(version.Version)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, damaged("its manifest is damaged: %w", err)
	}
	if err := m.check(limits); err != nil {
		return Manifest{}, err
	}
	if m.bound() && m.Host != host {
		return Manifest{}, otherHost(m.Host, host)
	}
	return m, nil
}

// bound says whether it holds what runs on one kind of machine only.
func (m Manifest) bound() bool {
	for _, f := range m.Files {
		if dir, _ := f.place(); dir == stepDir || dir == pluginDir {
			return true
		}
	}
	return false
}

// check refuses a manifest that names anything else than a bundle may hold.
func (m Manifest) check(limits Limits) error {
	if m.Version < 1 {
		return damaged("its manifest has the version %d", m.Version)
	}
	var total int64
	last := ""
	keys := map[string]bool{}
	for _, f := range m.Files {
		dir, name := f.place()
		syntax := names[dir]
		switch {
		case syntax == nil || !syntax.MatchString(name) || path.Join(dir, name) != f.Name:
			return damaged("it holds %q, which no bundle does", f.Name)
		case f.Name <= last:
			return damaged("its manifest is not in order at %q", f.Name)
		case f.Size < 0:
			return damaged("%q has %d bytes", f.Name, f.Size)
		case f.Size > limits.Bytes-total:
			return tooLarge(limits.Bytes)
		case !sumSyntax.MatchString(f.SHA256), dir == sourceDir && f.SHA256 != name:
			return damaged("%q has no right sha256", f.Name)
		}
		total += f.Size
		last = f.Name
		if dir == stepDir {
			keys[f.key()] = true
		}
	}
	for _, c := range m.Compilers {
		if err := checkCompiler(c, keys); err != nil {
			return err
		}
	}
	for _, c := range m.Choices {
		if err := checkChoice(c); err != nil {
			return err
		}
	}
	return nil
}

// checkChoice refuses a place that no bundle brings a compiler from. Nothing of
// it reaches a folder of the bundle's choosing.
func checkChoice(c Choice) error {
	_, portable := toolchain.Portable(c.Block)
	if a := c.Block.Archive; a != nil && a.File != "" && a.File != path.Base(a.File) {
		portable = false
	}
	if !portable || !archSyntax.MatchString(c.Toolchain) {
		return damaged("it has a choice for %q of %q, which nobody makes", c.Toolchain, c.Block.Kind)
	}
	return nil
}

// checkCompiler refuses a compiler that isn't in one of the results, or whose
// block means what is on one machine.
func checkCompiler(c toolchain.Kept, keys map[string]bool) error {
	key, _, _ := strings.Cut(c.Dir, "/")
	if !keys[key] || path.Clean(c.Dir) != c.Dir {
		return damaged("it has a compiler in %q, which it doesn't hold", c.Dir)
	}
	if _, portable := toolchain.Portable(c.Block); !portable || !archSyntax.MatchString(c.Arch) {
		return damaged("it has a compiler for %q from %q, which no configuration means", c.Arch, c.Block.Kind)
	}
	return nil
}

// encode returns the manifest's text.
func (m Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(data, '\n'), nil
}
