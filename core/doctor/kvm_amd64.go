package doctor

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests and structures of KVM for PCs.
// Source: Linux, arch/x86/include/uapi/asm/kvm.h.
const (
	kvmSetUserMemoryRegion = 0x4020ae46
	kvmSetTSSAddr          = 0xae47
	kvmSetRegs             = 0x4090ae82
	kvmGetSregs            = 0x8138ae83
	kvmSetSregs            = 0x4138ae84

	// kvm_run.exit_reason, and values of it.
	exitReasonAt = 8
	exitIO       = 2
	exitHLT      = 5
)

// memoryRegion is struct kvm_userspace_memory_region.
type memoryRegion struct {
	slot, flags           uint32
	guest, size, userland uint64
}

// registers is struct kvm_regs: 16 general ones, rip and rflags.
type registers [18]uint64

// segment is struct kvm_segment.
type segment struct {
	base     uint64
	limit    uint32
	selector uint16
	// type, present, dpl, db, s, l, g, avl, unusable, padding
	attributes [10]uint8
}

// segments is struct kvm_sregs.
type segments struct {
	cs, ds, es, fs, gs, ss, tr, ldt segment
	gdt, idt                        [2]uint64
	cr0, cr2, cr3, cr4, cr8, efer   uint64
	apic                            uint64
	interrupts                      [4]uint64
}

// The guest's memory: the program, and the three tables that map the first
// 2 MiB as they are.
const (
	memorySize = 0x4000
	level4At   = 0x1000
	level3At   = 0x2000
	level2At   = 0x3000
)

// program is what the guest runs as a kernel in 64-bit mode, where it is
// told from one that is a PC's processor in real mode only: mov %cr3, %rax;
// mov %rax, %cr3; mov $42, %al; out %al, $0xe9; hlt.
var program = []byte{0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0xb0, 42, 0xe6, 0xe9, 0xf4}

// guest runs the program in a virtual machine of four pages, until it has ended
// or a signal comes after that was enough.
func guest(device int, enough *atomic.Bool) (string, error) {
	vm, vcpu, err := machine(device)
	if err != nil {
		return "", err
	}
	defer unix.Close(vm)
	defer unix.Close(vcpu)
	memory, err := unix.Mmap(-1, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return "", fmt.Errorf("map memory: %w", err)
	}
	defer unix.Munmap(memory)
	fill(memory)
	if err := start(vm, vcpu, memory); err != nil {
		return "", err
	}
	size, err := ioctl(device, kvmGetVCPUMmapSize, 0)
	if err != nil {
		return "", fmt.Errorf("KVM_GET_VCPU_MMAP_SIZE: %w", err)
	}
	run, err := unix.Mmap(vcpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return "", fmt.Errorf("map a processor's state: %w", err)
	}
	defer unix.Munmap(run)
	for _, want := range []uint32{exitIO, exitHLT} {
		if err := untilExit(vcpu, enough); err != nil {
			return "", err
		}
		if got := binary.NativeEndian.Uint32(run[exitReasonAt:]); got != want {
			return "", fmt.Errorf("a guest of five instructions ends with %d, not %d", got, want)
		}
	}
	return "runs a guest", nil
}

// fill writes program and tables.
// Source: AMD64 Architecture Programmer's Manual, volume 2, "Long-Mode Page
// Translation".
func fill(memory []byte) {
	const presentAndWritable, large = 3, 0x80
	copy(memory, program)
	binary.LittleEndian.PutUint64(memory[level4At:], level3At|presentAndWritable)
	binary.LittleEndian.PutUint64(memory[level3At:], level2At|presentAndWritable)
	binary.LittleEndian.PutUint64(memory[level2At:], large|presentAndWritable)
}

// start puts the memory at address 0 of the guest, and the processor there.
func start(vm, vcpu int, memory []byte) error {
	// Intel's processors want three pages below 4 GiB; others don't mind.
	_, _ = ioctl(vm, kvmSetTSSAddr, 0xfffbd000)
	region := memoryRegion{size: uint64(len(memory)), userland: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if err := ioctlWith(vm, kvmSetUserMemoryRegion, unsafe.Pointer(&region)); err != nil {
		return fmt.Errorf("KVM_SET_USER_MEMORY_REGION: %w", err)
	}
	var s segments
	if err := ioctlWith(vcpu, kvmGetSregs, unsafe.Pointer(&s)); err != nil {
		return fmt.Errorf("KVM_GET_SREGS: %w", err)
	}
	const pe, mp, et, ne, pg, pae, lme, lma = 1, 2, 1 << 4, 1 << 5, 1 << 31, 1 << 5, 1 << 8, 1 << 10
	s.cr0, s.cr3, s.cr4, s.efer = pe|mp|et|ne|pg, level4At, pae, lme|lma
	// Type 11 is code, 3 is data; both present, of system level, in pages.
	s.cs = segment{limit: 1<<32 - 1, selector: 8, attributes: [10]uint8{11, 1, 0, 0, 1, 1, 1}}
	data := segment{limit: 1<<32 - 1, selector: 16, attributes: [10]uint8{3, 1, 0, 1, 1, 0, 1}}
	s.ds, s.es, s.fs, s.gs, s.ss = data, data, data, data, data
	if err := ioctlWith(vcpu, kvmSetSregs, unsafe.Pointer(&s)); err != nil {
		return fmt.Errorf("KVM_SET_SREGS: %w", err)
	}
	regs := registers{17: 2} // the one bit of rflags that is always set
	if err := ioctlWith(vcpu, kvmSetRegs, unsafe.Pointer(&regs)); err != nil {
		return fmt.Errorf("KVM_SET_REGS: %w", err)
	}
	return nil
}

// ioctlWith hands a structure to KVM.
func ioctlWith(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// untilExit runs the guest until it wants something. Go's scheduler may
// interrupt it by a signal; so does who has waited for long enough.
func untilExit(vcpu int, enough *atomic.Bool) error {
	for {
		_, err := ioctl(vcpu, kvmRun, 0)
		switch {
		case err == nil:
			return nil
		case err != unix.EINTR:
			return fmt.Errorf("KVM_RUN: %w", err)
		case enough.Load():
			return errHangs
		}
	}
}
