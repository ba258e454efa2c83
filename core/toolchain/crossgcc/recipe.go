package crossgcc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/store"
)

// Options of every configure script of binutils and gcc. Libraries of the
// machine are left alone, so that what is built needs none of them later. It
// is compiled without much optimization: it takes three quarters of the time,
// and a compiler for busybox is not run for long.
var gnu = []string{
	"--quiet", "--prefix=" + prefix, "--libdir=" + prefix + "/lib", "--libexecdir=" + prefix + "/libexec",
	"--disable-nls", "--disable-werror", "--disable-multilib", "--disable-shared", "--without-zstd",
	"CFLAGS=-O1", "CXXFLAGS=-O1",
}

// noDocs are arguments of make: manuals would need makeinfo.
var noDocs = []string{"MAKEINFO=true"}

// makeBinutils makes assembler, linker and their like.
func makeBinutils(ctx context.Context, w *work) error {
	if err := w.generators([][3]string{{"ld/ldgram.c", "bison", "bison"}, {"ld/ldlex.c", "flex", "flex"}}); err != nil {
		return err
	}
	args := slices.Concat(gnu, []string{
		"--target=" + w.target, "--with-sysroot=" + filepath.Join(prefix, w.sysroot()),
		"--disable-gdb", "--disable-gdbserver", "--disable-sim", "--disable-gprof", "--disable-gprofng", "--disable-plugins",
		"--enable-deterministic-archives", "--without-debuginfod",
	}, w.part.options)
	if err := w.configured(ctx, args...); err != nil {
		return err
	}
	if err := w.made(ctx, w.obj, noDocs...); err != nil {
		return err
	}
	return w.install(ctx, w.obj, append([]string{"install-strip"}, noDocs...)...)
}

// generators checks that programs are there if the source doesn't come with
// what they would make: releases of GNU do, a distribution's may not.
func (w *work) generators(all [][3]string) error {
	var lack missing
	for _, g := range all {
		_, made := os.Stat(filepath.Join(w.src, g[0]))
		_, there := exec.LookPath(g[1])
		if made != nil && there != nil {
			lack.add(g[1], g[2])
		}
	}
	return lack.err()
}

// install runs make with goals that install, one at a time: that is what
// makefiles are tried with.
func (w *work) install(ctx context.Context, dir string, goals ...string) error {
	w.report("install", 0, 0, w.label)
	return w.made(ctx, dir, append([]string{"-j1", "DESTDIR=" + w.out}, goals...)...)
}

// makeLinux makes the headers of the kernel. The goal headers_install of the
// kernel would need rsync.
func makeLinux(ctx context.Context, w *work) error {
	to := filepath.Join(w.out, prefix, w.sysroot(), "usr/include")
	if _, err := os.Stat(filepath.Join(w.src, versionHeader)); err == nil {
		return headers(filepath.Join(w.src, "include"), to)
	}
	if err := w.made(ctx, w.src, "O="+w.obj, "ARCH="+w.info.KernelArch, "headers"); err != nil {
		return err
	}
	return headers(filepath.Join(w.obj, "usr/include"), to)
}

// versionHeader is a header that is made, and so not in a source.
const versionHeader = "include/linux/version.h"

// makeMuslHeaders installs the headers of musl, for which it needs no
// compiler.
func makeMuslHeaders(ctx context.Context, w *work) error {
	return w.install(ctx, w.src, "install-headers", "ARCH="+w.info.Musl, "prefix="+filepath.Join(prefix, w.sysroot(), "usr"))
}

// makeGCC makes the compiler for C, and with musl the library of what
// processors lack. That is static alone, so that it needs no C library yet and
// programs need no second library later.
func makeGCC(ctx context.Context, w *work) error {
	if err := w.generators([][3]string{{"gcc/gengtype-lex.cc", "flex", "flex"}}); err != nil {
		return err
	}
	options, err := w.gccOptions()
	if err != nil {
		return err
	}
	if err := w.configured(ctx, options...); err != nil {
		return err
	}
	if err := w.made(ctx, w.obj, append(noDocs, "configure-gcc")...); err != nil {
		return err
	}
	if err := w.forget(filepath.Join(w.obj, "gcc/configargs.h")); err != nil {
		return err
	}
	all, install := []string{"all-gcc", "all-target-libgcc"}, []string{"install-strip-gcc", "install-strip-target-libgcc"}
	if w.build.Libc == glibc {
		// There will be a limits.h of the C library, though it's not there yet.
		all, install = []string{"LIMITS_H_TEST=true", "all-gcc"}, []string{"LIMITS_H_TEST=true", "install-strip-gcc"}
	}
	if err := w.made(ctx, w.obj, append(noDocs, all...)...); err != nil {
		return err
	}
	if err := w.noManual(); err != nil {
		return err
	}
	if err := w.install(ctx, w.obj, append(noDocs, install...)...); err != nil {
		return err
	}
	if w.build.Libc == glibc {
		if err := w.leaveKit(); err != nil {
			return fmt.Errorf("keep what makes libgcc: %w", err)
		}
	}
	return w.tidyGCC(ctx)
}

