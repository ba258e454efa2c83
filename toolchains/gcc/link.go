package gcc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// linkVars are what mkmini.mk says of the link.
type linkVars struct {
	cc                             string
	cflags, ldflags                []string
	objects, archives, libs, extra []string
}

func parseLinkVars(text string) linkVars {
	var v linkVars
	lists := map[string]*[]string{
		"CFLAGS": &v.cflags, "LDFLAGS": &v.ldflags, "OBJECTS": &v.objects,
		"ARCHIVES": &v.archives, "LDLIBS": &v.libs, "EXTRA_LDLIBS": &v.extra,
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name == "CC" {
			v.cc = value
		} else if list := lists[name]; list != nil {
			*list = strings.Fields(strings.ReplaceAll(value, `"`, ""))
		}
	}
	return v
}

// link makes the binary that busybox's scripts/trylink makes. That script
// links the whole program once for each library and round to learn whether it
// is needed. Here one link with all libraries shows from which of them
// anything is taken at all; leaving out the others changes nothing. Only for
// those that something is taken from is there the question whether the C
// library has the same.
func (b *build) link(ctx context.Context) error {
	data, err := os.ReadFile(filepath.Join(b.obj, "mkmini-link.vars"))
	if err != nil {
		return fmt.Errorf("read link variables: %w", err)
	}
	v := parseLinkVars(string(data))
	slices.Sort(v.libs)
	v.libs = slices.Compact(v.libs)
	options := b.linkOptions(ctx, v)
	if b.req.Dynamic {
		// The linker itself sees which libraries anything is taken from.
		if err := b.linkWith(ctx, v, slices.Concat(options, b.shared, []string{"-Wl,--as-needed"}), v.libs, "busybox_unstripped"); err != nil {
			return err
		}
		return b.strip(ctx)
	}
	if err := b.linkWith(ctx, v, options, v.libs, "busybox_unstripped", "-Wl,-Map,busybox_unstripped.map"); err != nil {
		return err
	}
	taken, err := takenFrom(filepath.Join(b.obj, "busybox_unstripped.map"))
	if err != nil {
		return fmt.Errorf("read link map: %w", err)
	}
	needed := slices.Clone(v.libs)
	for _, lib := range v.libs {
		fewer := slices.DeleteFunc(slices.Clone(needed), func(other string) bool { return other == lib })
		if !taken(lib) {
			needed = fewer
			continue
		}
		// No C library has the functions of libm in libc.a as well.
		if lib == "m" {
			continue
		}
		if b.linkWith(ctx, v, options, fewer, "busybox_fewer") == nil {
			needed = fewer
			if err := os.Rename(filepath.Join(b.obj, "busybox_fewer"), filepath.Join(b.obj, "busybox_unstripped")); err != nil {
				return err
			}
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b.log.printf("of the libraries %q, %q are needed", v.libs, needed)
	return b.strip(ctx)
}

// linkOptions are the options that trylink finds the linker to have.
func (b *build) linkOptions(ctx context.Context, v linkVars) []string {
	source := filepath.Join(b.tmp, "option.c")
	if err := os.WriteFile(source, []byte("int main(int argc,char**argv){return argv?argc:0;}\n"), 0o644); err != nil {
		return nil
	}
	candidates := []string{"-Wl,--sort-common", "-Wl,--sort-section,alignment"}
	// Static programs of glibc break with --gc-sections.
	// Source: scripts/trylink, and glibc's bug 3400.
	if !slices.ContainsFunc(b.req.Compiler.Facts, func(f sdk.Fact) bool {
		return f.Name == "libc" && strings.HasPrefix(f.Value, "glibc")
	}) {
		candidates = append(candidates, "-Wl,--gc-sections")
	}
	return slices.DeleteFunc(candidates, func(option string) bool {
		args := slices.Concat(v.cflags, v.ldflags, []string{option, source, "-o", filepath.Join(b.tmp, "option")})
		_, err := b.output(ctx, v.cc, args...)
		return err != nil
	})
}

// linkWith links the program with some libraries.
func (b *build) linkWith(ctx context.Context, v linkVars, options, libs []string, output string, more ...string) error {
	args := slices.Concat(v.cflags, v.ldflags, []string{"-o", output}, options,
		[]string{"-Wl,--start-group"}, v.objects, v.archives, []string{"-Wl,--end-group"})
	if all := slices.Concat(libs, v.extra); len(all) > 0 {
		args = append(args, "-Wl,--start-group")
		for _, lib := range all {
			if !strings.HasPrefix(lib, "-") {
				lib = "-l" + lib
			}
			args = append(args, lib)
		}
		args = append(args, "-Wl,--end-group")
	}
	args = append(args, more...)
	b.log.printf("%s %s", v.cc, strings.Join(args, " "))
	cmd := sdk.Command(ctx, v.cc, args...)
	cmd.Dir, cmd.Env = b.obj, b.env
	var text strings.Builder
	out := b.log.writer(func(line string) { text.WriteString(line + "\n") })
	cmd.Stdout, cmd.Stderr = out, out
	err := sdk.Run(cmd)
	out.flush()
	if err != nil {
		return b.linkProblem(text.String(), err)
	}
	return nil
}

// takenFrom reads a linker's map, and returns a function that says of a
// library whether anything was taken from it. A member stands at the start of
// a line, before the memory map: "/usr/lib/libm.a(s_sin.o)". glibc's libm.a
// may be a script that names libm-2.36.a.
func takenFrom(name string) (func(lib string) bool, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var archives []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "Memory Configuration") {
			break
		}
		if archive, _, ok := strings.Cut(line, ".a("); ok && !strings.HasPrefix(line, " ") {
			archives = append(archives, filepath.Base(archive))
		}
	}
	return func(lib string) bool {
		return slices.ContainsFunc(archives, func(archive string) bool {
			return archive == "lib"+lib || strings.HasPrefix(archive, "lib"+lib+"-")
		})
	}, lines.Err()
}

// linkProblem explains why the link failed.
func (b *build) linkProblem(output string, err error) error {
	var excerpt []string
	for line := range strings.Lines(output) {
		if strings.Contains(line, "undefined reference") || strings.Contains(line, "error:") || strings.Contains(line, "cannot find") {
			excerpt = append(excerpt, strings.TrimSpace(line))
		}
	}
	if len(excerpt) == 0 {
		excerpt = tail(strings.Split(strings.TrimSpace(output), "\n"), 10)
	}
	const most = 10
	if len(excerpt) > most {
		excerpt = append(excerpt[:most], "…")
	}
	return sdk.Diagnostics{{
		Summary: "Busybox does not link",
		Detail:  fmt.Sprintf("All files compiled, and the linker failed: %v.", err),
		Remedy:  "Leave out the applet that needs what is undefined; further libraries go into EXTRA_LDLIBS.",
		Excerpt: excerpt,
		Log:     b.log.name,
	}}
}

// strip makes the final binary, as busybox's Makefile does.
func (b *build) strip(ctx context.Context) error {
	t := tools{dir: b.obj, env: b.env}
	_, err := t.output(ctx, b.req.Compiler.Prefix+"strip", "-s", "--remove-section=.note", "--remove-section=.comment",
		"busybox_unstripped", "-o", "busybox")
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed *commandError
	if errors.As(err, &failed) {
		return sdk.Diagnostics{{
			Summary: "Busybox can't be stripped",
			Detail:  fmt.Sprintf("strip failed: %v.", failed.err),
			Remedy:  "Check that all tools of the compiler are of one version.",
			Excerpt: failed.lines(), Log: b.log.name,
		}}
	}
	return err
}
