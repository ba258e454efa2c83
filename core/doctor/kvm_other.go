//go:build !amd64

package doctor

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// guest makes a virtual machine; what its processor is to run is known for
// PCs only.
func guest(device int, _ *atomic.Bool) (string, error) {
	vm, vcpu, err := machine(device)
	if err != nil {
		return "", err
	}
	unix.Close(vcpu)
	unix.Close(vm)
	return "a virtual machine can be made", nil
}
