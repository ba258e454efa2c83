package crossgcc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/store"
)

// oldestGlibc is what gcc is told of the C library that it will have: at least
// this version. gcc itself asks for nothing newer, and riscv64 has none older.
const oldestGlibc = "2.28"

// glibcOptions are an architecture's options of gcc for a compiler with glibc.
// The C library isn't there when gcc is configured, so that gcc can't find out
// about it by itself.
func glibcOptions(own []string) []string {
	return append([]string{"--enable-shared", "--enable-threads=posix", "--enable-initfini-array", "--with-glibc-version=" + oldestGlibc}, own...)
}

// configureGlibc prepares the source of glibc to be made.
func (w *work) configureGlibc(ctx context.Context) error {
	return w.configured(ctx, append([]string{
		"--quiet", "--build=" + w.host.machine(), "--host=" + w.target, "--prefix=/usr",
		"--with-headers=" + filepath.Join(w.root, w.sysroot(), "usr/include"),
		"--disable-werror", "--disable-nscd", "--disable-build-nscd", "--disable-timezone-tools", "--disable-profile",
		"--enable-crypt", "--without-selinux", "--without-gd", "CFLAGS=-O2 -g0",
	}, w.part.options...)...)
}

// noCXX is an argument of glibc's make: there is no C++ for the target, and
// configure finds that of the machine, which it then makes helpers with.
const noCXX = "CXX="

// installRoot is the argument of glibc's make that says where to.
func (w *work) installRoot() string {
	return "install_root=" + filepath.Join(w.out, prefix, w.sysroot())
}

// makeGlibcHeaders installs the headers that need no compiled library.
func makeGlibcHeaders(ctx context.Context, w *work) error {
	if err := w.configureGlibc(ctx); err != nil {
		return err
	}
	if err := w.install(ctx, w.obj, "install-bootstrap-headers=yes", w.installRoot(), "install-headers"); err != nil {
		return err
	}
	// It lists functions that do nothing, which isn't known yet.
	stubs := filepath.Join(w.out, prefix, w.sysroot(), "usr/include/gnu/stubs.h")
	if err := errors.Join(folder(filepath.Dir(stubs)), os.WriteFile(stubs, nil, 0o644)); err != nil {
		return fmt.Errorf("install the headers of glibc: %w", err)
	}
	return nil
}

// makeGlibc compiles the C library, and leaves out what is there for people
// and for other languages.
func makeGlibc(ctx context.Context, w *work) error {
	if err := w.configureGlibc(ctx); err != nil {
		return err
	}
	if err := w.made(ctx, w.obj, noCXX); err != nil {
		return err
	}
	if err := w.install(ctx, w.obj, noCXX, w.installRoot(), "install"); err != nil {
		return err
	}
	sysroot := filepath.Join(w.out, prefix, w.sysroot())
	for _, useless := range []string{"etc", "sbin", "var", "usr/bin", "usr/libexec", "usr/sbin", "usr/share", "usr/lib*/gconv", "usr/lib*/*/gconv", "usr/lib*/audit"} {
		found, _ := filepath.Glob(filepath.Join(sysroot, useless)) // it is fine
		for _, dir := range found {
			if err := store.RemoveAll(dir); err != nil {
				return fmt.Errorf("tidy glibc: %w", err)
			}
		}
	}
	return nil
}

// kitName is the folder of gcc's tree with what libgcc is made of later: the
// sources, and what was made for gcc.
const kitName = "kit"

// leaveKit keeps what libgcc is made of. Of gcc's own sources that is headers.
func (w *work) leaveKit() error {
	kit := filepath.Join(w.out, prefix, kitName)
	wanted := func(name string) bool {
		dir, _, below := strings.Cut(name, "/")
		switch {
		case !below || dir == "libgcc" || dir == "include" || dir == "config":
			return true
		case dir == "libdecnumber":
			return strings.HasSuffix(name, ".h")
		}
		return dir == "gcc" && !strings.HasPrefix(name, "gcc/testsuite/") &&
			(strings.HasSuffix(name, ".h") || strings.HasSuffix(name, ".def") || name == "gcc/BASE-VER" || name == "gcc/DEV-PHASE")
	}
	if err := mergeSome(w.src, filepath.Join(kit, "src"), wanted); err != nil {
		return err
	}
	return mergeSome(filepath.Join(w.obj, "gcc"), filepath.Join(kit, "gcc"), func(name string) bool {
		return strings.HasSuffix(name, ".h") || strings.HasSuffix(name, ".def") || name == "libgcc.mvars"
	})
}

