package rootfs

import (
	"fmt"

	"github.com/bmatcuk/doublestar/v4"
)

// remove takes away what a pattern names, and all that is below it. The
// pattern has no leading slash. That nothing fits is an error: the pattern of
// a typing mistake would leave in the system what isn't wanted there.
func (t *tree) remove(pattern string) error {
	var gone []string
	t.each(func(path string, _ *node) bool {
		if doublestar.MatchUnvalidated(pattern, path) {
			gone = append(gone, path)
		}
		return true
	})
	if len(gone) == 0 {
		return fmt.Errorf("nothing fits /%s", pattern)
	}
	for _, path := range gone {
		// What it is in may be gone already.
		if folder, base := t.folder(path); folder != nil {
			delete(folder.names(), base)
		}
	}
	return nil
}
