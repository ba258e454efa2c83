package patch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/clone"
)

// Copy makes a copy of a source at dst, which does not exist yet. Files are
// hard links where that is possible: nobody writes to a source, and [Apply]
// replaces what it changes.
func Copy(ctx context.Context, src, dst string) error {
	return filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if d.IsDir() {
			return os.Mkdir(to, 0o755)
		}
		return clone.Entry(name, to, d)
	})
}
