package gcc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// targetTools are the programs that kbuild calls by the compiler's prefix.
var targetTools = []string{"ld", "as", "ar", "nm", "strip", "objcopy"}

// hostTools are the programs that busybox's makefiles call, and the Debian
// packages that hold them.
var hostTools = []struct{ name, packages string }{
	{"make", "make"},
	{"gcc", "gcc libc6-dev"},
	{"sed", "sed"},
	{"awk", "mawk"},
	{"grep", "grep"},
	{"find", "findutils"},
	{"cmp", "diffutils"},
	{"od", "coreutils"},
	{"bzip2", "bzip2"},
}

// binutils says whether the tools beside the compiler are there.
func (p *probe) binutils() finding {
	var missing, files []string
	for _, name := range targetTools {
		path, err := exec.LookPath(p.pre + name)
		if err != nil {
			missing = append(missing, p.pre+name)
			continue
		}
		files = append(files, path)
	}
	if len(missing) == 0 {
		return ok("tools", strings.Join(targetTools, " "), files...)
	}
	remedy := "Use a complete compiler, or point `dir` to the folder that holds all of its tools."
	if len(p.info.Packages) > 0 {
		name := "binutils"
		if p.cross() {
			name = "binutils-" + strings.ReplaceAll(strings.TrimSuffix(filepath.Base(p.pre), "-"), "_", "-")
		}
		remedy = p.install(name, "the tools")
	}
	return fail("tools", "without "+strings.Join(missing, " "), sdk.Diagnostic{
		Summary: "Compiler has no binutils",
		Detail:  fmt.Sprintf("There is no %s.", strings.Join(missing, ", no ")),
		Remedy:  remedy,
	})
}

// hostTools says whether this machine has what busybox's makefiles need
// beside the compiler, a compiler for the machine itself included.
func (p *probe) hostTools(ctx context.Context) finding {
	var missing, packages []string
	for _, tool := range hostTools {
		if _, err := exec.LookPath(tool.name); err != nil {
			missing = append(missing, tool.name)
			packages = append(packages, tool.packages)
		}
	}
	if len(missing) > 0 {
		return fail("host_tools", "without "+strings.Join(missing, " "), sdk.Diagnostic{
			Summary: "Programs that build busybox are missing",
			Detail:  fmt.Sprintf("PATH has no %s.", strings.Join(missing, ", no ")),
			Remedy:  distro.Here().Install("them", strings.Fields(strings.Join(packages, " "))...) + " The plain gcc must be one for this machine itself, as busybox compiles helpers.",
		})
	}
	source := filepath.Join(p.dir, "host.c")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n"), 0o644); err != nil {
		return fail("host_tools", "", diskProblem(err))
	}
	if _, err := p.output(ctx, "gcc", "-o", filepath.Join(p.dir, "host"), source); err != nil {
		return fail("host_tools", "gcc fails", sdk.Diagnostic{
			Summary: "Compiler of this machine does not work",
			Detail:  "The plain gcc, which compiles busybox's own helpers, fails to make a small program.",
			Remedy:  distro.Here().Install("its C library", "gcc", "libc6-dev"),
			Excerpt: excerpt(err),
		})
	}
	return ok("host_tools", "make, gcc and others")
}
