package rootfs

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/gpt"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// export exports the first of layertest.Images with attributes.
func export(t *testing.T, attributes map[string]any) (string, error) {
	t.Helper()
	req := layertest.Request(t, layertest.Images(t)[:1], attributes)
	result, err := New().Export(t.Context(), req, layertest.Progress(t))
	if err != nil {
		left, _ := os.ReadDir(req.OutDir)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		return "", err
	}
	return filepath.Join(req.OutDir, result.Artifacts[0].Path), nil
}

// listing is what unsquashfs must print.
func listing(t *testing.T) (lines []string) {
	bits := map[byte]string{tar.TypeDir: "d", tar.TypeReg: "-", tar.TypeLink: "-", tar.TypeSymlink: "l", tar.TypeChar: "c", tar.TypeBlock: "b"}
	sizes := make(map[string]int64)
	for _, h := range layertest.Headers() {
		sizes[h.Name] = h.Size
		size := fmt.Sprint(max(h.Size, sizes[h.Linkname]))
		switch h.Typeflag {
		case tar.TypeSymlink:
			size = fmt.Sprint(len(h.Linkname))
		case tar.TypeChar, tar.TypeBlock:
			size = fmt.Sprintf("%d, %d", h.Devmajor, h.Devminor)
		case tar.TypeDir:
			size = "DIR"
		}
		mode := strings.TrimPrefix(fileMode(uint32(h.Mode)).Perm().String(), "-")
		for bit, at := range map[int64]int{0o4000: 2, 0o2000: 5, 0o1000: 8} {
			if h.Mode&bit != 0 {
				letter := map[bool]string{true: "s", false: "S"}[mode[at] == 'x']
				if bit == 0o1000 {
					letter = "t"
				}
				mode = mode[:at] + letter + mode[at+1:]
			}
		}
		line := fmt.Sprintf("%s%s %d/%d %s 1980-01-01 00:00 /%s", bits[h.Typeflag], mode, h.Uid, h.Gid, size, strings.TrimSuffix(h.Name, "/"))
		if h.Typeflag == tar.TypeSymlink {
			line += " -> " + h.Linkname
		}
		lines = append(lines, line)
	}
	return lines
}

func TestUnsquashfsReads(t *testing.T) {
	unsquashfs := layertest.Tool(t, "unsquashfs", "squashfs-tools")
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			path, err := export(t, map[string]any{"format": "squashfs", "compression": compression})
			if err != nil {
				t.Fatal(err)
			}
			unsquashfsReads(t, unsquashfs, path, compression)
		})
	}
}

// unsquashfsReads has squashfs-tools read an image.
func unsquashfsReads(t *testing.T, unsquashfs, path, compression string) {
	t.Helper()
	if got := layertest.Run(t, nil, unsquashfs, "-s", path); !strings.Contains(got, "Compression "+compression+"\n") ||
		!strings.Contains(got, "Tue Jan  1 00:00:00 1980\n") {
		t.Errorf("its super block is another:\n%s", got)
	}
	var got []string
	lines := strings.Split(strings.TrimSpace(layertest.Run(t, nil, unsquashfs, "-d", "", "-lln", path)), "\n")
	for _, line := range lines {
		line = strings.Join(strings.Fields(line), " ")
		if words := strings.SplitN(line, " ", 4); words[0][0] == 'd' {
			line = words[0] + " " + words[1] + " DIR " + words[3]
		}
		got = append(got, line)
	}
	want := append([]string{"drwxr-xr-x 0/0 DIR 1980-01-01 00:00"}, listing(t)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	dir := layertest.Folder(t)
	layertest.Run(t, nil, unsquashfs, "-quiet", "-no-progress", "-d", filepath.Join(dir, "root"), path, "bin", "srv", "empty")
	sameLinks(t, filepath.Join(dir, "root/bin/ash"), filepath.Join(dir, "root/bin/busybox"))
	sameContent(t, filepath.Join(dir, "root/bin/ash"))
}

// sameLinks checks that two names are of one file.
func sameLinks(t *testing.T, a, b string) {
	t.Helper()
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	if err := errors.Join(errA, errB); err != nil || !os.SameFile(first, second) {
		t.Errorf("%s is no link to %s: %v", b, a, err)
	}
}

// sameContent checks the content of the largest file.
func sameContent(t *testing.T, path string) {
	t.Helper()
	archive := tar.NewReader(bytes.NewReader(layertest.Archive(t, layertest.Headers()[1:2])))
	if _, err := archive.Next(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := sameBytes(path, file, archive); err != nil {
		t.Error(err)
	}
}

func TestUnzipReads(t *testing.T) {
	unzip := layertest.Tool(t, "unzip", "unzip")
	zipinfo := layertest.Tool(t, "zipinfo", "unzip")
	path, err := export(t, map[string]any{"format": "zip"})
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(layertest.Run(t, nil, zipinfo, "-lTh-t", path), "\n") // the first line has the path
	golden(t, "zip.golden", list)
	layertest.Run(t, nil, unzip, "-tq", path)
	dir := layertest.Folder(t)
	flags := "-q"
	if os.Geteuid() == 0 {
		flags = "-qXK" // with owners, setuid and setgid
	}
	layertest.Run(t, nil, unzip, flags, path, "-d", dir)
	sameContent(t, filepath.Join(dir, "bin/ash"))
	sameContent(t, filepath.Join(dir, "bin/busybox"))
	if target, err := os.Readlink(filepath.Join(dir, "bin/sh")); err != nil || target != "busybox" {
		t.Errorf("bin/sh points to %q: %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "empty")); err != nil || info.Mode() != 0o600 || !info.ModTime().Equal(layertest.Epoch) {
		t.Errorf("empty came out as %v: %v", info, err)
	}
	if os.Geteuid() == 0 {
		var got unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "srv"), &got); err != nil || got.Uid != 33 || got.Gid != 33 || got.Mode&0o7777 != 0o2750 {
			t.Errorf("srv came out as %o of %d:%d: %v", got.Mode, got.Uid, got.Gid, err)
		}
	}
}

func TestZipWarns(t *testing.T) {
	result, err := New().Export(t.Context(), request(t, "zip"), layertest.Progress(t))
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0].Detail, "/dev/null, /dev/vda1") {
		t.Errorf("warnings are %v: %v", result.Warnings, err)
	}
}

