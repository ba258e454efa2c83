package gcc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// identity asks a compiler who it is. The first finding is a failure named
// "runs" if it doesn't answer.
func (p *probe) identity(ctx context.Context) (version, target finding) {
	if !plain(p.cc) || !plain(p.pre) {
		return fail("runs", p.cc, sdk.Diagnostic{
			Summary: "Compiler's folder has an unusable name",
			Detail:  fmt.Sprintf("%q holds a blank or another character that busybox's makefiles can't pass on.", p.cc),
			Remedy:  "Rename the folder, or point to it through a symlink with a plain name.",
		}), finding{}
	}
	// A second -dump option is ignored, so old compilers, whose -dumpversion
	// is complete, answer it and new ones the first.
	number, err := p.output(ctx, p.cc, "-dumpfullversion", "-dumpversion")
	family := "gcc"
	if err != nil {
		number, err = p.output(ctx, p.cc, "-dumpversion")
		family = "clang" // which knows no -dumpfullversion
	}
	if err != nil {
		return p.doesNotRun(err), finding{}
	}
	machine, err := p.output(ctx, p.cc, "-dumpmachine")
	if err != nil {
		return p.doesNotRun(err), finding{}
	}
	return ok("version", family+" "+strings.TrimSpace(number)), p.target(strings.TrimSpace(machine))
}

// target says whether the compiler makes code for the right architecture.
func (p *probe) target(machine string) finding {
	if matchTriplet(p.info.Triplets, machine) {
		return ok("target", machine)
	}
	problem := sdk.Diagnostic{
		Summary: "Compiler is for another architecture",
		Detail: fmt.Sprintf("%s makes code for %s, not for %s, whose compilers say %s.",
			p.cc, machine, p.info.Arch, strings.Join(p.info.Triplets, " or ")),
		Remedy: p.anotherCompiler(),
	}
	for pattern, why := range p.info.Lookalikes {
		if match, err := path.Match(pattern, machine); err == nil && match {
			problem.Detail += " " + why
		}
	}
	return fail("target", machine, problem)
}

// anotherCompiler is the remedy for a compiler that can't be mended.
func (p *probe) anotherCompiler() string {
	if len(p.info.Packages) > 0 {
		return distro.Here().Install("one", p.info.Packages...) + " Or point a `from \"path\"` block to the folder of one."
	}
	return fmt.Sprintf("Point a `from \"path\"` block to the folder of the vendor's compiler for %s.", p.info.Arch)
}

// doesNotRun explains why a compiler gives no answer.
func (p *probe) doesNotRun(err error) finding {
	problem := sdk.Diagnostic{Summary: "Compiler does not run", Remedy: p.anotherCompiler()}
	var failed *commandError
	errors.As(err, &failed)
	switch _, statErr := os.Stat(p.cc); {
	case os.IsNotExist(statErr):
		problem.Detail = fmt.Sprintf("There is no file %s.", p.cc)
	case errors.Is(err, syscall.ENOEXEC):
		problem.Detail = fmt.Sprintf("%s is no program for this machine, which is %s.", p.cc, runtime.GOARCH)
		if header, err := elfhead.ReadFile(p.cc); err == nil {
			problem.Detail = fmt.Sprintf("%s is a program for another machine (%s) than this one, which is %s.", p.cc, header, runtime.GOARCH)
		}
		problem.Remedy = fmt.Sprintf("Use a compiler that runs on %s and makes code for %s.", runtime.GOARCH, p.info.Arch)
	case errors.Is(err, os.ErrPermission):
		problem.Detail = fmt.Sprintf("%s may not be executed by this user.", p.cc)
		problem.Remedy = fmt.Sprintf("Check the file's mode and that its file system isn't mounted noexec: `chmod a+x %s`.", p.cc)
	case errors.Is(err, os.ErrNotExist):
		problem.Detail = fmt.Sprintf("%s is there, but the program or dynamic linker that runs it is not.", p.cc)
		problem.Remedy = fmt.Sprintf("Install what `file %s` names as its interpreter, such as the 32-bit C library.", p.cc)
	default:
		problem.Detail = fmt.Sprintf("%s ended with an error when it was asked for its version.", p.cc)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			problem.Detail = fmt.Sprintf("%s ended with %v when it was asked for its version.", p.cc, exit)
		}
		if what, remedy := p.lacks(err); what != "" {
			problem.Detail, problem.Remedy = what, remedy
		}
	}
	if failed != nil && failed.output != "" {
		problem.Excerpt = failed.lines()
	}
	return fail("runs", p.cc, problem)
}

// What the dynamic linker of glibc says of what it lacks.
var (
	newerGlibc = regexp.MustCompile(`(?m)^(\S+): .*version .GLIBC_([0-9.]+). not found`)
	noLibrary  = regexp.MustCompile(`(?m)^(\S+): error while loading shared libraries: ([^\s:]+): cannot open`)
)

// lacks says what the machine lacks to run a part of the compiler, and what to
// do about it; what is empty if that isn't the reason of the failure.
func (p *probe) lacks(err error) (what, remedy string) {
	var failed *commandError
	if !errors.As(err, &failed) {
		return "", ""
	}
	if m := newerGlibc.FindStringSubmatch(failed.output); m != nil {
		return fmt.Sprintf("%s needs glibc %s, and this machine has an older one.", m[1], m[2]),
			"Take a release of the compiler for older systems or one that is static, or build on a newer system."
	}
	if m := noLibrary.FindStringSubmatch(failed.output); m != nil {
		return fmt.Sprintf("%s needs the library %s, which this machine does not have.", m[1], m[2]),
			"Install the package that has it, or use a compiler that comes with its libraries, such as one of a `from \"deb\"` or `from \"oci\"` block."
	}
	return "", ""
}
