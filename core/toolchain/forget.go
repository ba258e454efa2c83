package toolchain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Forget removes the records that match, and returns them. The compilers stay
// where they are.
func (m *Manager) Forget(match func(Record) bool) ([]Record, error) {
	paths, err := filepath.Glob(filepath.Join(m.Dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list compilers: %w", err)
	}
	var forgotten []Record
	for _, path := range paths {
		r, ok := readRecord(path)
		if !ok || !match(r) {
			continue
		}
		for _, file := range []string{path + usersSuffix, path} {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return forgotten, fmt.Errorf("forget a compiler: %w", err)
			}
		}
		forgotten = append(forgotten, r)
	}
	return forgotten, nil
}
