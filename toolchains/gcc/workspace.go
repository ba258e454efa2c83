package gcc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// workspace is where a build works.
type workspace struct {
	// src is the source; never written to. obj takes objects, and tmp
	// temporary files. None of these paths holds a character that busybox's
	// makefiles or scripts trip over.
	src, obj, tmp string
	// remove takes away what lies outside of the request's work folder.
	remove func() error
}

// newWorkspace makes the folders of a build. Where the paths hold blanks and
// the like it works in a folder of its own among the temporary files, and
// reaches the source through a symlink.
func newWorkspace(sourceDir, workDir string) (workspace, error) {
	source, err := filepath.EvalSymlinks(sourceDir)
	if err != nil {
		return workspace{}, fmt.Errorf("find source: %w", err)
	}
	if err := os.MkdirAll(workDir, 0o755); err != nil {
		return workspace{}, fmt.Errorf("make work folder: %w", err)
	}
	work, err := filepath.EvalSymlinks(workDir) // as getcwd in make has it
	if err != nil {
		return workspace{}, fmt.Errorf("find work folder: %w", err)
	}
	w := workspace{src: source, remove: func() error { return nil }}
	if !plain(source) || !plain(work) {
		work, err = os.MkdirTemp("", "mkmini")
		if err == nil {
			work, err = filepath.EvalSymlinks(work)
		}
		if err != nil {
			return workspace{}, fmt.Errorf("make work folder: %w", err)
		}
		outside := work
		w.remove = func() error { return os.RemoveAll(outside) }
		w.src = filepath.Join(work, "src")
		if err := os.Symlink(source, w.src); err != nil {
			return workspace{}, fmt.Errorf("link source: %w", err)
		}
	}
	w.obj, w.tmp = filepath.Join(work, "obj"), filepath.Join(work, "tmp")
	for _, dir := range []string{w.obj, w.tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return workspace{}, fmt.Errorf("make work folder: %w", err)
		}
	}
	return w, nil
}

// plain says whether make, the shell and gcc all take a path as it is.
func plain(path string) bool {
	return strings.IndexFunc(path, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("/._-+", r)
	}) < 0
}
