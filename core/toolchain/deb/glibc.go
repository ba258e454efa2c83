package deb

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errGlibc says that the machine's C library is too old.
var errGlibc = errors.New("this machine has glibc")

// version is a version of glibc, as in GLIBC_2.38.
type version [3]int

// String returns the version as glibc writes it.
func (v version) String() string {
	if v[2] > 0 {
		return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
	}
	return fmt.Sprintf("%d.%d", v[0], v[1])
}

func (v version) less(o version) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}

// parseVersion reads the name of a version of symbols. GLIBC_PRIVATE and
// those of other libraries are none.
func parseVersion(name string) (v version, ok bool) {
	text, ok := strings.CutPrefix(name, "GLIBC_")
	if !ok {
		return v, false
	}
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > len(v) {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return version{}, false
		}
		v[i] = n
	}
	return v, true
}

// checkGlibc says whether the machine's C library is new enough for the
// programs and libraries of a tree. The machine's is the one beside the
// dynamic linker that the driver names.
func checkGlibc(tree, driver string) error {
	interpreter, machine, err := header(driver)
	if err != nil || interpreter == "" {
		return nil // not a program with a dynamic linker: it tells when it runs
	}
	linker, err := filepath.EvalSymlinks(interpreter)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the compiler needs the dynamic linker %s, which this machine doesn't have", interpreter)
	}
	if err != nil {
		return fmt.Errorf("find the machine's C library: %w", err)
	}
	have, ok := provided(filepath.Join(filepath.Dir(linker), "libc.so.6"))
	if !ok {
		return nil
	}
	need, file, err := newest(tree, machine)
	if err != nil {
		return err
	}
	if have.less(need) {
		return fmt.Errorf("%s needs glibc %s and %w %s", file, need, errGlibc, have)
	}
	return nil
}

// header returns the dynamic linker and the machine of a program.
func header(path string) (interpreter string, machine elf.Machine, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err != nil {
			return "", 0, err
		}
		interpreter = strings.TrimRight(string(text), "\x00")
	}
	return interpreter, f.Machine, nil
}

// provided returns the newest version that a C library has.
func provided(libc string) (newest version, ok bool) {
	f, err := elf.Open(libc)
	if err != nil {
		return newest, false
	}
	defer f.Close()
	versions, err := f.DynamicVersions()
	if err != nil {
		return newest, false
	}
	for _, v := range versions {
		if have, is := parseVersion(v.Name); is {
			ok = true
			if newest.less(have) {
				newest = have
			}
		}
	}
	return newest, ok
}

// newest returns the newest version of glibc that a file for the machine
// needs, and the name of that file.
func newest(tree string, machine elf.Machine) (need version, file string, err error) {
	for _, dir := range []string{"usr/bin", "usr/lib", "usr/libexec"} {
		err := filepath.WalkDir(filepath.Join(tree, dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if v := needed(path, machine); need.less(v) {
				need, file = v, d.Name()
			}
			return nil
		})
		if err != nil {
			return need, file, fmt.Errorf("look for what the compiler needs: %w", err)
		}
	}
	return need, file, nil
}

// needed returns the newest version that a file needs; none if it is not of
// the machine or not dynamic.
func needed(path string, machine elf.Machine) (need version) {
	in, err := os.Open(path)
	if err != nil {
		return need
	}
	defer in.Close()
	magic := make([]byte, 4)
	if _, err := in.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return need
	}
	f, err := elf.NewFile(in)
	if err != nil || f.Machine != machine {
		return need
	}
	libraries, err := f.DynamicVersionNeeds()
	if err != nil {
		return need
	}
	for _, l := range libraries {
		for _, n := range l.Needs {
			if v, ok := parseVersion(n.Dep); ok && need.less(v) {
				need = v
			}
		}
	}
	return need
}