// makeLibgcc makes the library of what processors lack, the static one alone.
func makeLibgcc(ctx context.Context, w *work) error {
	if err := w.libgcc(ctx, "--disable-shared"); err != nil {
		return err
	}
	// All is in one archive, but glibc names the second as well.
	found, _ := filepath.Glob(filepath.Join(w.out, prefix, "lib/gcc/*/*/libgcc.a")) // it is fine
	for _, path := range found {
		if err := os.Symlink("libgcc.a", filepath.Join(filepath.Dir(path), "libgcc_eh.a")); err != nil {
			return fmt.Errorf("install libgcc: %w", err)
		}
	}
	return nil
}

// makeSharedLibgcc makes the library with the shared one, which is put beside
// the C library: that is where the dynamic linker looks for it.
func makeSharedLibgcc(ctx context.Context, w *work) error {
	sysroot := filepath.Join(w.root, w.sysroot())
	var found []string
	for _, pattern := range []string{"lib*/libc.so.6", "lib*/*/libc.so.6"} {
		more, _ := filepath.Glob(filepath.Join(sysroot, pattern)) // it is fine
		found = append(found, more...)
	}
	if len(found) != 1 {
		return fmt.Errorf("glibc was installed in %d places: %s", len(found), strings.Join(found, ", "))
	}
	libs, err := filepath.Rel(w.root, filepath.Dir(found[0]))
	if err != nil {
		return err
	}
	// gcc looks for usr/lib64 as usr/lib/../lib64.
	for _, tree := range []string{sysroot, filepath.Join(w.out, prefix, w.sysroot())} {
		if err := folder(filepath.Join(tree, "usr/lib")); err != nil {
			return fmt.Errorf("install libgcc: %w", err)
		}
	}
	return w.libgcc(ctx, "--enable-shared", "--with-slibdir="+filepath.Join(prefix, libs))
}

// libgcc makes libgcc of the kit, with the compiler that was made before.
func (w *work) libgcc(ctx context.Context, options ...string) error {
	kit := filepath.Join(w.root, kitName)
	dir := filepath.Join(w.obj, w.target, "libgcc")
	err := errors.Join(merge(filepath.Join(kit, "src"), w.src), merge(filepath.Join(kit, "gcc"), filepath.Join(w.obj, "gcc")), folder(dir))
	if err != nil {
		return err
	}
	w.report("configure", 0, 0, w.label)
	tool := filepath.Join(w.root, "bin", w.target+"-")
	args := slices.Concat([]string{
		"--quiet", "--build=" + w.host.machine(), "--host=" + w.target, "--target=" + w.target,
		"--prefix=" + prefix, "--libdir=" + prefix + "/lib", "--libexecdir=" + prefix + "/libexec",
		"--disable-multilib", "--disable-decimal-float", "--disable-gcov", "--with-target-subdir=" + w.target,
		"CC=" + tool + "gcc", "AR=" + tool + "ar", "NM=" + tool + "nm", "RANLIB=" + tool + "ranlib", "STRIP=" + tool + "strip", "CFLAGS=-O2 -g0",
	}, options)
	if err := w.command(ctx, dir, "../../../src/libgcc/configure", args...); err != nil {
		return w.problem(ctx, err, "Compiler can't be built", "configuring libgcc of "+w.in.name+" failed", "Try another release of gcc; the log has all that was said.")
	}
	if err := w.made(ctx, dir); err != nil {
		return err
	}
	if err := w.install(ctx, dir, "install"); err != nil {
		return err
	}
	return w.stripLibrary(ctx)
}
