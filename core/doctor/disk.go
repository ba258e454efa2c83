package doctor

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// What a store needs: a busybox takes some 50 MiB while it is made, a
// compiler that is fetched 150 to 500 MiB.
const (
	scarce = 2 << 30
	full   = 200 << 20
)

// disk says whether the store can be written to, and has space left.
func (m Machine) disk(context.Context) []sdk.Fact {
	const name = "store"
	const another = "Free some space there, or give another folder with --store DIR or MKMINI_STORE."
	file, err := os.CreateTemp(m.Store, ".doctor-")
	if err != nil {
		return fail(name, m.Store+" can't be written to: "+err.Error(), "Correct its permissions, or give another folder with --store DIR or MKMINI_STORE.")
	}
	_ = file.Close() // nothing was written
	_ = os.Remove(file.Name())
	var st unix.Statfs_t
	if err := unix.Statfs(m.Store, &st); err != nil {
		return warn(name, m.Store+": its free space is unknown: "+err.Error(), another)
	}
	free := int64(st.Bavail) * int64(st.Bsize) // of 32 bits on some
	value := fmt.Sprintf("%s, %s free", m.Store, Size(free))
	switch {
	case free < full:
		return fail(name, value, another)
	case free < scarce:
		return warn(name, value, another)
	}
	return ok(name, value)
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	switch {
	case n >= gib:
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	case n >= mib:
		return fmt.Sprintf("%.1f MiB", float64(n)/mib)
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/kib)
}