func TestZipSeesDamage(t *testing.T) {
	path, err := export(t, map[string]any{"format": "zip"})
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	at, err := archive.File[1].DataOffset()
	if err != nil {
		t.Fatal(err)
	}
	damage(t, path, at+100)
	if err := checkZip(t.Context(), path, layertest.Images(t)[0], nil); err == nil {
		t.Error("it isn't seen")
	}
}

// damage changes a byte of a file.
func damage(t *testing.T, path string, at int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var b [1]byte
	if _, err := file.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x55
	if _, err := file.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func TestSizeIsKept(t *testing.T) {
	for _, format := range []string{"ext4", "disk", "qcow2"} {
		path, err := export(t, map[string]any{"format": format, "size": "9M"})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 9<<20 && format != "qcow2" {
			t.Errorf("%s: %v %v", format, info, err)
		}
		_, err = export(t, map[string]any{"format": format, "size": "64K"})
		list, ok := errors.AsType[sdk.Diagnostics](err)
		if !ok || list[0].Summary != "Image too small" || !cmp.Equal(list[0].Path, []string{"attributes", "size"}) {
			t.Fatalf("%s: %v", format, err)
		}
		// What the message recommends is enough.
		words := strings.Split(list[0].Remedy, `"`)
		if _, err := export(t, map[string]any{"format": format, "size": words[1]}); err != nil {
			t.Errorf("%s of %s: %v", format, words[1], err)
		}
	}
}

// The partition is a file system that e2fsck likes, in a table that sfdisk
// reads.
func TestDisk(t *testing.T) {
	path, err := export(t, map[string]any{"format": "disk"})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(part, content[gpt.Start:len(content)-gpt.End], 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("e2fsck", func(t *testing.T) {
		e2fsck := "/usr/sbin/e2fsck"
		if _, err := os.Stat(e2fsck); err != nil {
			e2fsck = layertest.Tool(t, "e2fsck", "e2fsprogs")
		}
		layertest.Run(t, nil, e2fsck, "-fn", part)
	})
	t.Run("sfdisk", func(t *testing.T) {
		if out := layertest.Run(t, nil, layertest.Tool(t, "sfdisk", "fdisk"), "--verify", path); !strings.Contains(out, "No errors detected") {
			t.Error(out)
		}
	})
}

// QEMU sees the same disk in its own format.
func TestQcow2(t *testing.T) {
	qemu := layertest.Tool(t, "qemu-img", "qemu-utils")
	for _, size := range []string{"", "9M", "5G"} {
		raw, err := export(t, map[string]any{"format": "disk", "size": size})
		if err != nil {
			t.Fatal(err)
		}
		path, err := export(t, map[string]any{"format": "qcow2", "size": size})
		if err != nil {
			t.Fatal(err)
		}
		layertest.Run(t, nil, qemu, "check", "-f", "qcow2", path)
		if out := layertest.Run(t, nil, qemu, "compare", "-f", "raw", "-F", "qcow2", raw, path); !strings.Contains(out, "Images are identical.") {
			t.Error(out)
		}
	}
}

func TestImageSeesDamage(t *testing.T) {
	dir := t.TempDir()
	times := 0
	err := writeImage(dir, "x", 1<<20, func(w io.WriterAt) error {
		if times++; times == 2 {
			left, err := filepath.Glob(filepath.Join(dir, ".x.*"))
			if err != nil || len(left) != 1 {
				t.Fatal(left, err)
			}
			damage(t, left[0], 8192)
		}
		_, err := w.WriteAt(make([]byte, 10000), 5)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "came out as others") {
		t.Errorf("got %v", err)
	}
}

// Whatever is written in whatever pieces is there.
func TestSparse(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := make([]byte, 50*page+7)
	for _, at := range []int{0, 1, page - 1, 3 * page, 20*page + 5, 49 * page, len(want) - 1} {
		want[at] = 1
	}
	for _, step := range []int{1000, page, 3*page + 1, len(want)} {
		if err := errors.Join(file.Truncate(0), file.Truncate(int64(len(want)))); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(want); at += step {
			if _, err := (sparse{file}).WriteAt(want[at:min(len(want), at+step)], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file.Name())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d it is another: %v", step, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		attributes map[string]any
		path       string
	}{
		{map[string]any{"format": "tar", "size": "1M"}, "size"},
		{map[string]any{"format": "ext4", "compression": "xz"}, "compression"},
		{map[string]any{"format": "squashfs", "compression": "lzo"}, "compression"},
		{map[string]any{"format": "squashfs", "size": "1M"}, "size"},
		{map[string]any{"format": "ext4", "size": "much"}, "size"},
		{map[string]any{"format": "ext4", "size": "0"}, "size"},
		{map[string]any{"format": "ext4", "size": "-1M"}, "size"},
		{map[string]any{"format": "ext4", "size": "+1M"}, "size"},
		{map[string]any{"format": "ext4", "size": "1000"}, "size"},
		{map[string]any{"format": "ext4", "size": "1MM"}, "size"},
		{map[string]any{"format": "ext4", "size": "8388608T"}, "size"},
		{map[string]any{"format": "ext4", "size": "K"}, "size"},
		{map[string]any{"format": "ext4", "size": "512"}, ""},
		{map[string]any{"format": "disk", "size": "2G"}, ""},
		{map[string]any{"format": "disk", "size": "64MiB"}, ""},
		{map[string]any{"format": "disk", "size": "64iB"}, "size"},
		{map[string]any{"format": "disk", "size": "64MB"}, "size"},
		{map[string]any{"format": "squashfs", "compression": "zstd"}, ""},
	} {
		req := sdk.ValidateRequest{Attributes: layertest.Request(t, nil, test.attributes).Attributes}
		err := New().(sdk.Validator).Validate(t.Context(), req)
		list, _ := errors.AsType[sdk.Diagnostics](err)
		if test.path == "" && err == nil || len(list) == 1 && cmp.Equal(list[0].Path, []string{"attributes", test.path}) {
			continue
		}
		t.Errorf("%v: %v", test.attributes, err)
	}
}

// Names that tools like to trip over come out of each format, read by each
// tool.
func TestOddNames(t *testing.T) {
	img := layertest.Image(t, "x86_64", sdk.Platform{}, append(layertest.OddHeaders(), tar.Header{Name: ".wh.gone", Typeflag: tar.TypeReg, Mode: 0o644}))
	file, err := os.Open(img.Layer)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := layertest.FromTar(t, file)
	for _, reader := range append(readers, folderReader) {
		t.Run(reader.format+" "+reader.name, func(t *testing.T) {
			if reader.name == "debugfs" {
				t.Skip("its commands have no notation for some names")
			}
			if reader.name == "unzip" {
				t.Skip("it takes control characters out of names, and converts others")
			}
			path, _ := layertest.Export(t, New(), layertest.Request(t, []sdk.Image{img}, map[string]any{"format": reader.format}))
			got := reader.read(t, path)
			for name, rec := range want {
				there, ok := got[name]
				same := there.UID == rec.UID && there.GID == rec.GID || os.Geteuid() != 0
				if !ok || !same || there.Type != rec.Type || there.Content != rec.Content || there.Target != rec.Target {
					t.Errorf("%.50q came out as %+v, not %+v", name, there, rec)
				}
				delete(got, name)
			}
			for _, own := range []string{"", ".", "lost+found", "dev", "dev/console"} {
				delete(got, own)
			}
			for name := range got {
				t.Errorf("%q is too much", name)
			}
		})
	}
}
