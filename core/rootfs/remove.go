package rootfs

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// remove takes away what a pattern names, and all that is below it. The
// pattern has no leading slash. That nothing fits is an error: the pattern of
// a typing mistake would leave in the system what isn't wanted there.
func (t *tree) remove(pattern string) error {
	var gone []string
	for path := range t.names {
		if doublestar.MatchUnvalidated(pattern, path) {
			gone = append(gone, path)
		}
	}
	if len(gone) == 0 {
		return fmt.Errorf("nothing fits /%s", pattern)
	}
	doomed := make(map[string]bool, len(gone))
	for _, path := range gone {
		doomed[path] = true
	}
	for path := range t.names {
		if doomed[path] || below(path, doomed) {
			delete(t.names, path)
		}
	}
	return nil
}

// below says whether one of the folders above a path is in the set.
func below(path string, set map[string]bool) bool {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if set[path[:i]] {
			return true
		}
	}
	return false
}
