package rootfs

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// netRaw is the value of "cap_net_raw=ep".
const netRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// attributed are files and folders with extended attributes.
func attributed() []tar.Header {
	with := func(h tar.Header, pairs ...string) tar.Header {
		h.PAXRecords = make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			h.PAXRecords["SCHILY.xattr."+pairs[i]] = pairs[i+1]
		}
		return h
	}
	return []tar.Header{
		with(tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, "user.folder", "yes"),
		with(tar.Header{Name: "bin/many", Typeflag: tar.TypeReg, Mode: 0o644, Size: 5000},
			"user.a", "\x00\xff\n=", "user.long", strings.Repeat("long ", 300), "user.none", ""),
		with(tar.Header{Name: "bin/ping", Typeflag: tar.TypeReg, Mode: 0o755, Size: 3}, "security.capability", netRaw, "user.b", "b"),
		{Name: "bin/ping6", Typeflag: tar.TypeLink, Linkname: "bin/ping", Mode: 0o755},
		{Name: "plain", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
	}
}

// withXattrs asks for an export of them.
func withXattrs(t *testing.T, format string) sdk.ExportRequest {
	t.Helper()
	img := layertest.Image(t, "x86_64", sdk.Platform{}, attributed())
	return layertest.Request(t, []sdk.Image{img}, map[string]any{"format": format})
}

// sameXattrs compares what is in a folder. Without root there are no
// capabilities.
func sameXattrs(t *testing.T, dir string) {
	t.Helper()
	for _, h := range attributed() {
		if h.Typeflag == tar.TypeLink {
			h.PAXRecords = attributed()[2].PAXRecords // the file's
		}
		for key, want := range h.PAXRecords {
			name := strings.TrimPrefix(key, "SCHILY.xattr.")
			if os.Geteuid() != 0 && !strings.HasPrefix(name, "user.") {
				continue
			}
			value := make([]byte, 4096)
			n, err := unix.Lgetxattr(filepath.Join(dir, h.Name), name, value)
			if err != nil || string(value[:n]) != want {
				t.Errorf("%s has %s as %q, %v", h.Name, name, value[:max(0, n)], err)
			}
		}
	}
	if n, err := unix.Llistxattr(filepath.Join(dir, "plain"), nil); n > 0 || err != nil {
		t.Errorf("plain has %d bytes of attributes, %v", n, err)
	}
}

// xattrFolder is a folder in a file system that has extended attributes.
func xattrFolder(t *testing.T) string {
	t.Helper()
	for _, parent := range []string{"", "/var/tmp"} {
		dir, err := os.MkdirTemp(parent, "mkmini-test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := unix.Setxattr(dir, "user.test", []byte("x"), 0); err == nil {
			return dir
		}
	}
	t.Skip("needs a temporary folder whose file system has extended attributes")
	return ""
}

func TestXattrsSameEverywhere(t *testing.T) {
	for _, format := range names() {
		t.Run(format, func(t *testing.T) {
			layertest.SameEverywhere(t, New(), func(t *testing.T) sdk.ExportRequest { return withXattrs(t, format) })
		})
	}
}

// TestXattrsAreRead has other people's tools unpack what was written, and the
// kernel mount it.
func TestXattrsAreRead(t *testing.T) {
	t.Run("tar", func(t *testing.T) {
		gnutar, dir := layertest.Tool(t, "tar", "tar"), xattrFolder(t)
		path, _ := layertest.Export(t, New(), withXattrs(t, "tar"))
		layertest.Run(t, nil, gnutar, "--xattrs", "--xattrs-include=*", "-xf", path, "-C", dir)
		sameXattrs(t, dir)
	})
	t.Run("unsquashfs", func(t *testing.T) {
		unsquashfs, dir := layertest.Tool(t, "unsquashfs", "squashfs-tools"), xattrFolder(t)
		path, _ := layertest.Export(t, New(), withXattrs(t, "squashfs"))
		args := []string{"-quiet", "-no-progress", "-force", "-d", dir, path}
		if os.Geteuid() != 0 {
			args = append([]string{"-user-xattrs"}, args...)
		}
		layertest.Run(t, nil, unsquashfs, args...)
		sameXattrs(t, dir)
	})
	for _, format := range []string{"squashfs", "erofs", "ext4"} {
		t.Run("kernel "+format, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("needs root to mount")
			}
			path, result := layertest.Export(t, New(), withXattrs(t, format))
			if len(result.Warnings) > 0 {
				t.Errorf("warnings are %v", result.Warnings)
			}
			dir := t.TempDir()
			mount := exec.CommandContext(t.Context(), "mount", "-o", "ro,loop", "-t", format, path, dir)
			if out, err := mount.CombinedOutput(); err != nil {
				t.Skipf("mounting is not allowed here, or there is no %s in the kernel: %v: %s", format, err, out)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			sameXattrs(t, dir)
		})
	}
	t.Run("dir", func(t *testing.T) {
		req := withXattrs(t, "dir")
		req.OutDir = xattrFolder(t)
		path, result := layertest.Export(t, New(), req)
		if told := warned(result.Warnings, "Extended attributes left out", "/bin/ping"); told == (os.Geteuid() == 0) {
			t.Errorf("warnings are %v", result.Warnings)
		}
		sameXattrs(t, path)
	})
}

// TestXattrsLeftOut has formats without extended attributes say so.
func TestXattrsLeftOut(t *testing.T) {
	for _, format := range []string{"cpio", "cpio.zst", "zip"} {
		_, result := layertest.Export(t, New(), withXattrs(t, format))
		if !warned(result.Warnings, "Extended attributes left out", "/bin, /bin/many, /bin/ping.") {
			t.Errorf("%s: warnings are %v", format, result.Warnings)
		}
	}
	for format, want := range map[string]string{"ext4": "ext4 can't hold", "squashfs": "squashfs can't hold", "erofs": "erofs can't hold"} {
		header := tar.Header{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.system.posix_acl_access": "x"}}
		img := layertest.Image(t, "x86_64", sdk.Platform{}, []tar.Header{header})
		req := layertest.Request(t, []sdk.Image{img}, map[string]any{"format": format})
		if _, err := New().Export(t.Context(), req, layertest.Progress(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestZipWarnsOfNames tells of names that zip archives have no charset for.
func TestZipWarnsOfNames(t *testing.T) {
	img := layertest.Image(t, "x86_64", sdk.Platform{}, layertest.OddHeaders())
	_, result := layertest.Export(t, New(), layertest.Request(t, []sdk.Image{img}, map[string]any{"format": "zip"}))
	if !warned(result.Warnings, "Names that are no UTF-8", `"/\xff\xfe", "/\xff\xfe/\xff\xfe", "/\xff\xfe/link".`) {
		t.Errorf("warnings are %v", result.Warnings)
	}
}
