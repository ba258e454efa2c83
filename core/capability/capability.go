// Package capability reads and writes the capabilities of files: as text, in
// the notation of setcap and getcap, and as the value of the extended attribute
// that the kernel reads them from.
//
// Sources: cap_from_text(3), capabilities(7) and the kernel's
// include/uapi/linux/capability.h.
package capability

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Attribute is the name of the extended attribute that holds them.
const Attribute = "security.capability"

// Set is what a file that is executed brings along.
type Set struct {
	// Permitted and Inheritable have the bit 1<<N for the capability N.
	Permitted, Inheritable uint64
	// Effective says that the program has them from the start, without
	// raising them itself.
	Effective bool
	// Root is the user who is root in the user namespace that they are for;
	// 0 for all.
	Root uint32
}

// The layout of the value.
const (
	revision2    = 0x02000000
	revision3    = 0x03000000
	revisionMask = 0xff000000
	effective    = 1
	size2        = 20
	size3        = 24
)

// Encode returns the value of the attribute: of version 2, or of version 3 if
// it is for one user namespace.
func (s Set) Encode() []byte {
	magic := uint32(revision2)
	if s.Root != 0 {
		magic = revision3
	}
	if s.Effective {
		magic |= effective
	}
	value := binary.LittleEndian.AppendUint32(nil, magic)
	for _, shift := range []int{0, 32} {
		value = binary.LittleEndian.AppendUint32(value, uint32(s.Permitted>>shift))
		value = binary.LittleEndian.AppendUint32(value, uint32(s.Inheritable>>shift))
	}
	if s.Root != 0 {
		value = binary.LittleEndian.AppendUint32(value, s.Root)
	}
	return value
}

// Decode reads a value of the attribute in version 2 or 3.
func Decode(value []byte) (Set, error) {
	if len(value) < size2 {
		return Set{}, fmt.Errorf("file capabilities have %d or %d bytes, not %d", size2, size3, len(value))
	}
	le := binary.LittleEndian
	magic := le.Uint32(value)
	s := Set{
		Permitted:   uint64(le.Uint32(value[4:])) | uint64(le.Uint32(value[12:]))<<32,
		Inheritable: uint64(le.Uint32(value[8:])) | uint64(le.Uint32(value[16:]))<<32,
		Effective:   magic&effective != 0,
	}
	switch {
	case magic&revisionMask == revision2 && len(value) == size2:
	case magic&revisionMask == revision3 && len(value) == size3:
		s.Root = le.Uint32(value[size2:])
	default:
		return Set{}, errors.New("file capabilities of an unknown version")
	}
	if magic&^(revisionMask|effective) != 0 {
		return Set{}, errors.New("file capabilities with unknown flags")
	}
	return s, nil
}

// names are the capabilities by number.
var names = []string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
	"linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
	"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
	"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore",
}

// all has the bits of all capabilities that have names.
const all = 1<<41 - 1

// Names returns the names of all capabilities, "cap_chown" the first.
func Names() []string {
	list := make([]string, len(names))
	for i := range names {
		list[i] = name(i)
	}
	return list
}

// name returns the name of a capability; a number if it has none.
func name(n int) string {
	if n < len(names) {
		return "cap_" + names[n]
	}
	return fmt.Sprint(n)
}
