package artifact

import (
	"io/fs"
	"os"
	"syscall"
)

// owner returns the numeric owner and group of a file. What a user other than
// root makes belongs to that user, and to a group that the folder around it
// may have a say in: it counts as root's, so that all users make the same.
func owner(info fs.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return 0, 0
	}
	return int(st.Uid), int(st.Gid)
}
