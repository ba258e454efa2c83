package rootfs

import (
	"testing"
	"unsafe"
)

// A system may have a million nodes: eight bytes more in one are sixteen
// megabytes more of memory, as sizes go in steps.
func TestNodeIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(node{}); size > 48 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("a node has %d bytes", size)
	}
}
