package rootfs

import (
	"context"
	"slices"

	"github.com/mkmini/mkmini/plugins/compression"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// format is one value of the attribute format.
type format struct {
	name string
	// takes are the attributes that it has beside format.
	takes []string
	// export writes the artifact, and returns warnings.
	export func(ctx context.Context, req sdk.ExportRequest, name string, opts options) (sdk.Diagnostics, error)
	// commands use the artifact. Name is the system's.
	commands func(name string, img sdk.Image) []string
}

// formats are all of them, in the order in which people are told.
var formats = []format{
	tarFormat("tar", compression.None),
	tarFormat("tar.gz", compression.Gzip),
	tarFormat("tar.xz", compression.XZ),
	tarFormat("tar.zst", compression.Zstd),
	cpioFormat("cpio", compression.None),
	cpioFormat("cpio.gz", compression.Gzip),
	cpioFormat("cpio.xz", compression.XZ),
	cpioFormat("cpio.zst", compression.Zstd),
	{name: "dir", export: exportDir, commands: enterFolder},
	{name: "zip", export: exportZip, commands: listZip},
	{name: "squashfs", takes: []string{"compression"}, export: exportSquashfs, commands: listSquashfs},
	{name: "erofs", export: exportErofs, commands: listErofs},
	{name: "ext4", takes: []string{"size"}, export: exportExt4, commands: bootExt4},
	{name: "disk", takes: []string{"size"}, export: exportDisk, commands: bootDisk("raw")},
	{name: "qcow2", takes: []string{"size"}, export: exportQcow2, commands: bootDisk("qcow2")},
}

// names returns the names of all formats.
func names() []string {
	list := make([]string, len(formats))
	for i, f := range formats {
		list[i] = f.name
	}
	return list
}

// find returns the format of a name.
func find(name string) (format, bool) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, false
	}
	return formats[i], true
}

func tarFormat(name string, c compression.Format) format {
	return format{
		name: name,
		export: func(ctx context.Context, req sdk.ExportRequest, name string, _ options) (sdk.Diagnostics, error) {
			return nil, exportTar(ctx, req, name, c)
		},
		commands: importTar,
	}
}

func cpioFormat(name string, c compression.Format) format {
	return format{
		name: name,
		export: func(ctx context.Context, req sdk.ExportRequest, name string, _ options) (sdk.Diagnostics, error) {
			return exportCpio(ctx, req, name, c)
		},
		commands: func(_ string, img sdk.Image) []string { return bootInitramfs(img.Boot, c) },
	}
}
