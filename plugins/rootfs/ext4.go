package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/ext4"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportExt4 writes the layer as an ext4 file system.
func exportExt4(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	plan, err := survey(ctx, req)
	if err != nil {
		return nil, err
	}
	size := opts.bytes
	if size == 0 {
		size = plan.Size()
	}
	if err := plan.Fits(size); err != nil {
		return nil, explainSize(err, 0)
	}
	return nil, writeImage(req.OutDir, name, size, func(w io.WriterAt) error {
		return plan.Write(w, size, identity(req.Images[0], "ext4"))
	})
}

// survey plans an ext4 file system.
func survey(ctx context.Context, req sdk.ExportRequest) (*ext4.Plan, error) {
	img := req.Images[0]
	return ext4.Survey(func(visit func(e layer.Entry, content io.Reader) error) error {
		return layer.Walk(ctx, img.Layer, img.Digest, visit)
	}, req.Epoch)
}

// identity returns a UUID that depends on the layer alone: version 8 of
// RFC 9562, for what is neither random nor made of the time. Of labels that
// differ come others.
func identity(img sdk.Image, label string) (uuid [16]byte) {
	hash := sha256.Sum256([]byte(label + " " + img.Digest))
	copy(uuid[:], hash[:])
	uuid[6] = uuid[6]&0x0f | 0x80
	uuid[8] = uuid[8]&0x3f | 0x80
	return uuid
}

// explainSize makes a diagnostic of a size that is too small. More is what the
// attribute's size has beyond that of the file system.
func explainSize(err error, more int64) error {
	small, ok := errors.AsType[*ext4.SizeError](err)
	if !ok {
		return err
	}
	return problem("size", "Image too small",
		fmt.Sprintf("The root file system needs %d bytes, more than the %d of the image.", small.Need+more, small.Size+more),
		fmt.Sprintf("Set size to \"%s\" or more, or remove it for an image that is as small as it can be.", showSize(small.Need+more)))
}

// writeImage makes a file of a length by fill, which writes to any place in
// it, in holes for what is zero. It is checked by filling it again, with
// something that compares in place of writing.
func writeImage(dir, name string, length int64, fill func(w io.WriterAt) error) error {
	return artifact.MakeFile(dir, name, func(file *os.File) error {
		if err := file.Truncate(length); err != nil {
			return err
		}
		return fill(sparse{file})
	}, func(path string) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return fill(comparer{file})
	})
}

// sparse leaves out what is zero in a file that is zero.
type sparse struct{ file *os.File }

// page is the least that is left out: what file systems allocate.
const page = 4096

var zeros [page]byte

func (s sparse) WriteAt(p []byte, at int64) (int, error) {
	for done := 0; done < len(p); {
		// Up to the next hole, and over it.
		end := done
		for end < len(p) && !isHole(p[end:], at+int64(end)) {
			end = min(len(p), end+page-int((at+int64(end))%page))
		}
		if n, err := s.file.WriteAt(p[done:end], at+int64(done)); err != nil {
			return done + n, err
		}
		for end < len(p) && isHole(p[end:], at+int64(end)) {
			end += page
		}
		done = end
	}
	return len(p), nil
}

// isHole says that a whole page of zeros begins here.
func isHole(p []byte, at int64) bool {
	return at%page == 0 && len(p) >= page && bytes.Equal(p[:page], zeros[:])
}

// comparer fails where it is to write something else than is there.
type comparer struct{ file io.ReaderAt }

func (c comparer) WriteAt(p []byte, at int64) (int, error) {
	there := make([]byte, len(p))
	if _, err := c.file.ReadAt(there, at); err != nil {
		return 0, err
	}
	if !bytes.Equal(there, p) {
		return 0, fmt.Errorf("the %d bytes from %d on came out as others", len(p), at)
	}
	return len(p), nil
}
