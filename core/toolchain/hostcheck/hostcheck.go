// Package hostcheck says whether this machine can run a program, from the
// program's ELF headers alone: before it is started, so that the reason is
// known when it can't be.
package hostcheck

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Host is what a program finds on a machine. Of the zero value nothing is
// known, and nothing can be said against a program.
type Host struct {
	Machine elf.Machine
	Class   elf.Class
	// Glibc is the version of its C library, such as "2.36"; empty if that is
	// not glibc.
	Glibc string
	// Root is the folder that stands for "/"; empty for that itself.
	Root string
}

// This returns the machine that it runs on: mkmini's own executable tells
// what its programs are like.
func This() (Host, error) {
	name, err := os.Executable()
	if err != nil {
		return Host{}, fmt.Errorf("find out what this machine runs: %w", err)
	}
	f, err := elf.Open(name)
	if err != nil {
		return Host{}, fmt.Errorf("find out what this machine runs: %w", err)
	}
	defer f.Close()
	h := Host{Machine: f.Machine, Class: f.Class}
	h.Glibc = h.glibc()
	return h, nil
}

// Reason is a kind of obstacle.
type Reason string

// The reasons why a program can't run.
const (
	Machine Reason = "machine" // it is for another processor
	Loader  Reason = "loader"  // its dynamic linker is not there
	Glibc   Reason = "glibc"   // it needs a newer C library
)

// Error says why a program can't run here, in one clause.
type Error struct {
	Path   string
	Reason Reason
	// Needs and Has are the two machines, or the two versions of glibc; Needs
	// is the path of the dynamic linker for Loader.
	Needs, Has string
}

func (e *Error) Error() string {
	name := filepath.Base(e.Path)
	switch e.Reason {
	case Machine:
		return fmt.Sprintf("%s is a program for %s, and this machine is %s", name, e.Needs, e.Has)
	case Loader:
		return fmt.Sprintf("%s needs the dynamic linker %s, which this machine does not have", name, e.Needs)
	}
	return fmt.Sprintf("%s needs glibc %s, and this machine has glibc %s", name, e.Needs, e.Has)
}

// Remedy says what to do about it, in one sentence.
func (e *Error) Remedy() string {
	switch e.Reason {
	case Machine:
		return fmt.Sprintf("Take the compiler's release for %s machines, or build on one of %s.", e.Has, e.Needs)
	case Loader:
		return fmt.Sprintf("Install the package that has %s, such as the 32-bit C library, or take a compiler for this system.", e.Needs)
	}
	return fmt.Sprintf("Take a release of the compiler for older systems or one that is static, or build on a system with glibc %s.", e.Needs)
}

// Check returns an [*Error] if the machine can't run the program at path. Of
// what is no ELF file, such as a script, nothing is said.
func (h Host) Check(path string) error {
	if h.Machine == elf.EM_NONE {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return nil
	}
	if !h.runs(f.Machine) {
		return &Error{Path: path, Reason: Machine, Needs: MachineName(f.Machine), Has: MachineName(h.Machine)}
	}
	interp := Interpreter(f)
	if interp == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(h.Root, interp)); err != nil {
		return &Error{Path: path, Reason: Loader, Needs: interp}
	}
	needs := NeedsGlibc(f)
	if needs != "" && h.Glibc != "" && f.Class == h.Class && f.Machine == h.Machine && Older(h.Glibc, needs) {
		return &Error{Path: path, Reason: Glibc, Needs: needs, Has: h.Glibc}
	}
	return nil
}

// runs says whether the processor runs programs of that kind: 64-bit ones of
// these two families run those of their 32-bit ancestors.
func (h Host) runs(m elf.Machine) bool {
	return m == h.Machine ||
		h.Machine == elf.EM_X86_64 && m == elf.EM_386 ||
		h.Machine == elf.EM_AARCH64 && m == elf.EM_ARM
}

// Interpreter returns the path of the dynamic linker that a program asks for,
// or "" if it needs none.
func Interpreter(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz == 0 || p.Filesz > 4096 {
			continue
		}
		data := make([]byte, p.Filesz)
		if _, err := p.ReadAt(data, 0); err != nil {
			return ""
		}
		name, _, _ := strings.Cut(string(data), "\x00")
		return name
	}
	return ""
}

// NeedsGlibc returns the newest version of glibc that a program or library
// asks for, or "" if it asks for none.
func NeedsGlibc(f *elf.File) string {
	needs, err := f.DynamicVersionNeeds()
	if err != nil {
		return "" // it has none
	}
	newest := ""
	for _, library := range needs {
		for _, dep := range library.Needs {
			newest = newer(newest, dep.Dep)
		}
	}
	return newest
}

// newer returns the newer of a version and that of a symbol version such as
// "GLIBC_2.34"; others, such as "GLIBC_PRIVATE", have none.
func newer(version, symbol string) string {
	v, ok := strings.CutPrefix(symbol, "GLIBC_")
	if !ok || v == "" || v[0] < '0' || v[0] > '9' {
		return version
	}
	if version == "" || Older(version, v) {
		return v
	}
	return version
}

// Older says whether version a, such as "2.9", is older than b.
func Older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if x, y := number(as, i), number(bs, i); x != y {
			return x < y
		}
	}
	return false
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i]) // what is no number counts as 0
	return n
}

// libraries are where C libraries are, as patterns.
var libraries = []string{"lib64", "lib", "lib/*-linux-gnu*", "usr/lib64", "usr/lib", "usr/lib/*-linux-gnu*"}

// glibc returns the newest version that the machine's C library defines.
func (h Host) glibc() string {
	for _, dir := range libraries {
		matches, _ := filepath.Glob(filepath.Join("/", h.Root, dir, "libc.so.6"))
		for _, path := range matches {
			if v := h.defines(path); v != "" {
				return v
			}
		}
	}
	return ""
}

func (h Host) defines(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if f.Machine != h.Machine || f.Class != h.Class {
		return ""
	}
	versions, err := f.DynamicVersions()
	if err != nil {
		return ""
	}
	newest := ""
	for _, v := range versions {
		newest = newer(newest, v.Name)
	}
	return newest
}

// names are how people call machines.
var names = map[elf.Machine]string{
	elf.EM_X86_64: "x86_64", elf.EM_386: "i686", elf.EM_AARCH64: "aarch64", elf.EM_ARM: "arm",
	elf.EM_RISCV: "riscv64", elf.EM_PPC64: "ppc64", elf.EM_S390: "s390x", elf.EM_MIPS: "mips",
	elf.EM_LOONGARCH: "loongarch", 0x9916: "sw64", 0x9026: "alpha",
}

// MachineName returns a machine's name, such as "aarch64".
func MachineName(m elf.Machine) string {
	if name, ok := names[m]; ok {
		return name
	}
	return fmt.Sprintf("machine 0x%x", uint16(m))
}
