package rootfs

import (
	"archive/tar"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// odd are entries that some formats have no place for, with those that refuse
// them. A dir is of the file system of the machine.
var odd = []struct {
	name    string
	header  tar.Header
	refused string
}{
	{"a time before 1970", tar.Header{Typeflag: tar.TypeReg, ModTime: time.Unix(-5, 0)}, "cpio squashfs zip"},
	{"a time before 1980", tar.Header{Typeflag: tar.TypeReg, ModTime: time.Unix(5, 0)}, "zip"},
	{"a time after 2038", tar.Header{Typeflag: tar.TypeReg, ModTime: time.Unix(1<<31, 0)}, "zip"},
	{"a time after 2106", tar.Header{Typeflag: tar.TypeReg, ModTime: time.Unix(1<<32, 0)}, "cpio squashfs zip"},
	{"a time after 2446", tar.Header{Typeflag: tar.TypeReg, ModTime: time.Unix(1<<34, 0)}, "cpio squashfs zip ext4"},
	{"a large major number", tar.Header{Typeflag: tar.TypeChar, Devmajor: 1 << 12}, "cpio squashfs zip erofs ext4 dir"},
	{"a large minor number", tar.Header{Typeflag: tar.TypeBlock, Devminor: 1 << 20}, "cpio squashfs zip erofs ext4 dir"},
	{"a long target", tar.Header{Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: strings.Repeat("t", 4096)}, "squashfs erofs ext4"},
	{"the mark of cpio's end", tar.Header{Name: "TRAILER!!!", Typeflag: tar.TypeReg}, "cpio"},
	{"a file for e2fsck", tar.Header{Name: "lost+found", Typeflag: tar.TypeReg}, "ext4"},
	{"a name of 256 bytes", tar.Header{Name: strings.Repeat("n", 256), Typeflag: tar.TypeReg}, "squashfs erofs ext4"},
	{"the largest owner", tar.Header{Typeflag: tar.TypeReg, Uid: 1<<32 - 2, Gid: 1<<32 - 2}, ""},
	{"an owner that is none", tar.Header{Typeflag: tar.TypeReg, Uid: 1<<32 - 1}, ""},
}

// TestOddEntries holds each format to refusing what it has no place for, by
// name, and to taking the rest: what was written is read back by the exporter.
func TestOddEntries(t *testing.T) {
	for _, format := range []string{"tar", "cpio", "zip", "squashfs", "erofs", "ext4", "dir"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			for _, o := range odd {
				h := o.header
				if h.Name == "" {
					h.Name = "odd one"
				}
				if h.ModTime.IsZero() {
					h.ModTime = layertest.Epoch
				}
				img := layertest.RandomImage(t, []tar.Header{h})
				_, err := New().Export(t.Context(), layertest.Request(t, []sdk.Image{img}, map[string]any{"format": format}), layertest.Progress(t))
				refused := strings.Contains(o.refused, format)
				switch {
				case err != nil && !layertest.NamesEntry(err, []tar.Header{h}):
					t.Errorf("%s: the error names no entry: %v", o.name, err)
				case err == nil && refused:
					t.Errorf("%s is taken", o.name)
				case err != nil && !refused && format != "dir":
					t.Errorf("%s: %v", o.name, err)
				}
			}
		})
	}
}
