package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
)

// The programs of an image need its own C library and libraries, which are
// not where the kernel and the dynamic linker would look. So each program is
// put aside in its own folder, where it finds what it looks for beside itself,
// and a script takes its place that starts it by the image's dynamic linker.
// Scripts find the image's root by a link in their folder, which holds however
// the folder is reached; so the whole can be moved.
const (
	aside    = ".mkmini-real-"
	rootLink = ".mkmini-root"
)

// script takes a program's place. The digest stands for the program's content
// where a compiler is told from another by the content of its files.
const script = `#!/bin/sh
# Runs a program of a container image, %[1]s.
d=${0%%/*}
[ -e "$d/%[2]s" ] || { d=$(readlink -f -- "$0") && d=${d%%/*}; } || exit 127
r=$d/%[2]s
exec "$r/%[3]s" %[4]s "$r/%[5]s"%[6]s "$@"
`

// program is a program of an image.
type program struct {
	// path and loader are relative to the root; loader is the image's
	// dynamic linker.
	path, loader string
	digest       string
	// folders are further ones of libraries that it names itself.
	folders []string
	// sysroot is the folder that it is told to take for the system's root,
	// relative to the image's; empty if it needs none.
	sysroot string
}

// wrapping is one image whose programs get wrappers.
type wrapping struct {
	root string
	host hostcheck.Host
	// folders are those of libraries.
	folders  []string
	programs map[string]*program
	// options are those that a dynamic linker knows, by its path.
	options map[string][]string
}

// wrap makes the programs of an unpacked image run outside of it: those for
// this machine that need a dynamic linker which the image has.
func wrap(ctx context.Context, root string, host hostcheck.Host) (*wrapping, error) {
	w := &wrapping{root: root, host: host, programs: map[string]*program{}, options: map[string][]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return w.look(path, d)
	})
	if err != nil {
		return nil, fmt.Errorf("look for the image's programs: %w", err)
	}
	w.folders = libraryFolders(root)
	if err := w.putAside(); err != nil {
		return nil, err
	}
	if err := w.sysroots(ctx); err != nil {
		return nil, err
	}
	return w, w.links()
}

// look remembers a file if it is a program that needs a wrapper.
func (w *wrapping) look(path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	// Libraries may name a dynamic linker as well, to print their version.
	if info.Mode()&0o111 == 0 || strings.Contains(d.Name(), ".so") || strings.HasPrefix(d.Name(), aside) {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil || f.Machine != w.host.Machine || f.Class != w.host.Class {
		return nil // no program, or none for this machine
	}
	interpreter := hostcheck.Interpreter(f)
	if interpreter == "" || !filepath.IsAbs(interpreter) {
		return nil
	}
	loader := strings.TrimPrefix(filepath.Clean(interpreter), "/")
	real, err := filepath.EvalSymlinks(filepath.Join(w.root, loader))
	if err != nil {
		return nil // such as a program within a sysroot
	}
	name, err := filepath.Rel(w.root, path)
	if err != nil {
		return err
	}
	if err := w.loader(loader, real); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, info.Size())); err != nil {
		return err
	}
	w.programs[name] = &program{path: name, loader: loader, digest: fmt.Sprintf("sha256:%x", h.Sum(nil)), folders: runPaths(f)}
	return nil
}

// loader finds out which options a dynamic linker knows: glibc has --argv0
// since 2.33. Without it a program sees another name of itself, which lies in
// the same folder. The cache of this machine is not for the image.
func (w *wrapping) loader(loader, real string) error {
	if _, known := w.options[loader]; known {
		return nil
	}
	data, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	w.options[loader] = []string{}
	for _, option := range []string{"--inhibit-cache", "--argv0"} {
		if bytes.Contains(data, []byte(option)) || bytes.Contains(data, []byte(strings.TrimPrefix(option, "--")+"\x00")) {
			w.options[loader] = append(w.options[loader], option)
		}
	}
	return nil
}

