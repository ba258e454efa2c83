package rootfs

import (
	"context"
	"io"

	"github.com/mkmini/mkmini/plugins/gpt"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportDisk writes an image of a disk whose only partition holds the layer as
// an ext4 file system.
func exportDisk(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	plan, err := survey(ctx, req)
	if err != nil {
		return nil, err
	}
	const table = gpt.Start + gpt.End
	img, size := req.Images[0], opts.bytes
	if size == 0 {
		// Whole MiB, as tools that work on disks have it.
		size = (plan.Size()+1<<20-1)>>20<<20 + table
	}
	if err := plan.Fits(size - table); err != nil {
		return nil, explainSize(err, table)
	}
	parts := gpt.Table{
		Size: size, Name: "root", Type: gpt.RootType(img.Arch),
		Disk: identity(img, "disk"), Partition: identity(img, "partition"),
	}
	return nil, writeImage(req.OutDir, name, size, func(w io.WriterAt) error {
		if err := parts.Write(w); err != nil {
			return err
		}
		return plan.Write(io.NewOffsetWriter(w, gpt.Start), size-table, identity(img, "ext4"))
	})
}
