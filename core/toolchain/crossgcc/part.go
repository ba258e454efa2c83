package crossgcc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
)

// layout is part of every key: it changes with how compilers are built.
const layout = "crossgcc 1"

// part is one thing that is made of one source.
type part struct {
	name string
	// input names the source, and after the parts before it that it sees.
	input string
	after []string
	// host says that the machine's own compiler makes it.
	host bool
	// kit says that its source is what the making of gcc left for it.
	kit bool
	// scaffold says that it serves to make later parts, and that one of them
	// takes its place.
	scaffold bool
	// options have a say in what is made.
	options []string
	make    func(ctx context.Context, w *work) error
	key     string
}

// parts are all parts of a compiler, in the order to make them, with keys.
func (j *job) parts() []*part {
	all := j.muslParts()
	if j.build.Libc == glibc {
		all = j.glibcParts()
	}
	for _, p := range all {
		p.key = j.key(p, all)
	}
	return all
}

// muslParts are those of a compiler with musl. The headers of both the kernel
// and the C library need no compiler of the target: with them there, gcc is
// compiled just once.
func (j *job) muslParts() []*part {
	gcc := slices.Concat(j.info.GCCOptions, j.build.GCC.Options)
	return []*part{
		{name: "binutils", input: "binutils", host: true, options: j.build.Binutils.Options, make: makeBinutils},
		{name: "linux headers", input: "linux", options: []string{j.info.KernelArch}, make: makeLinux},
		{name: "musl headers", input: musl, options: []string{j.info.Musl}, make: makeMuslHeaders},
		{name: "gcc", input: "gcc", after: []string{"binutils", "linux headers", "musl headers"}, host: true, options: gcc, make: makeGCC},
		{name: musl, input: musl, after: []string{"binutils", "linux headers", "gcc"}, options: j.build.Musl.Options, make: makeMusl},
	}
}

// glibcParts are those of a compiler with glibc, whose configure script wants
// a compiler even for the headers. The program that compiles needs no C
// library, only its library libgcc does: with what gcc leaves to make that
// later, the long part is done once here as well. The first libgcc is all that
// glibc itself needs; the shared one is linked with glibc.
func (j *job) glibcParts() []*part {
	gcc := slices.Concat(glibcOptions(j.info.GCCOptions), j.build.GCC.Options)
	libc := j.build.Glibc.Options
	before := []string{"binutils", "linux headers", "gcc"}
	return []*part{
		{name: "binutils", input: "binutils", host: true, options: j.build.Binutils.Options, make: makeBinutils},
		{name: "linux headers", input: "linux", options: []string{j.info.KernelArch}, make: makeLinux},
		{name: "gcc", input: "gcc", after: before[:2], host: true, options: gcc, make: makeGCC},
		{name: "glibc headers", input: glibc, after: before, options: libc, scaffold: true, make: makeGlibcHeaders},
		{name: "libgcc for glibc", input: "gcc", after: slices.Concat(before, []string{"glibc headers"}), kit: true, scaffold: true, make: makeLibgcc},
		{name: glibc, input: glibc, after: slices.Concat(before, []string{"libgcc for glibc"}), options: libc, make: makeGlibc},
		{name: "libgcc", input: "gcc", after: slices.Concat(before, []string{glibc}), kit: true, make: makeSharedLibgcc},
	}
}

// key names a part's result by all that has a say in it.
func (j *job) key(p *part, all []*part) string {
	h := sha256.New()
	in := j.inputs[p.input]
	fmt.Fprintf(h, "%s\n%q %q %s %q %q\n", layout, p.name, j.target, in.sha256, in.patches, p.options)
	if p.host {
		fmt.Fprintf(h, "%q\n", j.host.Compiler)
	}
	for _, before := range all {
		if slices.Contains(p.after, before.name) {
			fmt.Fprintln(h, before.key)
		}
	}
	return "part-" + j.info.Arch + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// compiler makes what is not there yet, and returns the folder of the whole.
func (j *job) compiler(ctx context.Context) (string, error) {
	all := j.parts()
	h := sha256.New()
	fmt.Fprintln(h, layout)
	pins := map[string]string{"host": j.host.Compiler}
	for _, p := range all {
		fmt.Fprintln(h, p.key)
		in := j.inputs[p.input]
		pins[p.input] = in.name + " sha256:" + in.sha256
		for i, sum := range in.patches {
			pins[p.input+" "+filepath.Base(in.spec.Patches[i])] = "sha256:" + sum
		}
	}
	key := "compiler-" + j.info.Arch + "-" + hex.EncodeToString(h.Sum(nil)[:16])
	origin := unpacked.Origin{From: "source, for " + j.target, Pins: pins}
	return j.Keeper.Tree(ctx, key, origin, j.waiting, func(ctx context.Context, dst, _ string) (unpacked.Filled, error) {
		var trees []string
		for i, p := range all {
			tree, err := j.part(ctx, p, i, all)
			if err != nil {
				return unpacked.Filled{}, err
			}
			trees = append(trees, tree)
		}
		for i, tree := range trees {
			if all[i].scaffold {
				continue
			}
			if err := merge(tree, dst); err != nil {
				return unpacked.Filled{}, err
			}
		}
		if err := store.RemoveAll(filepath.Join(dst, kitName)); err != nil {
			return unpacked.Filled{}, fmt.Errorf("tidy the compiler: %w", err)
		}
		return unpacked.Filled{Folders: []string{"bin"}}, nil
	})
}

func (j *job) waiting() { j.report("wait", 0, 0, "another mkmini builds the same") }

// part returns the tree of a part once it is there.
func (j *job) part(ctx context.Context, p *part, number int, all []*part) (string, error) {
	in := j.inputs[p.input]
	origin := unpacked.Origin{From: p.name + " of " + in.name}
	return j.Keeper.Tree(ctx, p.key, origin, j.waiting, func(ctx context.Context, dst, dir string) (filled unpacked.Filled, err error) {
		// One part is built at a time, on all processors.
		unlock, err := j.Keeper.Store.Lock(ctx, "crossgcc", func() { j.report("wait", 0, 0, "another compiler is being built") })
		if err != nil {
			return filled, err
		}
		defer unlock()
		start := time.Now()
		w, err := j.work(p, in, dir)
		if err != nil {
			return filled, err
		}
		w.label = fmt.Sprintf("%s, part %d of %d", p.name, number+1, len(all))
		defer func() { err = w.close(err) }()
		for _, before := range all[:number] {
			if slices.Contains(p.after, before.name) {
				if err := merge(j.Keeper.Path(before.key), w.root); err != nil {
					return filled, err
				}
			}
		}
		if err := w.run(ctx); err != nil {
			return filled, err
		}
		if j.Logger != nil {
			j.Logger.Info("built a part of a compiler", "part", p.name, "target", j.target,
				"elapsed", time.Since(start).Round(time.Second), "cpu", w.cpu.Round(time.Second), "log", w.log.name)
		}
		return filled, w.keep(dst)
	})
}
