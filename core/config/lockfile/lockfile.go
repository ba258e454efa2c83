// Package lockfile reads, compares and writes mkmini.lock.hcl, which pins
// what a configuration is built with.
package lockfile

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
)

// Name is the file's name, beside the configuration.
const Name = "mkmini.lock.hcl"

// Version is the version of the format that this package writes, and the
// newest that it reads.
const Version = 1

// The kinds of entries.
const (
	Busybox   = "busybox"
	Libc      = "libc"
	Toolchain = "toolchain"
	Plugin    = "plugin"
	// Required is the release of a plugin that a configuration requires, for
	// all platforms.
	Required = "required_plugin"
)

// Entry pins one thing. Entries are told apart by Kind, Host and Name.
type Entry struct {
	Kind string
	// Host is the platform of the machine that it holds for, "linux/amd64";
	// empty if it holds for all.
	Host string
	// Name is an architecture's, or that of a plugin.
	Name string
	// Values are what is pinned: "version", "sha256", "facts.libc".
	Values map[string]string
	// Ranges are where the values stand in the file, and Range where the
	// entry begins.
	Ranges map[string]fault.Range
	Range  fault.Range
}

// File is a lock.
type File struct {
	// Path is where it was read from.
	Path string
	// Entries are sorted.
	Entries []Entry
	// Source is its text, for messages; nil if it is new.
	Source *hcl.File
}

// order sorts entries as they stand in the file.
func order(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(a.Host, b.Host),
		cmp.Compare(kindIndex(a.Kind), kindIndex(b.Kind)),
		cmp.Compare(a.Name, b.Name),
	)
}

func (f *File) find(e Entry) (Entry, bool) {
	i := slices.IndexFunc(f.Entries, func(o Entry) bool { return order(o, e) == 0 })
	if i < 0 {
		return Entry{}, false
	}
	return f.Entries[i], true
}

// Update puts entries in, in place of all that the file has on those
// architectures for the host or for all hosts. What it has for other hosts
// and architectures is kept, and so are other plugins.
func (f *File) Update(host string, archs []string, entries []Entry) {
	kept := slices.DeleteFunc(slices.Clone(f.Entries), func(e Entry) bool {
		stale := e.Kind != Plugin && e.Kind != Required && (e.Host == "" || e.Host == host) && slices.Contains(archs, e.Name)
		return stale || slices.ContainsFunc(entries, func(n Entry) bool { return order(n, e) == 0 })
	})
	f.Entries = append(kept, entries...)
	slices.SortFunc(f.Entries, order)
}

// Get returns the entry of a kind and name that holds for all hosts.
func (f *File) Get(kind, name string) (Entry, bool) { return f.find(Entry{Kind: kind, Name: name}) }

// Members returns the values of a map of an entry: for "pins" those that are
// named "pins.…", without that start.
func (e Entry) Members(of string) map[string]string {
	members := map[string]string{}
	for name, v := range e.Values {
		if key, ok := strings.CutPrefix(name, of+"."); ok {
			members[key] = v
		}
	}
	return members
}

// Beside returns the path of the lock of a configuration, a file or a folder,
// written as its path is.
func Beside(config string) string {
	if info, err := os.Stat(config); err == nil && info.IsDir() {
		return filepath.Join(config, Name)
	}
	return filepath.Join(filepath.Dir(config), Name)
}

// Save writes the file, unless it is there with that very text, and says
// whether it did.
func (f *File) Save() (bool, error) {
	text := f.Bytes()
	if old, err := os.ReadFile(f.Path); err == nil && string(old) == string(text) {
		return false, nil
	}
	if err := store.WriteFile(f.Path, text); err != nil {
		return false, &fault.Error{
			Summary: "The lock can't be written", Detail: fmt.Sprintf("mkmini pins what is used in %s: %v.", f.Path, innermost(err)),
			Remedy: "Make the folder of the configuration writable, or copy the configuration elsewhere.", Err: err,
		}
	}
	return true, nil
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
