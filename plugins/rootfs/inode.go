package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mkmini/mkmini/plugins/cpio"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// types are cpio's bits for a layer's types.
var types = map[layer.Type]uint32{
	layer.Directory: cpio.Directory, layer.File: cpio.File, layer.Hardlink: cpio.File, layer.Symlink: cpio.Symlink,
	layer.CharDevice: cpio.CharDevice, layer.BlockDevice: cpio.BlockDevice, layer.Fifo: cpio.Fifo,
}

// converter makes cpio headers of a layer's entries.
type converter struct {
	// links holds how many names a file has beside its first, and first its
	// header, by its first name; only of files that have more names.
	links map[string]uint32
	first map[string]cpio.Header
	last  uint32
	// dev is the type of /dev, empty if there is none, and console says that
	// there is a /dev/console.
	dev     layer.Type
	console bool
	// xattrs names what has extended attributes.
	xattrs []string
}

// walkInitramfs calls visit for each entry of the layer as it is in an
// initramfs, with its content. It reads the layer twice, as a file's number
// of names stands before its content. It names the entries with extended
// attributes, which no header has.
func walkInitramfs(ctx context.Context, img sdk.Image, epoch time.Time, visit func(h cpio.Header, content io.Reader) error) (xattrs []string, err error) {
	c := &converter{links: make(map[string]uint32), first: make(map[string]cpio.Header)}
	err = layer.Walk(ctx, img.Layer, "", func(e layer.Entry, _ io.Reader) error {
		c.survey(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	emit := func(e layer.Entry, content io.Reader) error {
		h, err := c.header(e)
		if err != nil {
			return layer.Unfit(e, err)
		}
		if e.Type == layer.Symlink {
			content = strings.NewReader(e.Target)
		}
		return visit(h, content)
	}
	if err := layer.Walk(ctx, img.Layer, img.Digest, emit); err != nil {
		return nil, err
	}
	for _, e := range c.missing(epoch) {
		if err := emit(e, strings.NewReader("")); err != nil {
			return nil, err
		}
	}
	return c.xattrs, nil
}

// survey notes what must be known of an entry in advance.
func (c *converter) survey(e layer.Entry) {
	if len(e.Xattrs) > 0 {
		c.xattrs = append(c.xattrs, "/"+e.Name)
	}
	switch e.Type {
	case layer.Hardlink:
		c.links[e.Target]++
	}
	switch e.Name {
	case "dev":
		c.dev = e.Type
	case "dev/console":
		c.console = true
	}
}

// missing returns the entries that an initramfs needs and the layer lacks:
// without /dev/console the kernel has nothing to connect /init to, and in an
// archive a device needs nobody's privileges.
func (c *converter) missing(epoch time.Time) []layer.Entry {
	console := layer.Entry{Name: "dev/console", Type: layer.CharDevice, Mode: 0o600, Major: 5, Minor: 1, ModTime: epoch}
	switch {
	case c.console || c.dev != "" && c.dev != layer.Directory:
		return nil
	case c.dev == "":
		return []layer.Entry{{Name: "dev", Type: layer.Directory, Mode: 0o755, ModTime: epoch}, console}
	}
	return []layer.Entry{console}
}

// header returns the next entry's header. A hard link has the number of its
// file, and no content: that is with the first name, which the kernel and all
// known tools take as well as the last.
func (c *converter) header(e layer.Entry) (cpio.Header, error) {
	if err := cpio.CheckName(e.Name); err != nil {
		return cpio.Header{}, fmt.Errorf("cpio can't hold it: %w", err)
	}
	seconds := e.ModTime.Unix()
	if seconds < 0 || seconds >= 1<<32 {
		return cpio.Header{}, errors.New("cpio can't hold a time before 1970 or after 2105")
	}
	size := e.Size
	if e.Type == layer.Symlink {
		size = int64(len(e.Target))
	}
	if size >= 1<<32 {
		return cpio.Header{}, fmt.Errorf("cpio can't hold a file of %d bytes, only up to 4 GiB", size)
	}
	if e.Type == layer.Hardlink {
		h := c.first[e.Target]
		h.Name, h.Size = e.Name, 0
		return h, nil
	}
	c.last++
	h := cpio.Header{
		Name: e.Name, Ino: c.last, Mode: types[e.Type] | e.Mode, UID: uint32(e.UID), GID: uint32(e.GID),
		Links: 1, ModTime: uint32(seconds), Size: uint32(size), Major: e.Major, Minor: e.Minor,
	}
	switch e.Type {
	case layer.Directory:
		h.Links = 2
	case layer.File:
		if more := c.links[e.Name]; more > 0 {
			h.Links += more
			c.first[e.Name] = h
		}
	}
	return h, nil
}
