package gcc

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// muslOptions are what some architectures need of every compile for musl, by
// musl's name of the architecture.
var muslOptions = map[string][]string{
	// It has no 128-bit floating point there.
	// Source: musl 1.2.3, arch/powerpc64/bits/float.h
	"powerpc64": {"-mlong-double-64"},
}

// muslCompile returns the options of every compile for musl, that of musl
// itself included. A static program at a fixed address needs no code that
// finds out where it is, which some compilers make unless they are told.
func muslCompile(arch string) []string { return append([]string{"-fno-pie"}, muslOptions[arch]...) }

// withLibc returns options that put the C library in dir, if there is one, in
// the place of the compiler's own. These are not those of musl-gcc.specs:
// specs replace the options of the linker as a whole, and many architectures
// have some without which it picks another format.
func (f flags) withLibc(ctx context.Context, t tools, cc string, info sdk.ToolchainInfo, dir string) (flags, error) {
	if dir == "" {
		return f, nil
	}
	out, err := t.output(ctx, cc, "-print-file-name=include")
	own := strings.TrimSpace(out)
	if err == nil && !filepath.IsAbs(own) { // gcc repeats the name of what it doesn't find
		return f, sdk.Diagnostics{{
			Summary: "Compiler's own headers not found",
			Detail:  fmt.Sprintf("%s does not say where its stddef.h and others are, which have to come after those of the C library.", cc),
			Remedy:  "Use a gcc, or leave out `libc`.",
		}}
	}
	if err != nil {
		return f, err
	}
	lib := filepath.Join(dir, "lib")
	f.compile = slices.Concat([]string{"-nostdinc", "-isystem", filepath.Join(dir, "include"), "-isystem", own, "-B" + lib + "/"},
		muslCompile(info.Musl), f.compile)
	f.link = append([]string{"-L" + lib}, f.link...)
	return f, nil
}

const muslVersionSource = `extern const char __libc_version[];
int main(void) { return __libc_version[0]; }
`

// muslVersion returns the version that a static musl carries, empty if it
// carries none. There is no macro for it.
func (p *probe) muslVersion(ctx context.Context) string {
	source, program := filepath.Join(p.dir, "version.c"), filepath.Join(p.dir, "version")
	if os.WriteFile(source, []byte(muslVersionSource), 0o644) != nil {
		return ""
	}
	args := slices.Concat(p.flags.compile, []string{"-static", "-o", program, source}, p.flags.link)
	if _, err := p.output(ctx, p.cc, args...); err != nil {
		return ""
	}
	file, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer file.Close()
	text := symbolData(file, "__libc_version")
	text, _, _ = bytes.Cut(text, []byte{0})
	return string(text)
}

// symbolData returns the contents of a symbol; nil if there is none.
func symbolData(file *elf.File, name string) []byte {
	symbols, err := file.Symbols()
	if err != nil {
		return nil
	}
	for _, s := range symbols {
		if s.Name != name || int(s.Section) >= len(file.Sections) {
			continue
		}
		section := file.Sections[s.Section]
		data, err := section.Data()
		if from := s.Value - section.Addr; err == nil && from <= uint64(len(data)) && s.Size <= uint64(len(data))-from {
			return data[from : from+s.Size]
		}
	}
	return nil
}
