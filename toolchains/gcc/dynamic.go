package gcc

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// linkage is how the binary is to be linked, in a word.
func (b *build) linkage() string {
	if b.req.Dynamic {
		return "dynamic"
	}
	return "static"
}

// findLibraries finds out where the interpreter and the libraries of a dynamic
// binary are: the compiler says it of each. What they need in turn is beside
// them.
func (b *build) findLibraries(ctx context.Context) error {
	if !b.req.Dynamic {
		return nil
	}
	if b.req.Compiler.Libc != "" {
		b.sysroot = b.req.Compiler.Libc // its lib is /lib
		return nil
	}
	name := filepath.Join(b.req.OutDir, treeName, "bin", "busybox")
	file, err := elf.Open(name)
	if err != nil {
		return fmt.Errorf("read busybox: %w", err)
	}
	defer file.Close()
	needed, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read the libraries of busybox: %w", err)
	}
	interpreter, err := interpreterOf(file)
	if err != nil || interpreter == "" {
		return err // see check
	}
	for _, library := range append(needed, filepath.Base(interpreter)) {
		path, err := b.printFile(ctx, library)
		if err != nil {
			return err
		}
		if path == "" {
			continue
		}
		if dir := filepath.Dir(path); !slices.Contains(b.libraries, dir) {
			b.libraries = append(b.libraries, dir)
		}
		if library == filepath.Base(interpreter) {
			b.sysroot = rootOf(path, interpreter)
		}
	}
	return nil
}

// interpreterOf returns the path that a program names; empty for a static one.
func interpreterOf(file *elf.File) (string, error) {
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			text, err := io.ReadAll(p.Open())
			return strings.TrimRight(string(text), "\x00"), err
		}
	}
	return "", nil
}

// printFile asks the compiler for a library; empty if it has none.
func (b *build) printFile(ctx context.Context, name string) (string, error) {
	args := append(slices.Clone(b.flags.compile), "-print-file-name="+name)
	out, err := b.output(ctx, b.req.Compiler.CC, args...)
	path := strings.TrimSpace(out)
	if err != nil || !filepath.IsAbs(path) { // gcc repeats the name of what it doesn't find
		return "", err
	}
	return filepath.Clean(path), nil
}

// rootOf returns the folder in which the path that a program names leads to its
// interpreter, of which the file is known; empty if there is none above that.
func rootOf(file, interpreter string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if other, err := os.Stat(filepath.Join(dir, interpreter)); err == nil && os.SameFile(info, other) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// loader is what starts the binary here: for a dynamic one of a sysroot, with
// the libraries of that.
func (b *build) loader() []string {
	command := slices.Clone(b.req.Compiler.Emulator)
	switch {
	case !b.req.Dynamic || b.sysroot == "" || b.sysroot == "/":
		return command
	case len(command) > 0:
		return append(command, "-L", b.sysroot)
	case b.req.Compiler.Libc != "":
		return append(command, filepath.Join(b.sysroot, muslLoader(b.sysroot)))
	}
	return append(command, "/usr/bin/env", "LD_LIBRARY_PATH="+strings.Join(b.libraries, ":"))
}
