package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/plugins/cancel"
)

// maxWindow is the most memory that decompressing may take, in bytes. Ours
// takes a fraction of it.
const maxWindow = 128 << 20

// reader reads a bundle into a folder for what isn't installed yet.
type reader struct {
	// in is the tar archive, and tr reads it.
	in     io.Reader
	tr     *tar.Reader
	host   string
	limits Limits
	// work is the folder. Below it names are those of the bundle, but for
	// compilers, which are folders by their keys.
	work string
	// has says that the store has an entry already.
	has func(ctx context.Context, f File) (bool, error)
	// room is asked whether so many bytes can be written.
	room func(need int64) error

	manifest Manifest
	// staged are the entries that are in work.
	staged map[string]bool
	// lock is the lock's text.
	lock []byte
}

// decompress returns a bundle's tar archive. Reads of it fail with *badError
// if the bundle is at fault.
func decompress(r io.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return &blaming{z}, z.Close, nil
}

// blaming says of all failures to read that they are the bundle's.
type blaming struct{ r io.Reader }

func (b *blaming) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, zstd.ErrMagicMismatch):
		return n, damaged("it is no bundle: %w", err)
	}
	return n, damaged("it is damaged or not all there: %w", err)
}

// next returns the header of the next entry, which must be a plain file of
// that name and size; a size of -1 allows any up to the limit of manifests.
func (r *reader) next(name string, size int64) (*tar.Header, error) {
	h, err := r.tr.Next()
	var bad *badError
	switch {
	case errors.As(err, &bad):
		return nil, err
	case err == io.EOF && name == manifestName:
		return nil, damaged("it is no bundle: it is empty")
	case err == io.EOF:
		return nil, damaged("it ends before %s", name)
	case err != nil && name == manifestName:
		return nil, damaged("it is no bundle: %w", err)
	case err != nil:
		return nil, damaged("it is damaged at %s: %w", name, err)
	case h.Name != name && name == manifestName:
		return nil, damaged("it is no bundle: it begins with %q", h.Name)
	case h.Name != name || h.Typeflag != tar.TypeReg || size >= 0 && h.Size != size:
		return nil, damaged("it has %q where its manifest has %s", h.Name, name)
	case size < 0 && h.Size > r.limits.Manifest:
		return nil, damaged("its manifest has %d bytes", h.Size)
	}
	return h, nil
}

// read reads all of a bundle.
func (r *reader) read(ctx context.Context) error {
	r.tr = tar.NewReader(r.in)
	if _, err := r.next(manifestName, -1); err != nil {
		return err
	}
	data, err := r.all()
	if err != nil {
		return err
	}
	if r.manifest, err = parse(data, r.host, r.limits); err != nil {
		return err
	}
	missing, err := r.missing(ctx)
	if err != nil {
		return err
	}
	r.staged = map[string]bool{}
	for _, f := range r.manifest.Files {
		if _, err := r.next(f.Name, f.Size); err != nil {
			return err
		}
		if err := r.entry(ctx, f, missing[f.Name]); err != nil {
			return err
		}
	}
	return r.end()
}

// missing returns the entries that the store doesn't have, for which there
// must be room.
func (r *reader) missing(ctx context.Context) (map[string]bool, error) {
	missing := map[string]bool{}
	var need int64
	for _, f := range r.manifest.Files {
		has, err := r.has(ctx, f)
		if err != nil {
			return nil, err
		}
		if !has {
			missing[f.Name] = true
			need += f.Size
		}
	}
	return missing, r.room(need)
}

// all returns what is left of a small entry.
func (r *reader) all() ([]byte, error) {
	data, err := io.ReadAll(r.tr)
	return data, r.blame(err)
}

// blame makes a failure to read an entry the bundle's.
func (r *reader) blame(err error) error {
	var bad *badError
	if err == nil || errors.As(err, &bad) || isDisk(err) {
		return err
	}
	return damaged("it is damaged or not all there: %w", err)
}

// entry reads an entry, into work if it is wanted, and checks it.
func (r *reader) entry(ctx context.Context, f File, wanted bool) error {
	h := newCounter()
	in := io.TeeReader(cancel.Reader(ctx, r.tr), h)
	dir, _ := f.place()
	var err error
	switch {
	case dir == "":
		if f.Size > r.limits.Manifest {
			return damaged("%s has %d bytes", f.Name, f.Size)
		}
		r.lock, err = io.ReadAll(in)
	case !wanted:
		_, err = io.Copy(io.Discard, in)
	case dir == stepDir:
		err = r.tree(ctx, f, in)
	default:
		err = r.file(f, in)
	}
	if err = r.blame(err); err != nil {
		return err
	}
	if h.sum() != f.SHA256 {
		return damaged("%s has the sha256 %s, and its manifest says %s", f.Name, h.sum(), f.SHA256)
	}
	r.staged[f.Name] = wanted
	return nil
}

// file writes an entry to a file in work.
func (r *reader) file(f File, in io.Reader) error {
	path := filepath.Join(r.work, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if dir, _ := f.place(); dir == pluginDir {
		mode = 0o755
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Sync(), out.Close())
}

// tree unpacks a compiler into work. Nothing of it is left out.
func (r *reader) tree(ctx context.Context, f File, in io.Reader) error {
	left, err := source.UnpackTar(ctx, in, f.Name, r.treeDir(f), source.Tree{Limits: r.limits.Tree})
	var told *fault.Error
	var bad *badError
	switch {
	case errors.As(err, &bad):
		return bad
	case isDisk(err):
		return err
	case errors.As(err, &told):
		return damaged("the compiler in %s can't be unpacked: %w", f.Name, told.Err)
	case err == nil && left.String() != "":
		return damaged("the compiler in %s has %s", f.Name, left)
	}
	return err
}

// treeDir returns the folder in work of a compiler.
func (r *reader) treeDir(f File) string { return filepath.Join(r.work, stepDir, f.key()) }

// afterEnd is how many bytes may follow the last entry: tar pads with zeros.
const afterEnd = 1 << 20

// end checks that nothing follows, and the checksum of the compressed stream.
func (r *reader) end() error {
	h, err := r.tr.Next()
	if err == nil {
		return damaged("it has %q, which its manifest doesn't name", h.Name)
	}
	if err != io.EOF {
		return r.blame(err)
	}
	n, err := io.CopyN(io.Discard, r.in, afterEnd+1)
	if err == io.EOF {
		return nil
	}
	if n > afterEnd {
		return damaged("it goes on after its end")
	}
	return r.blame(err)
}
