package crossgcc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// Host is what a build finds on the machine.
type Host struct {
	// Compiler identifies the machine's own compiler.
	Compiler string
	// Libraries are the paths of the static libraries that gcc calculates
	// with; empty if there are only shared ones.
	Libraries []string
}

// machine returns the triplet of the machine's own compiler.
func (h Host) machine() string {
	triplet, _, _ := strings.Cut(h.Compiler, " ")
	return triplet
}

// missing is what a machine lacks for a build.
type missing struct{ what, packages []string }

func (m *missing) add(what, pkg string) {
	m.what = append(m.what, what)
	if !slices.Contains(m.packages, pkg) {
		m.packages = append(m.packages, pkg)
	}
}

func (m *missing) err() error {
	if len(m.what) == 0 {
		return nil
	}
	return &fault.Error{
		Summary: "Tools to build a compiler are missing",
		Detail:  fmt.Sprintf("To build a compiler, this machine lacks %s: the Debian packages are %s.", strings.Join(m.what, ", "), strings.Join(m.packages, " ")),
		Remedy:  distro.Here().Install("them", m.packages...) + " Then run again.",
	}
}

// The programs of every build, and the libraries that gcc calculates with, by
// the Debian packages that have them.
var (
	programs  = [][2]string{{"gcc", "gcc"}, {"g++", "g++"}, {"make", "make"}}
	libraries = [][2]string{{"gmp", "libgmp-dev"}, {"mpfr", "libmpfr-dev"}, {"mpc", "libmpc-dev"}}
)

// glibcPrograms are those that glibc's configure script insists on as well.
var glibcPrograms = [][2]string{{"gawk", "gawk"}, {"bison", "bison"}, {"python3", "python3"}}

// Examine looks for what a build needs of the machine, and works in the folder
// dir. Its error names the packages to install.
func Examine(ctx context.Context, dir string) (Host, error) {
	var lack missing
	for _, p := range programs {
		if _, err := exec.LookPath(p[0]); err != nil {
			lack.add(p[0], p[1])
		}
	}
	if err := lack.err(); err != nil {
		return Host{}, err
	}
	version, err := said(ctx, dir, "g++", "--version")
	if err != nil {
		return Host{}, err
	}
	machine, err := said(ctx, dir, "g++", "-dumpmachine")
	if err != nil {
		return Host{}, err
	}
	first, _, _ := strings.Cut(version, "\n")
	h := Host{Compiler: machine + " " + first}
	for _, l := range libraries {
		source := filepath.Join(dir, l[0]+".cc")
		// mpfr.h and mpc.h include what they build upon.
		text := fmt.Sprintf("#include <%s.h>\nint main() { return 0; }\n", l[0])
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			return Host{}, fmt.Errorf("look for %s: %w", l[0], err)
		}
		if _, err := said(ctx, dir, "g++", "-o", filepath.Join(dir, "a.out"), source, "-l"+l[0]); err != nil {
			lack.add("lib"+l[0]+" with its headers", l[1])
			continue
		}
		static, err := said(ctx, dir, "g++", "-print-file-name=lib"+l[0]+".a")
		if err == nil && filepath.IsAbs(static) {
			h.Libraries = append(h.Libraries, static)
		}
	}
	if len(h.Libraries) < len(libraries) {
		h.Libraries = nil
	}
	if ctx.Err() != nil {
		return Host{}, context.Cause(ctx)
	}
	return h, lack.err()
}

// said returns what a program prints.
func said(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := sdk.Command(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, environment(dir, "")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := sdk.Run(cmd); err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// examine looks at the machine. What is only needed to compile is looked for
// all the same: it is better known at once than in ten minutes.
func (j *job) examine(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mkmini")
	if err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	defer os.RemoveAll(dir)
	look := j.Examine
	if look == nil {
		look = Examine
	}
	if j.host, err = look(ctx, dir); err != nil {
		return err
	}
	var lack missing
	b := j.build
	var more [][2]string
	if len(slices.Concat(b.Binutils.Patches, b.GCC.Patches, b.Linux.Patches, b.Musl.Patches, b.Glibc.Patches)) > 0 {
		more = append(more, [2]string{"patch", "patch"})
	}
	if b.Libc == glibc {
		more = append(more, glibcPrograms...)
	}
	for _, p := range more {
		if _, err := exec.LookPath(p[0]); err != nil {
			lack.add(p[0], p[1])
		}
	}
	return lack.err()
}
