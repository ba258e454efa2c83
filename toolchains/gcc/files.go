package gcc

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// staticFiles are what a static program is linked with, and sharedFiles what
// one is that loads its C library: in addition, and as far as it isn't found by
// a trial link.
var (
	staticFiles = []string{"libc.a", "libm.a", "libcrypt.a", "libresolv.a", "libgcc.a", "libgcc_eh.a", "crt1.o", "crti.o", "crtn.o", "crtbeginT.o", "crtend.o"}
	sharedFiles = []string{
		"Scrt1.o", "crtbegin.o", "crtbeginS.o", "crtendS.o", "libc.so", "libc_nonshared.a", "libgcc_s.so.1",
		// glibc's, which busybox may be linked with.
		"libm.so.6", "libcrypt.so.1", "libresolv.so.2", "librt.so.1", "libpthread.so.0", "libdl.so.2",
	}
)

// files finds the files that have a say in what the compiler makes.
func (p *probe) files(ctx context.Context) finding {
	programs := []string{"cc1", "collect2", "as", "ld"}
	found := p.ask(ctx, "-print-prog-name=", programs)
	for i, name := range found {
		if !filepath.IsAbs(name) {
			found[i], _ = exec.LookPath(name)
		}
	}
	f := finding{files: absolute(slices.Concat([]string{p.cc}, found, p.ask(ctx, "-print-file-name=", staticFiles)))}
	f.shared = absolute(p.ask(ctx, "-print-file-name=", append(p.loaded(ctx), sharedFiles...)))
	return f
}

// absolute returns the names that gcc found: it repeats those of what it
// doesn't find.
func absolute(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !filepath.IsAbs(name) })
}

// ask has the compiler say where files are.
func (p *probe) ask(ctx context.Context, option string, names []string) []string {
	found := make([]string, len(names))
	var group sync.WaitGroup
	limit := make(chan struct{}, 4)
	for i, name := range names {
		group.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if out, err := p.output(ctx, p.cc, append(slices.Clone(p.flags.compile), option+name)...); err == nil {
				found[i] = strings.TrimSpace(out)
			}
		})
	}
	group.Wait()
	return found
}

// loaded returns the names of the interpreter and the libraries of a small
// dynamic program; none if the compiler makes no such program.
func (p *probe) loaded(ctx context.Context) []string {
	source, program := filepath.Join(p.dir, "loaded.c"), filepath.Join(p.dir, "loaded")
	if os.WriteFile(source, []byte(helloSource), 0o644) != nil {
		return nil
	}
	if _, err := p.output(ctx, p.cc, slices.Concat(p.flags.compile, []string{"-o", program, source}, p.flags.link)...); err != nil {
		return nil
	}
	file, err := elf.Open(program)
	if err != nil {
		return nil
	}
	defer file.Close()
	names, _ := file.ImportedLibraries() // a static one has none
	if interpreter, err := interpreterOf(file); err == nil && interpreter != "" {
		names = append(names, filepath.Base(interpreter))
	}
	return names
}
