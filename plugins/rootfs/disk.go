package rootfs

import (
	"context"
	"io"
	"os"

	"github.com/mkmini/mkmini/plugins/artifact"
	"github.com/mkmini/mkmini/plugins/gpt"
	"github.com/mkmini/mkmini/plugins/qcow2"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// exportDisk writes an image of a disk as it is.
func exportDisk(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	size, fill, err := planDisk(ctx, req, opts)
	if err != nil {
		return nil, err
	}
	return nil, writeImage(req.OutDir, name, size, fill)
}

// exportQcow2 writes the same disk in QEMU's format.
func exportQcow2(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error) {
	size, fill, err := planDisk(ctx, req, opts)
	if err != nil {
		return nil, err
	}
	return nil, artifact.MakeFile(req.OutDir, name, func(file *os.File) error {
		w, err := qcow2.NewWriter(file, size)
		if err != nil {
			return err
		}
		if err := fill(w); err != nil {
			return err
		}
		return w.Close()
	}, func(path string) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		r, err := qcow2.NewReader(file)
		if err != nil {
			return err
		}
		return fill(comparer{r})
	})
}

// planDisk returns the size of a disk whose only partition holds the layer as
// an ext4 file system, and what fills it.
func planDisk(ctx context.Context, req sdk.ExportRequest, opts options) (size int64, fill func(w io.WriterAt) error, err error) {
	plan, err := survey(ctx, req)
	if err != nil {
		return 0, nil, err
	}
	const table = gpt.Start + gpt.End
	img := req.Images[0]
	size = opts.bytes
	if size == 0 {
		// Whole MiB, as tools that work on disks have it.
		size = (plan.Size()+1<<20-1)>>20<<20 + table
	}
	if err := plan.Fits(size - table); err != nil {
		return 0, nil, explainSize(err, table)
	}
	parts := gpt.Table{
		Size: size, Name: "root", Type: gpt.RootType(img.Arch),
		Disk: identity(img, "disk"), Partition: identity(img, "partition"),
	}
	return size, func(w io.WriterAt) error {
		if err := parts.Write(w); err != nil {
			return err
		}
		return plan.Write(io.NewOffsetWriter(w, gpt.Start), size-table, identity(img, "ext4"))
	}, nil
}
