package build

import (
	"os"
	"path/filepath"
	"time"

	"github.com/mkmini/mkmini/core/plan"
)

// used notes that a step's result was of use, so that it isn't removed as
// long as somebody builds with it.
func (r *run) used(s plan.Step) {
	now := r.Now()
	switch s.Kind {
	case plan.Toolchain:
		c := r.compilers[s.Arch].Compiler
		seen := map[string]bool{"": true}
		for _, path := range append([]string{c.CC}, c.Files...) {
			if key := r.Store.KeyOf(path); !seen[key] {
				seen[key] = true
				r.Store.Touch(key, now)
			}
		}
		return
	case plan.Source:
		touch(filepath.Join(r.Store.Sub(sources), s.Source.SHA256), now)
	}
	if r.Store.Has(s.Key) {
		r.Store.Touch(s.Key, now)
	}
}

// touch notes the use of a file by its time, once a day at most. It is never
// needed to be right.
func touch(path string, now time.Time) {
	if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) >= 24*time.Hour {
		_ = os.Chtimes(path, now, now)
	}
}
