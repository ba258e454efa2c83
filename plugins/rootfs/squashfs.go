package rootfs

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"os"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/cancel"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/squashfs"
)

// compressions are those of squashfs images, the usual one first.
var compressions = squashfs.Compressions()

// exportSquashfs writes the layer as a squashfs image.
func exportSquashfs(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	img := req.Images[0]
	plan, err := squashfs.Survey(func(visit func(e layer.Entry, content io.Reader) error) error {
		return layer.Walk(ctx, img.Layer, "", visit)
	}, req.Epoch)
	if err != nil {
		return nil, err
	}
	var made squashfs.Image
	return nil, artifact.MakeFile(req.OutDir, name, func(file *os.File) error {
		made, err = plan.Write(file, func(visit func(e layer.Entry, content io.Reader) error) error {
			return layer.Walk(ctx, img.Layer, img.Digest, visit)
		}, cmp.Or(opts.Compression, compressions[0]), req.Jobs)
		if err != nil {
			return err
		}
		return file.Truncate(made.Size)
	}, func(path string) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return made.Check(bufio.NewReaderSize(cancel.Reader(ctx, file), 256<<10))
	})
}
