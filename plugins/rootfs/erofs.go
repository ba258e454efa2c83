package rootfs

import (
	"context"
	"io"

	"github.com/mkmini/mkmini/plugins/erofs"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportErofs writes the layer as an EROFS file system.
func exportErofs(ctx context.Context, req sdk.ExportRequest, name string, _ options) (sdk.Diagnostics, error) {
	img := req.Images[0]
	plan, err := erofs.Survey(func(visit func(e layer.Entry, content io.Reader) error) error {
		return layer.Walk(ctx, img.Layer, img.Digest, visit)
	}, req.Epoch)
	if err != nil {
		return nil, err
	}
	return nil, writeImage(req.OutDir, name, plan.Size(), func(w io.WriterAt) error {
		return plan.Write(w, identity(img, "erofs"))
	})
}
