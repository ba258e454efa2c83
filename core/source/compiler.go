package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mkmini/mkmini/core/fault"
)

// Tree says how an archive of any layout is unpacked. The zero value unpacks
// all of it as it is.
type Tree struct {
	// Limits bounds what comes out; zero fields are 2 million entries and 16
	// GiB, as compilers are large.
	Limits Limits
	// Strip is how many leading folders are left out of names; what is not
	// below so many is not unpacked.
	Strip int
	// Progress is told how many bytes of the archive were read, out of how
	// many; it may be nil.
	Progress func(done, total int64)
}

func (o Tree) withDefaults() Tree {
	if o.Limits.Entries == 0 {
		o.Limits.Entries = 2_000_000
	}
	if o.Limits.Bytes == 0 {
		o.Limits.Bytes = 16 << 30
	}
	return o
}

// UnpackTree is Unpack for archives of any layout, such as vendors' compilers
// come in. Links, symbolic and hard, and modes are kept. What a compiler does
// without is left out: devices, and links to absolute paths, which would read
// the files of this machine. Names and relative links that leave the archive
// are refused.
func UnpackTree(ctx context.Context, archive, dst string, o Tree) (LeftOut, error) {
	o = o.withDefaults()
	left, err := into(dst, rules{limits: o.Limits, strip: o.Strip}, func(t *tree) error {
		return extractFile(ctx, archive, t, o.Progress)
	})
	return left, unpackFault(ctx, archive, dst, err)
}

// UnpackTar is UnpackTree for a tar archive that comes from a reader, which is
// read to its end. The name is for messages. Progress has no effect.
func UnpackTar(ctx context.Context, in io.Reader, name, dst string, o Tree) (LeftOut, error) {
	o = o.withDefaults()
	left, err := into(dst, rules{limits: o.Limits, strip: o.Strip}, func(t *tree) error {
		return extractTar(ctx, in, nil, t)
	})
	return left, unpackFault(ctx, name, dst, err)
}

// Layer is one layer of a container image: a tar archive, compressed or not.
type Layer struct {
	// Path is the path of the file.
	Path string
	// DiffID is the "sha256:…" of the archive when it is not compressed.
	DiffID string
}

// UnpackLayers puts the layers of an image on top of each other in the folder
// dst, which must not exist or be empty. A layer's whiteouts remove what is
// below it. Links are followed as the image's own system would, and absolute
// ones become relative, so that they lead to the same files in dst. Devices
// are left out. The content of each layer is checked. Strip has no effect.
func UnpackLayers(ctx context.Context, layers []Layer, dst string, o Tree) (LeftOut, error) {
	o = o.withDefaults()
	var current string
	left, err := into(dst, rules{limits: o.Limits, layers: true}, func(t *tree) error {
		for _, l := range layers {
			t.layer++
			current = l.Path
			if err := t.unpackLayer(ctx, l, o.Progress); err != nil {
				return err
			}
		}
		return nil
	})
	return left, unpackFault(ctx, current, dst, err)
}

// unpackLayer unpacks one layer and checks that it is what it has to be.
func (t *tree) unpackLayer(ctx context.Context, l Layer, seen func(done, total int64)) error {
	in, err := openRegular(l.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	head := make([]byte, 262)
	n, err := io.ReadFull(in, head)
	if n == 0 {
		return fmt.Errorf("read the layer: %w", err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the layer: %w", err)
	}
	// What isn't compressed in a way that is known is a plain tar: an empty
	// one has no mark of it.
	format, _ := decompressor(head[:n])
	counted, err := count(in, seen)
	if err != nil {
		return err
	}
	h := sha256.New()
	t.tee = h
	if err := extractTar(ctx, counted, format, t); err != nil {
		return err
	}
	if sum := "sha256:" + hex.EncodeToString(h.Sum(nil)); sum != l.DiffID {
		return fmt.Errorf("its content has the %s and not the %s that the image's configuration names", sum, l.DiffID)
	}
	return nil
}

// Hash returns the sha256 of a regular file in hexadecimal.
func Hash(ctx context.Context, path string) (string, error) {
	sum, err := hashFile(ctx, path)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case os.IsNotExist(err):
		return "", &fault.Error{
			Step: "read " + filepath.Base(path), Summary: "File not found", Detail: fmt.Sprintf("There is no file %s.", path),
			Remedy: "Correct the path.", Usage: true, Err: err,
		}
	case err != nil:
		return "", &fault.Error{
			Step: "read " + filepath.Base(path), Summary: "File not usable", Detail: fmt.Sprintf("The file %s cannot be read: %v.", path, err),
			Remedy: "Correct the path.", Usage: true, Err: err,
		}
	}
	return sum, nil
}
