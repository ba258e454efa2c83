package rootfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/linkage"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// maxProblems is how many problems are told of at once.
const maxProblems = 10

// searchPath is where env finds programs, as images have it in PATH.
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// verify looks whether all that may be executed can be started: it is for the
// machine that busybox is for, its interpreter is there, and the libraries it
// names are where the loader looks. It spares people the kernel's "no such
// file or directory" about a file that is there. What can't be known, such as
// libraries that a program opens while it runs, isn't looked for.
func verify(ctx context.Context, t *tree, machine sdk.ELF, unchecked []string) error {
	dropInit(t)
	v := &verifier{view: newView(t), machine: machine}
	if f, err := v.view.Open("/bin/busybox"); err == nil {
		v.busybox, _ = linkage.Read(f) // nil if busybox isn't there, or a script
		f.Close()
	}
	var problems []error
	for _, name := range executables(t, unchecked) {
		n := t.get(name)
		if err := v.check("/"+name, n); err != nil {
			problems = append(problems, unstartable(n, err))
		}
		if ctx.Err() != nil || len(problems) == maxProblems {
			break
		}
	}
	return cmp.Or(ctx.Err(), errors.Join(problems...))
}

// executables returns the first names of all files to be checked, sorted. They
// are few among many, so that the others' names aren't even put together.
func executables(t *tree, unchecked []string) (list []string) {
	shared := make(map[*node]int)
	t.root.visit("", func(folder, base string, n *node) {
		if n.kind != File || n.mode&0o111 == 0 || n.unchecked || isBelow("/"+folder+base, unchecked) {
			return
		}
		name := folder + base
		if !n.shared {
			list = append(list, name)
		} else if i, seen := shared[n]; !seen {
			shared[n] = len(list)
			list = append(list, name)
		} else {
			list[i] = min(list[i], name)
		}
	})
	slices.Sort(list)
	return list
}

// dropInit takes the layout's own /init away from a system without the shell
// that it is written for.
func dropInit(t *tree) {
	if n := t.get("init"); n != nil && n.from.what == layoutName {
		if _, err := newView(t).Open("/bin/sh"); err != nil {
			delete(t.root.names(), "init")
		}
	}
}

func isBelow(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	})
}

// unstartable is the error of a program that couldn't be started.
func unstartable(n *node, err error) error {
	return &fault.Error{
		Step:    "rootfs",
		Summary: "A program that can't be started",
		Detail:  sentence(err.Error()),
		Remedy: "Put what is missing into the root file system: a `program` block brings a program's libraries along. " +
			"If it is there for other reasons than to be started, name its folder in the rootfs block's unchecked.",
		Range: n.from.block,
		Usage: true,
		Err:   err,
	}
}

// verifier checks programs.
type verifier struct {
	view *view
	// busybox says what machine the system is for; nil if it is unknown.
	busybox *linkage.Binary
	// machine is what the system is for, if it is known.
	machine sdk.ELF
}

// check looks at one file that may be executed.
func (v *verifier) check(name string, n *node) error {
	f, err := n.contentAt(name[1:]).open()
	if err != nil {
		return plain(err)
	}
	defer f.Close()
	if script, ok := linkage.ReadScript(f); ok {
		return v.script(name, script)
	}
	program, err := linkage.Read(f)
	switch {
	case errors.Is(err, linkage.ErrNotELF):
		return nil
	case err != nil:
		return fmt.Errorf("%s of %s: %w", name, n.from.what, err)
	case v.busybox != nil && !program.SameMachine(v.busybox):
		return fmt.Errorf("%s of %s is for another machine (%s) than busybox (%s)", name, n.from.what, program, v.busybox)
	case len(v.machine.Machines) > 0 && !program.Fits(v.machine.Bits, v.machine.BigEndian, v.machine.Machines):
		return fmt.Errorf("%s of %s is for another machine (%s) than the system", name, n.from.what, program)
	}
	return linkage.Check(v.view, name)
}

// script checks that a script's interpreter is there.
func (v *verifier) script(name string, script linkage.Script) error {
	if !path.IsAbs(script.Interpreter) {
		return nil // it depends on the folder that it is started in
	}
	if !v.view.has(script.Interpreter) {
		return fmt.Errorf("the script %s begins with #!%s, and there is no such file", name, script.Interpreter)
	}
	if script.Program == "" || path.IsAbs(script.Program) && v.view.has(script.Program) {
		return nil
	}
	for _, dir := range searchPath {
		if v.view.has(path.Join(dir, script.Program)) {
			return nil
		}
	}
	return fmt.Errorf("the script %s has %s look for %s, which is in none of %s",
		name, script.Interpreter, script.Program, strings.Join(searchPath, ", "))
}

// view is a tree as programs in it see it.
type view struct{ t *tree }

var _ linkage.System = (*view)(nil)

func newView(t *tree) *view { return &view{t: t} }

// Open opens a file of the tree.
func (v *view) Open(name string) (linkage.File, error) {
	at, err := v.t.resolve(strings.TrimPrefix(name, "/"), true)
	if err != nil {
		return nil, err
	}
	n := v.t.get(at)
	if n == nil || n.kind != File {
		return nil, fs.ErrNotExist
	}
	return n.contentAt(at).open()
}

// has says whether there is a file.
func (v *view) has(name string) bool {
	at, err := v.t.resolve(strings.TrimPrefix(name, "/"), true)
	if err != nil {
		return false
	}
	n := v.t.get(at)
	return n != nil && n.kind == File
}

// List returns the names in a folder of the tree.
func (v *view) List(name string) []string {
	at, err := v.t.resolve(strings.TrimPrefix(name, "/"), true)
	if err != nil {
		return nil
	}
	n := &v.t.root
	if at != "" {
		n = v.t.get(at)
	}
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.names()))
}
