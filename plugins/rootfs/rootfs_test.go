package rootfs

import (
	"archive/tar"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/cpio"
	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// request asks for the first of layertest.Images in a format.
func request(t *testing.T, format string) sdk.ExportRequest {
	t.Helper()
	return layertest.Request(t, layertest.Images(t)[:1], map[string]any{"format": format})
}

func TestSameEverywhere(t *testing.T) {
	for _, format := range names() {
		t.Run(format, func(t *testing.T) {
			layertest.SameEverywhere(t, New(), func(t *testing.T) sdk.ExportRequest { return request(t, format) })
		})
	}
}

func TestSeesFullDisk(t *testing.T) {
	for _, format := range names() {
		t.Run(format, func(t *testing.T) {
			layertest.SeesFullDisk(t, New(), func(t *testing.T) sdk.ExportRequest { return request(t, format) })
		})
	}
}

// plain returns what a compressed archive holds, as other tools read it, who
// also test it.
func plain(t *testing.T, format string) (content []byte) {
	t.Helper()
	path, _ := layertest.Export(t, New(), request(t, format))
	tool, debianPackage := "cat", "coreutils"
	test, print := []string{path}, []string{path}
	switch filepath.Ext(format) {
	case ".gz":
		tool, debianPackage = "gzip", "gzip"
	case ".xz":
		tool, debianPackage = "xz", "xz-utils"
	case ".zst":
		tool, debianPackage = "zstd", "zstd"
	}
	if tool != "cat" {
		test, print = []string{"-t", path}, []string{"-dc", path}
	}
	tool = layertest.Tool(t, tool, debianPackage)
	layertest.Run(t, nil, tool, test...)
	return []byte(layertest.Run(t, nil, tool, print...))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestOthersReadTar(t *testing.T) {
	for _, format := range names()[:4] {
		t.Run(format, func(t *testing.T) {
			content := plain(t, format)
			gnutar := layertest.Tool(t, "tar", "tar")
			golden(t, "tar.golden", layertest.Run(t, content, gnutar, "--numeric-owner", "-tvf", "-"))
		})
	}
}

func TestOthersReadCpio(t *testing.T) {
	for _, format := range names()[4:8] {
		t.Run(format, func(t *testing.T) {
			content := plain(t, format)
			gnucpio := layertest.Tool(t, "cpio", "cpio")
			listing := layertest.Run(t, content, gnucpio, "--quiet", "-itvn")
			golden(t, "cpio.golden", listing)
			if format != "cpio" {
				return
			}
			// Devices need root; the rest doesn't.
			dir := layertest.Folder(t)
			layertest.Run(t, content, gnucpio, "--quiet", "-idm", "--no-absolute-filenames",
				"--no-preserve-owner", "-D", dir, "bin", "bin/*", "lib", "srv*", "usr*", "empty")
			first, err := os.Stat(filepath.Join(dir, "bin/ash"))
			if err != nil {
				t.Fatal(err)
			}
			second, err := os.Stat(filepath.Join(dir, "bin/sh"))
			if err != nil || !os.SameFile(first, second) || second.Size() != layertest.Size {
				t.Errorf("the hard link came out as %v: %v", second, err)
			}
		})
	}
}

func TestConsoleOfTheUserStays(t *testing.T) {
	headers := append(layertest.Headers()[:5:5],
		tar.Header{Name: "dev/console", Typeflag: tar.TypeChar, Mode: 0o622, Devmajor: 4, Devminor: 64})
	for name, test := range map[string]struct {
		headers []tar.Header
		want    string
	}{
		"given":         {headers, "crw--w--w-"},
		"no dev":        {headers[:1], "crw-------"},
		"dev is a link": {[]tar.Header{{Name: "dev", Typeflag: tar.TypeSymlink, Linkname: "run"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			img := layertest.Image(t, "x86_64", sdk.Platform{}, test.headers)
			path, _ := layertest.Export(t, New(), layertest.Request(t, []sdk.Image{img}, map[string]any{"format": "cpio"}))
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out := layertest.Run(t, content, layertest.Tool(t, "cpio", "cpio"), "--quiet", "-itvn")
			if strings.Count(out, "dev/console") != min(1, len(test.want)) || !strings.Contains(out, test.want) {
				t.Errorf("want %s:\n%s", test.want, out)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	img := layertest.Images(t)[1]
	img.Boot = &sdk.Boot{System: "qemu-system-aarch64", Args: []string{"-M", "virt", "-cpu", "cortex-a57"}, Console: "ttyAMA0"}
	kernel := "qemu-system-aarch64 -M virt -cpu cortex-a57 -m 256 -nographic -no-reboot -kernel KERNEL "
	boot := kernel + `-initrd {path} -append "console=ttyAMA0 panic=1"`
	drive := kernel + `-drive if=none,id=disk,format=raw,file={path} -device nvme,drive=disk,serial=disk -append "root=/dev/`
	qcow2 := strings.Replace(drive, "raw", "qcow2", 1)
	mainframe := img
	mainframe.Boot = &sdk.Boot{System: "qemu-system-s390x", Args: []string{"-M", "s390-ccw-virtio"}, Console: "ttysclp0"}
	ends := img
	ends.Boot = &sdk.Boot{System: "qemu-system-sw64", NoInitrd: true, MemoryMiB: 512}
	unknown := img
	unknown.Boot = nil
	unknown.Platform.Architecture = "sw64"
	for _, test := range []struct {
		img    sdk.Image
		format string
		want   []string
	}{
		{img, "cpio.gz", []string{boot}},
		{ends, "cpio.gz", nil},
		{ends, "cpio", []string{"scripts/config --set-str INITRAMFS_SOURCE {path}"}},
		{unknown, "cpio.zst", nil},
		{img, "tar.gz", []string{
			`docker import --platform linux/arm64 -c 'CMD ["/bin/sh"]' {path} minios:aarch64`,
			"docker run --rm -it --platform linux/arm64 minios:aarch64"}},
		{unknown, "tar", []string{
			`docker import -c 'CMD ["/bin/sh"]' {path} minios:aarch64`, "docker run --rm -it minios:aarch64"}},
		{img, "ext4", []string{drive + `nvme0n1 rw rootwait console=ttyAMA0 panic=1"`}},
		{img, "disk", []string{drive + `nvme0n1p1 rw rootwait console=ttyAMA0 panic=1"`}},
		{img, "qcow2", []string{qcow2 + `nvme0n1p1 rw rootwait console=ttyAMA0 panic=1"`}},
		{mainframe, "disk", []string{`qemu-system-s390x -M s390-ccw-virtio -m 256 -nographic -no-reboot -kernel KERNEL ` +
			`-drive if=virtio,format=raw,file={path} -append "root=/dev/vda1 rw rootwait console=ttysclp0 panic=1"`}},
		{unknown, "qcow2", []string{"qemu-img info {path}"}},
		{unknown, "ext4", []string{"debugfs -R 'ls -l' {path}"}},
		{unknown, "disk", []string{"sfdisk --list {path}"}},
		{img, "zip", []string{"unzip -l {path}"}},
		{img, "dir", []string{"unshare --map-root-user chroot {path} /bin/sh"}},
	} {
		_, result := layertest.Export(t, New(), layertest.Request(t, []sdk.Image{test.img}, map[string]any{"format": test.format}))
		want := sdk.Artifact{Path: "minios-aarch64." + test.format, Format: test.format, Arch: "aarch64", Run: test.want}
		if diff := cmp.Diff(want, result.Artifacts[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.format, diff)
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := New().Export(t.Context(), request(t, "rpm"), nil); err == nil || !strings.Contains(err.Error(), "rpm") {
		t.Errorf("unknown format: %v", err)
	}
	for _, format := range names() {
		t.Run(format, func(t *testing.T) {
			req := request(t, format)
			req.Images[0].Digest = "sha256:" + strings.Repeat("0", 64)
			if _, err := New().Export(t.Context(), req, layertest.Progress(t)); err == nil || !strings.Contains(err.Error(), "digest") {
				t.Errorf("another layer: %v", err)
			}
			if left, _ := os.ReadDir(req.OutDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestCpioCantHoldLargeFiles needs no such file.
func TestCpioCantHoldLargeFiles(t *testing.T) {
	c := &converter{first: make(map[string]cpio.Header)}
	if _, err := c.header(layer.Entry{Name: "f", Type: layer.File, Size: 1<<32 - 1, ModTime: layertest.Epoch}); err != nil {
		t.Error(err)
	}
	if _, err := c.header(layer.Entry{Name: "f", Type: layer.File, Size: 1 << 32, ModTime: layertest.Epoch}); err == nil || !strings.Contains(err.Error(), "4 GiB") {
		t.Errorf("got %v", err)
	}
}

// TestCantHold names the entry that a format has no place for.
func TestCantHold(t *testing.T) {
	long := tar.Header{Name: strings.Repeat("n", 256), Typeflag: tar.TypeReg}
	for _, test := range []struct {
		format, want string
		header       tar.Header
	}{
		{"ext4", "256 bytes", long},
		{"erofs", "256 bytes", long},
		{"disk", "256 bytes", long},
		{"cpio", "end of a cpio archive", tar.Header{Name: "TRAILER!!!", Typeflag: tar.TypeReg}},
		{"cpio.gz", "1970", tar.Header{Name: "old", Typeflag: tar.TypeReg, ModTime: time.Unix(-1, 0)}},
		{"squashfs", "1970", tar.Header{Name: "old", Typeflag: tar.TypeReg, ModTime: time.Unix(-1, 0)}},
		{"zip", "1980", tar.Header{Name: "old", Typeflag: tar.TypeReg, ModTime: time.Unix(1, 0)}},
		{"squashfs", "system.posix_acl_access", tar.Header{Name: "acl", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.system.posix_acl_access": "x"}}},
	} {
		t.Run(test.format+" "+test.want, func(t *testing.T) {
			img := layertest.Image(t, "x86_64", sdk.Platform{}, []tar.Header{test.header})
			_, err := New().Export(t.Context(), layertest.Request(t, []sdk.Image{img}, map[string]any{"format": test.format}), layertest.Progress(t))
			list, ok := err.(sdk.Diagnostics)
			if !ok || !strings.Contains(list[0].Detail, test.want) || !strings.Contains(list[0].Detail, test.header.Name) || list[0].Remedy == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}