// runPaths returns the absolute folders that a program looks for libraries in.
func runPaths(f *elf.File) []string {
	var folders []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			continue // it has none
		}
		for _, folder := range strings.Split(strings.Join(paths, ":"), ":") {
			if clean := filepath.Clean(folder); filepath.IsAbs(clean) && clean != "/" && plain(clean) {
				folders = append(folders, clean[1:])
			}
		}
	}
	return folders
}

// plain says whether a name means nothing else within double quotes or a list
// of folders.
func plain(name string) bool { return !strings.ContainsAny(name, "\"$`\\:;\n\r") }

// libraryFolders returns the folders of an image's libraries, relative to its
// root: those of its own settings, then the usual ones.
func libraryFolders(root string) []string {
	settings, _ := filepath.Glob(filepath.Join(root, "etc/ld.so.conf.d/*.conf"))
	var names []string
	for _, path := range append(settings, filepath.Join(root, "etc/ld.so.conf")) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // most have none of these
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") {
				names = append(names, filepath.Clean(line)[1:])
			}
		}
	}
	for _, pattern := range []string{"lib/*-linux-gnu*", "usr/lib/*-linux-gnu*", "lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib", "usr/local/lib64"} {
		matches, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, match := range matches {
			if name, err := filepath.Rel(root, match); err == nil {
				names = append(names, name)
			}
		}
	}
	var folders, seen []string
	for _, name := range names {
		real, err := filepath.EvalSymlinks(filepath.Join(root, name))
		libraries, _ := filepath.Glob(filepath.Join(real, "*.so*"))
		if err != nil || len(libraries) == 0 || slices.Contains(seen, real) || !plain(name) {
			continue
		}
		folders, seen = append(folders, name), append(seen, real)
	}
	return folders
}

// putAside moves the programs and puts scripts into their places.
func (w *wrapping) putAside() error {
	for _, p := range w.programs {
		if !plain(p.path) {
			delete(w.programs, p.path)
			continue
		}
		from := filepath.Join(w.root, p.path)
		if err := os.Rename(from, filepath.Join(w.root, real(p.path))); err != nil {
			return fmt.Errorf("wrap a program: %w", err)
		}
		if err := w.write(p.path, p); err != nil {
			return err
		}
	}
	return nil
}

// real returns the path that a program is put aside to.
func real(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, aside+base)
}

// write writes the script of a program at a path, which is its own or that of
// a link to it.
func (w *wrapping) write(path string, p *program) error {
	dir := filepath.Dir(path)
	up := strings.Repeat("../", strings.Count(filepath.Join("/", dir), "/"))
	if dir == "." {
		up = "."
	}
	link := filepath.Join(w.root, dir, rootLink)
	if err := os.Symlink(filepath.Clean(up), link); err != nil && !os.IsExist(err) {
		return fmt.Errorf("wrap a program: %w", err)
	}
	var folders []string
	for _, folder := range slices.Concat(w.folders, p.folders) {
		folders = append(folders, "$r/"+folder)
	}
	options := fmt.Sprintf(`--library-path "%s"`, strings.Join(folders, ":"))
	for _, option := range w.options[p.loader] {
		if option == "--argv0" {
			option = `--argv0 "$0"`
		}
		options += " " + option
	}
	sysroot := ""
	if p.sysroot != "" {
		sysroot = fmt.Sprintf(` --sysroot="%s"`, filepath.Join("$r", p.sysroot))
	}
	text := fmt.Sprintf(script, p.digest, rootLink, p.loader, options, real(p.path), sysroot)
	full := filepath.Join(w.root, path)
	if err := os.Remove(full); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("wrap a program: %w", err)
	}
	if err := os.WriteFile(full, []byte(text), 0o755); err != nil {
		return fmt.Errorf("wrap a program: %w", err)
	}
	return os.Chmod(full, 0o755) // whatever the umask
}

// links replaces links to programs in other folders by scripts: a program
// called by a link takes the link's folder for its own.
func (w *wrapping) links() error {
	return filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil || filepath.Dir(target) == filepath.Dir(path) {
			return nil
		}
		name, err := filepath.Rel(w.root, target)
		p := w.programs[name]
		if err != nil || p == nil {
			return nil
		}
		link, err := filepath.Rel(w.root, path)
		if err != nil {
			return err
		}
		return w.write(link, p)
	})
}
