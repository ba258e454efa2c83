package crossgcc

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/fault"
)

// needed is how many bytes the making of a part takes, by its source: most of
// it is the source itself. Measured with those of Debian 12.
var needed = map[string]int64{"binutils": 500e6, "linux": 1600e6, "gcc": 1300e6, "musl": 50e6, "glibc": 900e6}

// room looks whether the file system of a folder holds the making of a part.
func room(part, dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look how much space there is: %w", err)
	}
	return enough(part, dir, int64(st.Bavail)*st.Bsize)
}

// enough says whether free bytes are enough.
func enough(part, dir string, free int64) error {
	if free >= needed[part] {
		return nil
	}
	return &fault.Error{
		Summary: "Not enough space to build a compiler",
		Detail:  fmt.Sprintf("To build %s takes %d MB on the file system of %s, which has %d MB left.", part, needed[part]/1e6, dir, free/1e6),
		Remedy:  "Free some space there, or choose another folder with --store.",
	}
}
