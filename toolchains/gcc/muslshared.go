package gcc

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// muslLoader returns the path of the loader below the folder of a musl, which
// programs name with a slash before it: "lib/ld-musl-aarch64.so.1". It is empty
// if that musl is only static.
func muslLoader(dir string) string {
	entries, err := os.ReadDir(filepath.Join(dir, "lib"))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "ld-musl-") && strings.HasSuffix(e.Name(), ".so.1") {
			return "lib/" + e.Name()
		}
	}
	return ""
}

// takeLoader strips the shared library below dir, if there is one, and removes
// the link to it under the loader's name, whose path it returns: it leads to a
// file of the machine.
func (b *muslBuild) takeLoader(ctx context.Context, dir string) (string, error) {
	loader := muslLoader(dir)
	if loader == "" {
		return "", nil
	}
	if err := os.Remove(filepath.Join(dir, loader)); err != nil {
		return "", err
	}
	_, err := b.output(ctx, b.req.Compiler.Prefix+"strip", "--strip-unneeded", "--remove-section=.comment", filepath.Join(dir, "lib", "libc.so"))
	if err == nil || ctx.Err() != nil {
		return loader, ctx.Err()
	}
	return "", sdk.Diagnostics{{
		Summary: "Musl can't be stripped",
		Detail:  fmt.Sprintf("strip failed: %v.", cause(err)),
		Remedy:  "Check that all tools of the compiler are of one version.",
		Excerpt: excerpt(err), Log: b.log.name,
	}}
}

// sharedOptions are those of a link with the shared musl whose loader that is.
// Without them the compiler names the loader of its own C library. libgcc_s is
// of that library, too.
func (t tools) sharedOptions(ctx context.Context, cc, loader string) ([]string, error) {
	options := []string{"-static-libgcc", "-Wl,--dynamic-linker,/" + loader}
	// Compilers that don't know the option, gcc before 6, make no such program
	// unless they are told.
	if _, err := t.output(ctx, cc, "-no-pie", "-E", "-x", "c", os.DevNull); err == nil {
		options = append(options, "-no-pie")
	}
	return options, ctx.Err()
}

// tryShared links a program with the shared library in dir and runs it, if the
// static one ran. It returns the loader's path below dir.
func (b *muslBuild) tryShared(ctx context.Context, dir string, c sdk.Compiler) (string, error) {
	loader := muslLoader(dir)
	broken := func(detail string, excerpt []string) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return sdk.Diagnostics{{
			Summary: "Shared musl does not work", Detail: detail, Excerpt: excerpt, Log: b.log.name,
			Remedy: "Leave out static = false, or use another compiler; the log has how musl was linked.",
		}}
	}
	if loader == "" {
		return "", broken("Its makefile made no loader.", nil)
	}
	link := filepath.Join(b.tmp, "libc") // dir may hold blanks
	if err := os.Symlink(dir, link); err != nil {
		return "", err
	}
	f, err := b.flags.withLibc(ctx, b.tools, c.CC, b.info, link)
	if err != nil {
		return "", err
	}
	shared, err := b.sharedOptions(ctx, c.CC, loader)
	if err != nil {
		return "", err
	}
	source, program := filepath.Join(b.tmp, "shared.c"), filepath.Join(b.tmp, "shared")
	if err := os.WriteFile(source, []byte(helloSource), 0o644); err != nil {
		return "", err
	}
	if _, err := b.output(ctx, c.CC, slices.Concat(f.compile, []string{"-Os", "-o", program, source}, shared, f.link)...); err != nil {
		return "", broken("A small program does not link with it.", excerpt(err))
	}
	if problem := foreign(program, "/"+loader); problem != "" {
		return "", broken("A small program was linked with it, and "+problem+".", nil)
	}
	if !c.CanRun {
		return loader, nil
	}
	command := append(slices.Clone(c.Emulator), filepath.Join(dir, loader), program, "hello")
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	out, err := b.output(ctx, command[0], command[1:]...)
	if err != nil {
		return "", broken(fmt.Sprintf("A small program with it does not run: %v.", cause(err)), excerpt(err))
	}
	if strings.TrimSpace(out) != greeting {
		return "", broken("A small program with it prints something else than it should.", said(command, out))
	}
	return loader, nil
}

// foreign says what of a dynamic program isn't the C library's whose loader
// that is; empty if all is.
func foreign(program, loader string) string {
	if header, err := elfhead.ReadFile(program); err != nil || !header.Interp {
		return "it came out static"
	}
	file, err := elf.Open(program)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if name, err := interpreterOf(file); err != nil || name != loader {
		return fmt.Sprintf("it names the loader %s, not %s", name, loader)
	}
	needed, err := file.ImportedLibraries()
	if err != nil {
		return err.Error()
	}
	for _, name := range needed {
		if name != "libc.so" {
			return "it needs " + name
		}
	}
	return ""
}
