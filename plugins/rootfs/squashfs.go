package rootfs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// compressions are those of squashfs images.
var compressions = []string{"gzip", "xz", "zstd"}

// contents is what must be known of a layer before it goes to a tool.
type contents struct {
	// inodes counts files, the root with them, but not names.
	inodes uint32
	// latest is the latest time of all.
	latest time.Time
	// xattrs says that there are extended attributes.
	xattrs bool
}

// exportSquashfs has a tool make an image of the layer.
func exportSquashfs(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	with, path, err := findPacker()
	if err != nil {
		return nil, err
	}
	has, err := surveySquashfs(ctx, req)
	if err != nil {
		return nil, err
	}
	method := opts.Compression
	if method == "" {
		method = compressions[0]
	}
	return nil, artifact.MakeFile(req.OutDir, name, func(file *os.File) error {
		cmd, err := with.pack(ctx, path, packing{
			image: file.Name(), compression: method, jobs: max(1, req.Jobs), epoch: req.Epoch, latest: has.latest,
			xattrs: has.xattrs,
		})
		if err != nil {
			return err
		}
		archive, err := os.Open(req.Images[0].Layer)
		if err != nil {
			return err
		}
		defer archive.Close()
		cmd.Stdin = archive
		if err := runTool(ctx, cmd); err != nil {
			return cmp.Or(noRoom(file), err)
		}
		return nil
	}, func(image string) error {
		if err := checkInodes(image, has.inodes); err != nil {
			return err
		}
		return with.check(ctx, image)
	})
}

// noRoom says why a file can't grow, if so: tools may keep that to themselves.
func noRoom(file *os.File) error {
	info, err := file.Stat()
	if err == nil {
		_, err = file.WriteAt(make([]byte, 1<<20), info.Size())
	}
	return err
}

// maxSquashfsName is what Linux finds in a squashfs image: source fs/squashfs.
const maxSquashfsName = 255

// inSquashfs refuses what squashfs can't hold.
func inSquashfs(e layer.Entry) error {
	if base := path.Base(e.Name); len(base) > maxSquashfsName {
		return fmt.Errorf("squashfs can't hold a name of %d bytes, only up to %d", len(base), maxSquashfsName)
	}
	if seconds := e.ModTime.Unix(); seconds < 0 || seconds >= 1<<32 {
		return errors.New("squashfs can't hold a time before 1970 or after 2106")
	}
	for _, x := range e.Xattrs {
		if space, _, _ := strings.Cut(x.Name, "."); space != "user" && space != "trusted" && space != "security" {
			return fmt.Errorf("squashfs can't hold the extended attribute %q: it has user, security and trusted ones", x.Name)
		}
	}
	return nil
}

// surveySquashfs reads the layer once, and refuses what squashfs can't hold.
func surveySquashfs(ctx context.Context, req sdk.ExportRequest) (contents, error) {
	img, has := req.Images[0], contents{inodes: 1, latest: req.Epoch}
	ids := make(map[int]bool)
	err := layer.Walk(ctx, img.Layer, img.Digest, func(e layer.Entry, _ io.Reader) error {
		if ids[e.UID], ids[e.GID] = true, true; len(ids) > 1<<16 {
			return layer.Unfit(e, errors.New("squashfs can't hold more than 65536 owners and groups"))
		}
		if e.Type != layer.Hardlink {
			has.inodes++
		}
		has.xattrs = has.xattrs || len(e.Xattrs) > 0
		if e.ModTime.After(has.latest) {
			has.latest = e.ModTime
		}
		return layer.Unfit(e, inSquashfs(e))
	})
	return has, err
}

// checkInodes compares the number of inodes in the super block.
func checkInodes(path string, want uint32) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [96]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return fmt.Errorf("read the super block: %w", err)
	}
	if got := binary.LittleEndian.Uint32(head[4:]); string(head[:4]) != "hsqs" || got != want {
		return fmt.Errorf("it has %d inodes, not %d", got, want)
	}
	return nil
}
