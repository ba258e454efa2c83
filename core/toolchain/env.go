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
// the sysroot, and the options that the architecture needs. PATH has the
// compiler's folder first.
func Env(info sdk.ToolchainInfo, c sdk.Compiler, path string) []Variable {
	vars := []Variable{
		{"ARCH", info.KernelArch}, {"CROSS_COMPILE", c.Prefix}, {"CC", c.CC},
	}
	for _, t := range tools {
		if executable(c.Prefix + t.tool) {
			vars = append(vars, Variable{t.variable, c.Prefix + t.tool})
		}
	}
	i := slices.IndexFunc(c.Facts, func(f sdk.Fact) bool { return f.Name == "sysroot" })
	if i >= 0 && filepath.IsAbs(c.Facts[i].Value) && c.Facts[i].Value != "/" {
		vars = append(vars, Variable{"SYSROOT", c.Facts[i].Value})
	}
	if len(info.CFlags) > 0 {
		vars = append(vars, Variable{"CFLAGS", strings.Join(info.CFlags, " ")})
	}
	if len(info.LDFlags) > 0 {
		vars = append(vars, Variable{"LDFLAGS", strings.Join(info.LDFlags, " ")})
	}
	bin := filepath.Dir(c.CC)
	if !slices.Contains(filepath.SplitList(path), bin) {
		vars = append(vars, Variable{"PATH", strings.TrimSuffix(bin+string(filepath.ListSeparator)+path, string(filepath.ListSeparator))})
	}
	return vars
}
