package hostsystem

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/fault"
)

// maxNamed is how many files an error names.
const maxNamed = 10

// readable looks whether all files can be read, and names those that can't
// all at once.
func (s *selection) readable(ctx context.Context) error {
	bad := slices.Clone(s.unreadable)
	for _, name := range slices.Sorted(maps.Keys(s.items)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		item := s.items[name]
		if item.Info.Mode().IsRegular() && unix.Faccessat(unix.AT_FDCWD, item.Disk, unix.R_OK, unix.AT_EACCESS) != nil {
			bad = append(bad, absolute(name))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	more := ""
	if len(bad) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(bad)-maxNamed)
	}
	return &fault.Error{
		Step: "rootfs", Summary: "Files that can't be read", Range: &s.block, Usage: true, Err: fs.ErrPermission,
		Detail: fmt.Sprintf("In %s there is %s%s, which the user who runs mkmini may not read.", s.dir, strings.Join(bad[:min(maxNamed, len(bad))], ", "), more),
		Remedy: "Run mkmini as root, or name them in exclude.",
	}
}
