package gcc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// greeting is what the test program prints: that its printf works is a sign
// of a C library that starts up well.
const greeting = "hello 42"

const helloSource = `#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	char *text = malloc(20);
	if (!text || argc != 2)
		return 1;
	snprintf(text, 20, "%s %d", argv[1], 42);
	return puts(text) < 0;
}
`

// helloTime is how long the test program may run. It needs milliseconds; an
// emulator that hangs must not hang the probe.
const helloTime = 20 * time.Second

// hello compiles a small static program, reads its header and runs it.
func (p *probe) hello(ctx context.Context) (elf, static, run finding, emulator []string, canRun bool) {
	source := filepath.Join(p.dir, "hello.c")
	object := filepath.Join(p.dir, "hello.o")
	program := filepath.Join(p.dir, "hello")
	if err := os.WriteFile(source, []byte(helloSource), 0o644); err != nil {
		return fail("elf", "", diskProblem(err)), finding{}, finding{}, nil, false
	}
	args := slices.Concat(p.flags.compile, []string{"-Os", "-c", "-o", object, source})
	if _, err := p.output(ctx, p.cc, args...); err != nil {
		return p.doesNotCompile(err), finding{}, finding{}, nil, false
	}
	args = slices.Concat(p.flags.compile, []string{"-static", "-o", program, object}, p.flags.link)
	if _, err := p.output(ctx, p.cc, args...); err != nil {
		return p.header(object), p.notStatic(err), finding{}, nil, false
	}
	elf = p.header(program)
	static = ok("static_link", "works")
	if header, err := elfhead.ReadFile(program); err == nil && header.Interp {
		static = fail("static_link", "is ignored", sdk.Diagnostic{
			Summary: "Compiler does not link statically",
			Detail:  fmt.Sprintf("%s takes -static, and makes a program that needs a dynamic linker all the same.", p.cc),
			Remedy:  "Check the compiler's specs and the `ldflags` of the toolchain block.",
		})
	}
	if elf.problem == nil && static.problem == nil {
		run, emulator, canRun = p.run(ctx, program)
	}
	return elf, static, run, emulator, canRun
}

// doesNotCompile explains why a compiler fails at a small program.
func (p *probe) doesNotCompile(err error) finding {
	problem := sdk.Diagnostic{
		Summary: "Compiler does not compile",
		Detail:  fmt.Sprintf("%s fails to compile a small C program.", p.cc),
		Remedy:  "Read what it says; a missing cc1 or as means that the compiler is not completely installed.",
		Excerpt: excerpt(err),
	}
	if what, remedy := p.lacks(err); what != "" {
		problem.Detail, problem.Remedy = problem.Detail+" "+what, remedy
	}
	return fail("elf", "", problem)
}

// header checks the header of something that the compiler made.
func (p *probe) header(name string) finding {
	header, err := elfhead.ReadFile(name)
	if err == nil && header.Matches(p.info.ELF) {
		return ok("elf", header.String())
	}
	problem := sdk.Diagnostic{
		Summary: "Compiler makes programs for another machine",
		Detail: fmt.Sprintf("What %s makes has the header %s, and %s needs %s.",
			p.cc, header, p.info.Arch, wantHeader(p.info.ELF)),
		Remedy: p.anotherCompiler(),
	}
	if err != nil {
		problem.Detail = fmt.Sprintf("What %s makes is no ELF file: %v.", p.cc, err)
	}
	return fail("elf", header.String(), problem)
}

func wantHeader(elf sdk.ELF) string {
	var all []string
	for _, machine := range elf.Machines {
		all = append(all, elfhead.Header{Bits: elf.Bits, BigEndian: elf.BigEndian, Machine: machine, Flags: elf.Flags}.String())
	}
	return strings.Join(all, " or ")
}

