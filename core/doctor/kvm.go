package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Requests to KVM, the same on all architectures.
// Source: Linux, include/uapi/linux/kvm.h.
const (
	kvmGetAPIVersion   = 0xae00
	kvmCreateVM        = 0xae01
	kvmGetVCPUMmapSize = 0xae04
	kvmCreateVCPU      = 0xae41
	kvmRun             = 0xae80
	kvmAPIVersion      = 12
)

// errHangs says that a guest did not come to its end.
var errHangs = errors.New("a guest of five instructions hangs")

// kvm says whether QEMU can use the processor itself. That the device is
// there means little: on nested machines guests may hang, so one is run.
func (m Machine) kvm(ctx context.Context) []sdk.Fact {
	const name = "kvm"
	const slow = "QEMU then works without, which is slow but right: leave out -enable-kvm, or give -accel tcg."
	device := cmp.Or(m.KVM, "/dev/kvm")
	file, err := os.OpenFile(device, os.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warn(name, "there is no "+device, "Load its module with `modprobe kvm_intel` or `modprobe kvm_amd`, and switch virtualisation on in the firmware. "+slow)
	case errors.Is(err, fs.ErrPermission):
		return warn(name, "this user may not use "+device, "Add the user to the group kvm with `usermod -aG kvm USER` and log in anew. "+slow)
	case err != nil:
		return warn(name, err.Error(), slow)
	}
	// The guest may never give the file back, so it is left open if it hangs.
	tried, err := tryGuest(ctx, int(file.Fd()), guest, patience)
	if errors.Is(err, errHangs) {
		return warn(name, device+" is there, but "+err.Error(), slow)
	}
	file.Close()
	if err != nil {
		return warn(name, device+" is there, but does not work: "+err.Error(), slow)
	}
	modules := cmp.Or(m.Modules, "/sys/module")
	if _, err := os.Stat(filepath.Join(modules, "kvm_pvm")); err == nil {
		return warn(name, tried+", but by kvm_pvm, under which kernels that were not made for it hang", slow)
	}
	return ok(name, tried)
}

// guestFunc runs a guest until its end, or until a signal comes after that
// was enough, and says what it did.
type guestFunc func(device int, enough *atomic.Bool) (string, error)

// tryGuest runs a guest on a thread of its own, which is left behind if even
// a signal does not bring it back.
func tryGuest(ctx context.Context, device int, guest guestFunc, patience time.Duration) (string, error) {
	type outcome struct {
		tried string
		err   error
	}
	var enough atomic.Bool
	done := make(chan outcome, 1)
	thread := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this
		thread <- unix.Gettid()
		tried, err := guest(device, &enough)
		done <- outcome{tried, err}
	}()
	tid := <-thread
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case o := <-done:
		return o.tried, o.err
	case <-deadline.C:
	case <-ctx.Done():
	}
	// A signal brings KVM_RUN back with EINTR. SIGURG is one that Go's own
	// scheduler uses, and that does nothing else.
	enough.Store(true)
	_ = unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return "", errHangs
}

// machine makes a virtual machine with one processor.
func machine(device int) (vm, vcpu int, err error) {
	version, err := ioctl(device, kvmGetAPIVersion, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("KVM_GET_API_VERSION: %w", err)
	}
	if version != kvmAPIVersion {
		return 0, 0, fmt.Errorf("its version is %d, not %d", version, kvmAPIVersion)
	}
	if vm, err = ioctl(device, kvmCreateVM, 0); err != nil {
		return 0, 0, fmt.Errorf("KVM_CREATE_VM: %w", err)
	}
	if vcpu, err = ioctl(vm, kvmCreateVCPU, 0); err != nil {
		unix.Close(vm)
		return 0, 0, fmt.Errorf("KVM_CREATE_VCPU: %w", err)
	}
	return vm, vcpu, nil
}

func ioctl(fd int, request, argument uintptr) (int, error) {
	result, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, argument)
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}
