package toolchain

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/store"
)

// Record is a compiler that is remembered.
type Record struct {
	Arch string
	Probed
	// Holds says that the compiler is still the one that was probed.
	Holds bool
	// Used is when it was last asked for.
	Used time.Time
	// Users are the absolute paths of the configurations that asked for it,
	// sorted, as far as they are still there.
	Users []string
	// Tree is the absolute path of the folder of the store that holds the
	// compiler, and Size that of all files in it, in bytes; empty and 0 for a
	// compiler that mkmini didn't bring.
	Tree string
	Size int64
}

// usersSuffix makes the name of the file with a record's users.
const usersSuffix = ".users"

// note remembers that a configuration asked for a compiler. It is never
// needed to be right: who can't write to the store just isn't noted.
func note(path, config string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
	if config == "" {
		return
	}
	config, err := filepath.Abs(config)
	if err != nil {
		return
	}
	users := readUsers(path)
	if i, known := slices.BinarySearch(users, config); !known {
		_ = store.WriteJSON(path+usersSuffix, slices.Insert(users, i, config))
	}
}

// readUsers returns the configurations that asked for a record, sorted.
func readUsers(path string) []string {
	var users []string
	if data, err := os.ReadFile(path + usersSuffix); err == nil && json.Unmarshal(data, &users) != nil {
		return nil
	}
	slices.Sort(users)
	return users
}

// Records returns the compilers that are remembered, by architecture and then
// the last used first. steps is the folder of the store's results, where
// compilers are that mkmini brought.
func (m *Manager) Records(steps string) ([]Record, error) {
	paths, err := filepath.Glob(filepath.Join(m.Dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list compilers: %w", err)
	}
	var records []Record
	sizes := map[string]int64{}
	for _, path := range paths {
		r, ok := readRecord(path)
		if !ok {
			continue
		}
		if r.Tree = resultOf(steps, r.Compiler.CC); r.Tree != "" {
			if _, counted := sizes[r.Tree]; !counted {
				sizes[r.Tree] = size(r.Tree)
			}
			r.Size = sizes[r.Tree]
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(strings.Compare(a.Arch, b.Arch), b.Used.Compare(a.Used), strings.Compare(a.Compiler.CC, b.Compiler.CC))
	})
	return records, nil
}

// readRecord reads a record whether or not it still holds.
func readRecord(path string) (Record, bool) {
	data, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil {
		return Record{}, false
	}
	var onDisk record
	if json.Unmarshal(data, &onDisk) != nil || onDisk.Compiler.CC == "" {
		return Record{}, false
	}
	name := strings.TrimSuffix(filepath.Base(path), ".json")
	r := Record{Probed: onDisk.Probed, Used: info.ModTime(), Arch: name[:max(0, strings.LastIndexByte(name, '-'))]}
	_, r.Holds = load(path)
	r.Users = slices.DeleteFunc(readUsers(path), func(config string) bool {
		_, err := os.Stat(config)
		return errors.Is(err, fs.ErrNotExist)
	})
	return r, true
}

// resultOf returns the result of the store that a path is in, or "".
func resultOf(steps, path string) string {
	rest, ok := strings.CutPrefix(path, steps+string(filepath.Separator))
	if !ok {
		return ""
	}
	key, _, _ := strings.Cut(rest, string(filepath.Separator))
	return filepath.Join(steps, key)
}

// size returns the size of all files in a folder, each once however many
// links it has.
func size(dir string) int64 {
	var total int64
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what can't be read has no size
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || seen[st.Ino] {
			return nil
		}
		seen[st.Ino] = st.Nlink > 1
		total += st.Size
		return nil
	})
	return total
}