func (p *probe) notStatic(err error) finding {
	problem := sdk.Diagnostic{
		Summary: "Compiler does not link statically",
		Detail:  fmt.Sprintf("%s fails to link a small program with -static.", p.cc),
		Remedy:  "Read what the linker says, and check the `ldflags` of the toolchain block.",
		Excerpt: excerpt(err),
	}
	var failed *commandError
	if errors.As(err, &failed) && strings.Contains(failed.output, "-lc") {
		problem.Detail = fmt.Sprintf("%s finds no static C library, libc.a.", p.cc)
		problem.Remedy = p.install(p.libcPackage(), "the static C library (libc.a)")
	}
	return fail("static_link", "fails", problem)
}

// run runs the test program, on this machine if it is of the architecture,
// else under the first emulator that is there. An emulator that the plugin
// itself named comes before both.
func (p *probe) run(ctx context.Context, program string) (finding, []string, bool) {
	var emulator []string
	how := "natively"
	switch {
	case len(p.emulator) > 0:
		emulator, how = p.emulator, "under "+filepath.Base(p.emulator[0])
	case !p.native():
		for _, name := range p.info.Emulators {
			if path, err := exec.LookPath(name); err == nil {
				emulator, how = []string{path}, "under "+name
				break
			}
		}
		if emulator == nil {
			return p.notRun(), nil, false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	command := append(slices.Clone(emulator), program, "hello")
	out, err := p.output(ctx, command[0], command[1:]...)
	if err == nil && strings.TrimSpace(out) == greeting {
		return ok("static_run", "runs "+how), emulator, true
	}
	if p.flags.cpu != "" && killedBy(err, syscall.SIGILL) {
		return finding{fact: sdk.Fact{Name: "static_run", Value: "uses instructions that are missing here", Status: sdk.Skipped,
			Remedy: fmt.Sprintf("Nothing is wrong if %s differs from the processor of this machine or emulator.", p.flags.cpu)}}, emulator, false
	}
	problem := sdk.Diagnostic{
		Summary: "Static programs of this compiler crash",
		Detail:  fmt.Sprintf("A small static program does not run %s: %v.", how, cause(err)),
		Remedy:  "Check the C library and the linker of the compiler, and its `ldflags`; an old emulator may be at fault too.",
	}
	if err != nil {
		problem.Excerpt = excerpt(err)
	} else {
		problem.Excerpt = said(command, out)
	}
	return fail("static_run", "crashes "+how, problem), emulator, false
}

func (p *probe) notRun() finding {
	fact := sdk.Fact{Name: "static_run", Value: "nothing here runs programs for " + p.info.Arch, Status: sdk.Skipped}
	switch {
	case len(p.info.Emulators) == 0:
		fact.Remedy = "Try what was built on a machine of the architecture."
	case len(p.info.Packages) == 0:
		fact.Remedy = fmt.Sprintf("Put the vendor's %s on PATH to have what was built tried out.", strings.Join(p.info.Emulators, " or "))
	default:
		fact.Remedy = "Install qemu-user-static to have what was built tried out."
	}
	return finding{fact: fact}
}

// native says whether this machine is of the architecture.
func (p *probe) native() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	return slices.Contains(p.info.HostMachines, unix.ByteSliceToString(name.Machine[:]))
}

// killedBy says whether a program ended by a signal, or under an emulator
// that passes the signal on.
func killedBy(err error, sig syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && (status.Signaled() && status.Signal() == sig || status.ExitStatus() == 128+int(sig))
}

// cause returns the innermost sentence of a failed command.
func cause(err error) error {
	var failed *commandError
	if errors.As(err, &failed) {
		return failed.err
	}
	if err == nil {
		return errors.New("it prints something else than it should")
	}
	return err
}

// diskProblem is the diagnostic of a file that can't be written.
func diskProblem(err error) sdk.Diagnostic {
	d := sdk.Diagnostic{
		Summary: "Work folder can't be written",
		Detail:  fmt.Sprintf("Writing failed: %v.", err),
		Remedy:  "Check the space and the permissions of the store's file system.",
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		d.Summary = "No space left"
		d.Remedy = "Free some space on the store's file system, or name another with --store."
	}
	return d
}
