package toolchain

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Variable is one of an environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// tools are the variables that build systems know tools by.
var tools = []struct{ variable, tool string }{
	{"AR", "ar"}, {"AS", "as"}, {"CPP", "cpp"}, {"CXX", "g++"}, {"LD", "ld"}, {"NM", "nm"}, {"OBJCOPY", "objcopy"},
	{"OBJDUMP", "objdump"}, {"RANLIB", "ranlib"}, {"READELF", "readelf"}, {"SIZE", "size"}, {"STRIP", "strip"},
}

// Env returns what other build systems need to use a compiler: CC and the
// tools beside it that are there, CROSS_COMPILE and ARCH as kbuild has them,
// the sysroot, and the options that the architecture and the block need. PATH
// has the compiler's folder first. One that [Lend] made for another C library
// has its options in itself.
func Env(info sdk.ToolchainInfo, c sdk.Compiler, path string) []Variable {
	vars := []Variable{
		{"ARCH", info.KernelArch}, {"CROSS_COMPILE", c.Prefix}, {"CC", c.CC},
	}
	for _, t := range tools {
		if executable(c.Prefix + t.tool) {
			vars = append(vars, Variable{t.variable, c.Prefix + t.tool})
		}
	}
	if c.Libc != "" {
		return append(vars, inFront(c, path)...)
	}
	i := slices.IndexFunc(c.Facts, func(f sdk.Fact) bool { return f.Name == "sysroot" })
	if i >= 0 && filepath.IsAbs(c.Facts[i].Value) && c.Facts[i].Value != "/" {
		vars = append(vars, Variable{"SYSROOT", c.Facts[i].Value})
	}
	// A plugin need not tell of the options.
	if flags := firstOf(c.CFlags, info.CFlags); len(flags) > 0 {
		vars = append(vars, Variable{"CFLAGS", strings.Join(flags, " ")})
	}
	if flags := firstOf(c.LDFlags, info.LDFlags); len(flags) > 0 {
		vars = append(vars, Variable{"LDFLAGS", strings.Join(flags, " ")})
	}
	return append(vars, inFront(c, path)...)
}

func firstOf(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// inFront returns PATH with the compiler's folder first, if it isn't there.
func inFront(c sdk.Compiler, path string) []Variable {
	bin := filepath.Dir(c.CC)
	if slices.Contains(filepath.SplitList(path), bin) {
		return nil
	}
	return []Variable{{"PATH", strings.TrimSuffix(bin+string(filepath.ListSeparator)+path, string(filepath.ListSeparator))}}
}
