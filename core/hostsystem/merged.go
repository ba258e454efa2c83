package hostsystem

import (
	"context"
	"io/fs"
	"strings"

	"github.com/mkmini/mkmini/core/symlink"
)

// mergeable are the folders that are links into /usr on merged systems.
var mergeable = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"}

// addMerged adds such links to folders of which something is taken: scripts
// say #!/bin/bash of what is in /usr/bin. Source: UsrMerge of Debian.
func (s *selection) addMerged(context.Context) error {
	used := make(map[string]bool)
	for name := range s.items {
		for at := symlink.Parent(name); at != "" && !used[at]; at = symlink.Parent(at) {
			used[at] = true
		}
	}
	for _, name := range mergeable {
		k := s.look(name)
		if k.err != nil || k.info.Mode()&fs.ModeSymlink == 0 || s.excluded(name) {
			continue
		}
		if at, err := s.resolve(name, true, nil); err == nil && used[strings.TrimPrefix(at, "/")] {
			s.add(name)
		}
	}
	return nil
}