// gccOptions are the arguments of gcc's configure script.
func (w *work) gccOptions() ([]string, error) {
	math, err := w.math()
	if err != nil {
		return nil, err
	}
	options := []string{
		"--target=" + w.target, "--with-sysroot=" + filepath.Join(prefix, w.sysroot()), "--with-build-sysroot=" + filepath.Join(w.root, w.sysroot()),
		"--enable-languages=c", "--disable-bootstrap", "--disable-lto", "--disable-plugin", "--disable-gcov",
		"--disable-libssp", "--disable-libquadmath", "--disable-libgomp", "--disable-libatomic", "--disable-libsanitizer",
		"--disable-libvtv", "--disable-libitm", "--disable-libcc1", "--disable-decimal-float", "--without-isl",
		"--enable-checking=release", "--enable-linker-build-id",
		"CFLAGS_FOR_TARGET=-O2 -g0", "CXXFLAGS_FOR_TARGET=-O2 -g0",
	}
	if w.build.Libc == musl && strings.HasPrefix(w.info.Musl, "powerpc") {
		options = append(options, "--without-long-double-128") // which musl does not have
	}
	return slices.Concat(gnu, options, math, w.part.options), nil
}

// math returns the options for the libraries that gcc calculates with: static
// ones, so that they may leave the machine later.
func (w *work) math() ([]string, error) {
	if len(w.host.Libraries) == 0 {
		return nil, nil
	}
	dir := filepath.Join(w.tmp, "math")
	if err := folder(dir); err != nil {
		return nil, fmt.Errorf("collect libraries: %w", err)
	}
	for _, path := range w.host.Libraries {
		if err := os.Symlink(path, filepath.Join(dir, filepath.Base(path))); err != nil {
			return nil, fmt.Errorf("collect libraries: %w", err)
		}
	}
	return []string{"--with-gmp-lib=" + dir, "--with-mpfr-lib=" + dir, "--with-mpc-lib=" + dir}, nil
}

// forget removes from a file where it was made: gcc's driver tells how it was
// configured. There is nothing to do if there is no such file.
func (w *work) forget(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		info, statErr := os.Stat(path)
		if statErr != nil {
			return statErr
		}
		text := strings.ReplaceAll(string(data), filepath.Dir(w.obj), "..")
		err = errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	if err != nil {
		return fmt.Errorf("tidy the configuration of gcc: %w", err)
	}
	return nil
}

// noManual says that a chapter of the manual is up to date: to install gcc
// would check it, and a distribution may have left the manual out.
func (w *work) noManual() error {
	if err := os.MkdirAll(filepath.Join(w.obj, "gcc"), 0o755); err != nil {
		return fmt.Errorf("go without the manual: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.obj, "gcc/s-tm-texi"), nil, 0o644); err != nil {
		return fmt.Errorf("go without the manual: %w", err)
	}
	return nil
}

// tidyGCC removes what serves to build other parts of gcc, and what names the
// folder that it was built in: the latter is for debuggers, too.
func (w *work) tidyGCC(ctx context.Context) error {
	lib := filepath.Join(w.out, prefix, "lib/gcc/*/*")
	for _, pattern := range []string{lib + "/install-tools", lib + "/plugin", filepath.Join(w.out, prefix, "libexec/gcc/*/*/install-tools")} {
		found, _ := filepath.Glob(pattern) // it is fine
		for _, dir := range found {
			if err := store.RemoveAll(dir); err != nil {
				return fmt.Errorf("tidy gcc: %w", err)
			}
		}
	}
	return w.stripLibrary(ctx)
}

// stripLibrary removes what debuggers want from libgcc, if it is there.
func (w *work) stripLibrary(ctx context.Context) error {
	var libraries []string
	for _, pattern := range []string{"lib/gcc/*/*/*.[ao]", "*/sysroot/lib*/libgcc_s.so.*", "*/sysroot/lib*/*/libgcc_s.so.*"} {
		found, _ := filepath.Glob(filepath.Join(w.out, prefix, pattern)) // it is fine
		libraries = append(libraries, found...)
	}
	if len(libraries) == 0 {
		return nil
	}
	strip := filepath.Join(w.root, "bin", w.target+"-strip")
	if err := w.command(ctx, w.obj, strip, append([]string{"--strip-debug", "--enable-deterministic-archives"}, libraries...)...); err != nil {
		return w.problem(ctx, err, "Compiler can't be built", "stripping the library of "+w.in.name+" failed", "Read the log for the cause.")
	}
	return nil
}

// makeMusl compiles the C library with the new compiler. Its headers are there
// already.
func makeMusl(ctx context.Context, w *work) error {
	gcc := filepath.Join(w.root, "bin", w.target+"-")
	usr := filepath.Join(prefix, w.sysroot(), "usr")
	args := append([]string{
		"--target=" + w.target, "--prefix=" + usr, "--syslibdir=" + filepath.Join(prefix, w.sysroot(), "lib"),
		"--disable-wrapper", "CC=" + gcc + "gcc", "CROSS_COMPILE=" + gcc, "CFLAGS=-g0",
	}, w.part.options...)
	if err := w.configured(ctx, args...); err != nil {
		return err
	}
	if err := w.made(ctx, w.obj); err != nil {
		return err
	}
	if err := w.install(ctx, w.obj, "install-libs"); err != nil {
		return err
	}
	return w.relink()
}

// relink has the dynamic linker, which is the C library itself, be found
// wherever the tree is.
func (w *work) relink() error {
	lib := filepath.Join(w.out, prefix, w.sysroot(), "lib")
	links, _ := filepath.Glob(filepath.Join(lib, "ld-musl-*")) // the pattern is fine
	for _, link := range links {
		if err := errors.Join(os.Remove(link), os.Symlink("../usr/lib/libc.so", link)); err != nil {
			return fmt.Errorf("link the dynamic linker: %w", err)
		}
	}
	return nil
}
