package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/tree"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// Contents are what a bundle is made of.
type Contents struct {
	// Host is the platform that compilers and plugins run on.
	Host string
	// Sources are paths of files that are named by their sha256.
	Sources []string
	// Compilers are by architecture, those that Packable holds for.
	Compilers map[string]toolchain.Probed
	// Choices are places of these compilers, by toolchain, that the user chose
	// as the configuration names none.
	Choices map[string]config.From
	// Plugins are paths of executables.
	Plugins []string
	// Lock is the text of the lock.
	Lock []byte
}

// Packable says whether a bundle can hold a compiler: one that a provider
// brought into the store, from a place that is the same for everybody.
func Packable(st *store.Store, p toolchain.Probed) bool {
	_, portable := toolchain.Portable(p.Block)
	return portable && st.KeyOf(p.Dir) != ""
}

// Progress takes reports of how far it is, in bytes.
type Progress func(phase string, done, total int64)

// Packed is what became of a bundle.
type Packed struct {
	Manifest Manifest
	// Size is the bundle's in bytes, and SHA256 its digest.
	Size   int64
	SHA256 string
}

// Pack writes a bundle to the path out: the same bytes for the same contents.
// It is complete or not there. The error is a [fault.Error], or the end of the
// context.
func Pack(ctx context.Context, st *store.Store, c Contents, out string, progress Progress) (Packed, error) {
	p := &packer{st: st, progress: progress, write: map[string]func(context.Context, io.Writer) error{}}
	p.manifest = Manifest{Version: Version, Host: c.Host, Files: []File{}}
	var size int64
	var sum string
	err := p.collect(ctx, c)
	if err == nil {
		size, sum, err = p.save(ctx, out)
	}
	if ctx.Err() != nil {
		return Packed{}, context.Cause(ctx)
	}
	if err != nil {
		return Packed{}, packFault(out, err)
	}
	return Packed{Manifest: p.manifest, Size: size, SHA256: sum}, nil
}

// epoch is the time of all entries, 1980-01-01.
var epoch = time.Unix(315532800, 0).UTC()

// packer makes one bundle.
type packer struct {
	st       *store.Store
	progress Progress
	manifest Manifest
	// write writes an entry's content, by its name.
	write map[string]func(context.Context, io.Writer) error
	// total and done count bytes of entries.
	total, done int64
}

// collect lists what is in the bundle.
func (p *packer) collect(ctx context.Context, c Contents) error {
	if err := p.add(ctx, lockName, func(_ context.Context, w io.Writer) error {
		_, err := w.Write(c.Lock)
		return err
	}); err != nil {
		return err
	}
	for dir, files := range map[string][]string{pluginDir: c.Plugins, sourceDir: c.Sources} {
		for _, file := range files {
			if err := p.file(ctx, dir, file); err != nil {
				return err
			}
		}
	}
	for _, arch := range slices.Sorted(maps.Keys(c.Compilers)) {
		if err := p.compiler(ctx, arch, c.Compilers[arch]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Choices)) {
		p.manifest.Choices = append(p.manifest.Choices, Choice{Toolchain: name, Block: placeless(c.Choices[name])})
	}
	slices.SortFunc(p.manifest.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// placeless returns a `from` block without where it was written, and without
// the folder of a file: it means nothing on another machine.
func placeless(from config.From) config.From {
	from.Range = fault.Range{}
	if from.Archive != nil && from.Archive.File != "" {
		archive := *from.Archive
		archive.File = filepath.Base(archive.File)
		from.Archive = &archive
	}
	return from
}

func (p *packer) file(ctx context.Context, dir, file string) error {
	return p.add(ctx, path.Join(dir, filepath.Base(file)), func(ctx context.Context, w io.Writer) error {
		in, err := os.Open(file)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, cancel.Reader(ctx, in))
		return errors.Join(err, in.Close())
	})
}

func (p *packer) compiler(ctx context.Context, arch string, c toolchain.Probed) error {
	if !Packable(p.st, c) {
		return fmt.Errorf("the compiler %s isn't one that mkmini brought", c.Compiler.CC)
	}
	dir, err := filepath.Rel(p.st.Path(""), c.Dir)
	if err != nil {
		return err
	}
	block, _ := toolchain.Portable(c.Block)
	p.manifest.Compilers = append(p.manifest.Compilers, toolchain.Kept{Arch: arch, Block: block, Dir: filepath.ToSlash(dir)})
	key := p.st.KeyOf(c.Dir)
	return p.add(ctx, path.Join(stepDir, key+treeSuffix), func(ctx context.Context, w io.Writer) error {
		return tree.Write(ctx, w, p.st.Path(key))
	})
}

// add lists an entry, unless it is there: compilers of several architectures
// may be in one folder.
func (p *packer) add(ctx context.Context, name string, write func(context.Context, io.Writer) error) error {
	if p.write[name] != nil {
		return nil
	}
	p.write[name] = write
	sum := newCounter()
	if err := write(ctx, sum); err != nil {
		return err
	}
	f := File{Name: name, Size: sum.n, SHA256: sum.sum()}
	p.manifest.Files = append(p.manifest.Files, f)
	p.total += f.Size
	p.tell("hash", p.total, 0)
	return nil
}

func (p *packer) tell(phase string, done, total int64) {
	if p.progress != nil {
		p.progress(phase, done, total)
	}
}

// save writes the archive beside its place and renames it.
func (p *packer) save(ctx context.Context, out string) (size int64, sum string, err error) {
	if err := p.manifest.check(Limits{}.withDefaults()); err != nil {
		return 0, "", err
	}
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".")
	if err != nil {
		return 0, "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it is closed already, or of no use
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	c := newCounter()
	if err := p.archive(ctx, io.MultiWriter(f, c)); err != nil {
		return 0, "", err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return 0, "", err
	}
	return c.n, c.sum(), os.Rename(f.Name(), out)
}

// archive writes the manifest and the entries.
func (p *packer) archive(ctx context.Context, w io.Writer) error {
	// One thread, so that the bytes don't depend on how many there are.
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return err
	}
	tw := tar.NewWriter(z)
	err = p.entries(ctx, tw)
	if err == nil {
		err = tw.Close()
	}
	return errors.Join(err, z.Close())
}

func (p *packer) entries(ctx context.Context, tw *tar.Writer) error {
	manifest, err := p.manifest.encode()
	if err != nil {
		return err
	}
	header := func(name string, size int64) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: epoch}
	}
	if err := tw.WriteHeader(header(manifestName, int64(len(manifest)))); err != nil {
		return err
	}
	if _, err := io.Copy(tw, bytes.NewReader(manifest)); err != nil {
		return err
	}
	for _, f := range p.manifest.Files {
		if err := tw.WriteHeader(header(f.Name, f.Size)); err != nil {
			return err
		}
		sum := newCounter()
		err := p.write[f.Name](ctx, io.MultiWriter(tw, sum, writer(func(n int) {
			p.done += int64(n)
			p.tell("write", p.done, p.total)
		})))
		if err == nil && sum.sum() != f.SHA256 || errors.Is(err, tar.ErrWriteTooLong) {
			return fmt.Errorf("what %s is made of changed meanwhile", f.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writer is told how many bytes are written.
type writer func(n int)

func (w writer) Write(p []byte) (int, error) {
	w(len(p))
	return len(p), nil
}
