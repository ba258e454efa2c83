package pluginstore

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
)

// machine is what an ELF header tells of an architecture.
type machine struct {
	number elf.Machine
	class  elf.Class
	order  elf.Data
}

// archs are the names that Go has for architectures.
var archs = map[machine]string{
	{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB}:    "amd64",
	{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB}:       "386",
	{elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB}:   "arm64",
	{elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB}:       "arm",
	{elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB}:     "riscv64",
	{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB}:     "ppc64le",
	{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB}:     "ppc64",
	{elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB}:      "s390x",
	{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB}:      "mips64le",
	{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB}:      "mips64",
	{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB}:      "mipsle",
	{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB}:      "mips",
	{elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB}: "loong64",
	// The two that no list of Go's has: see the sw64 toolchain.
	{0x9916, elf.ELFCLASS64, elf.ELFDATA2LSB}:       "sw64",
	{elf.EM_ALPHA, elf.ELFCLASS64, elf.ELFDATA2LSB}: "alpha",
}

// TargetOf returns what an executable is made for, from its first bytes. A
// script runs anywhere.
func TargetOf(path string) (Platform, error) {
	f, err := os.Open(path)
	if err != nil {
		return Platform{}, err
	}
	defer f.Close()
	head := make([]byte, 20)
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Platform{}, fmt.Errorf("read %s: %w", path, err)
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		return Platform{"linux", anyArch}, nil
	}
	if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return Platform{}, fmt.Errorf("%s is neither an ELF executable nor a script that begins with a #! line", path)
	}
	m := machine{class: elf.Class(head[elf.EI_CLASS]), order: elf.Data(head[elf.EI_DATA])}
	m.number = elf.Machine(uint16(head[18]) | uint16(head[19])<<8)
	if m.order == elf.ELFDATA2MSB {
		m.number = elf.Machine(uint16(head[18])<<8 | uint16(head[19]))
	}
	arch, ok := archs[m]
	if !ok {
		return Platform{}, fmt.Errorf("%s is for a machine that has no name here: %v, %v", path, m.number, m.class)
	}
	return Platform{"linux", arch}, nil
}
