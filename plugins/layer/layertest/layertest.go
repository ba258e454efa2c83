// Package layertest tests exporters: it makes layers and requests, and holds
// what every exporter has to keep to.
package layertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Epoch is the time in everything.
var Epoch = time.Unix(315532800, 0)

// Size is the length of the largest file of Headers in bytes.
const Size = 60_000

// Headers are a small system with one of everything that a layer may hold.
func Headers() []tar.Header {
	long := strings.Repeat("long-", 25)
	return []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "bin/ash", Typeflag: tar.TypeReg, Mode: 0o4755, Size: Size},
		{Name: "bin/busybox", Typeflag: tar.TypeLink, Mode: 0o4755, Linkname: "bin/ash"},
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "busybox"},
		{Name: "dev/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		{Name: "dev/vda1", Typeflag: tar.TypeBlock, Mode: 0o660, Gid: 6, Devmajor: 254, Devminor: 1},
		{Name: "empty", Typeflag: tar.TypeReg, Mode: 0o600},
		{Name: "lib", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "usr/lib"},
		{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o2750, Uid: 33, Gid: 33},
		{Name: "srv/" + long + "/", Typeflag: tar.TypeDir, Mode: 0o555},
		{Name: "srv/" + long + "/" + long, Typeflag: tar.TypeReg, Mode: 0o644, Size: 3, Uid: 3_000_000},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "usr/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "usr/lib/", Typeflag: tar.TypeDir, Mode: 0o755},
	}
}

// oddNames are what tools like to trip over.
var oddNames = []string{
	"..hidden", "...", " space ", "new\nline", "tab\t\x01", "quo\"te\\", "it's", "-rf", "*", "?[a]", "$HOME", "%s%n",
	"co:lon", "C:\\x", "=", "\xff\xfe", "ä", "trailing.", "TRAILER!!", strings.Repeat("n", 255),
}

// OddHeaders are a system of names that tools like to trip over, of folders,
// files and targets of symlinks, and of the largest owner.
func OddHeaders() []tar.Header {
	headers := []tar.Header{{Name: "owner", Typeflag: tar.TypeReg, Mode: 0o600, Size: 1, Uid: 1<<32 - 2, Gid: 1<<32 - 2}}
	for _, name := range oddNames {
		for _, h := range []tar.Header{
			{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: name + "/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 3},
			{Name: name + "/link", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: name},
		} {
			if !utf8.ValidString(name) {
				h.Format = tar.FormatGNU // as layers have it
			}
			headers = append(headers, h)
		}
	}
	return headers
}

// Archive returns a tar archive. Contents are half noise, half not.
func Archive(tb testing.TB, headers []tar.Header) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, header := range headers {
		if header.ModTime.IsZero() {
			header.ModTime = Epoch
		}
		content := make([]byte, header.Size)
		source := rand.New(rand.NewPCG(1, uint64(header.Size)))
		for i := range content {
			content[i] = byte('a' + source.IntN(26)*(1-i*2/max(1, len(content))))
		}
		if err := archive.WriteHeader(&header); err != nil {
			tb.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	return buffer.Bytes()
}

// Image writes a layer and returns it as an image.
func Image(tb testing.TB, arch string, platform sdk.Platform, headers []tar.Header) sdk.Image {
	tb.Helper()
	archive := Archive(tb, headers)
	path := filepath.Join(tb.TempDir(), "layer.tar")
	if err := os.WriteFile(path, archive, 0o644); err != nil {
		tb.Fatal(err)
	}
	return sdk.Image{
		Arch: arch, Platform: platform, Layer: path,
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(archive)), Size: int64(len(archive)),
	}
}

// Split gives an image two layers more: what is below srv is "app", what is
// below dev is "devices". Salt is another content of the program in app, so
// that the other layers stay the same.
func Split(tb testing.TB, img sdk.Image, salt int) sdk.Image {
	tb.Helper()
	program := tar.Header{Name: "srv/program", Typeflag: tar.TypeReg, Mode: 0o755, Size: 70_000 + int64(salt)}
	parts := map[string][]tar.Header{}
	var whole []tar.Header
	for _, h := range append(Headers(), program) {
		if h.Name == "tmp/" {
			whole = append(whole, program)
		}
		if h.Name != program.Name {
			whole = append(whole, h)
		}
		name := "base"
		switch top, _, _ := strings.Cut(h.Name, "/"); top {
		case "srv":
			name = "app"
		case "dev":
			name = "devices"
		}
		parts[name] = append(parts[name], h)
	}
	result := Image(tb, img.Arch, img.Platform, whole)
	for _, name := range []string{"base", "devices", "app"} {
		part := Image(tb, img.Arch, img.Platform, parts[name])
		result.Layers = append(result.Layers, sdk.Layer{Name: name, Path: part.Layer, Digest: part.Digest, Size: part.Size})
	}
	return result
}

// Images are small systems for three architectures, one of which no tool
// knows.
func Images(tb testing.TB) []sdk.Image {
	tb.Helper()
	var images []sdk.Image
	for i, arch := range []string{"x86_64", "aarch64", "sw64"} {
		headers := Headers()
		headers[1].Size += int64(i)
		goarch := []string{"amd64", "arm64", "sw64"}[i]
		images = append(images, Image(tb, arch, sdk.Platform{OS: "linux", Architecture: goarch}, headers))
	}
	return images
}

// Request asks for the export of images.
func Request(tb testing.TB, images []sdk.Image, attributes map[string]any) sdk.ExportRequest {
	tb.Helper()
	raw, err := json.Marshal(attributes)
	if err != nil {
		tb.Fatal(err)
	}
	return sdk.ExportRequest{
		Name: "minios", Images: images, Attributes: raw,
		WorkDir: tb.TempDir(), OutDir: Folder(tb), Jobs: 2, Epoch: Epoch,
	}
}

// Folder is TempDir for what may hold folders that can't be written to.
func Folder(tb testing.TB) string {
	dir := tb.TempDir()
	tb.Cleanup(func() {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
		if err != nil {
			tb.Error(err)
		}
	})
	return dir
}

// Progress returns what takes the reports of an export, from several goroutines
// too, and checks that each makes sense.
func Progress(tb testing.TB) sdk.Progress {
	return func(r sdk.Report) {
		if r.Phase == "" || r.Done < 0 || r.Total > 0 && r.Done > r.Total {
			tb.Errorf("a report makes no sense: %+v", r)
		}
	}
}

// Export exports, and returns the path of the one artifact.
func Export(tb testing.TB, exporter sdk.Exporter, req sdk.ExportRequest) (string, sdk.ExportResult) {
	tb.Helper()
	result, err := exporter.Export(tb.Context(), req, Progress(tb))
	if err != nil {
		tb.Fatal(err)
	}
	if len(result.Artifacts) != 1 {
		tb.Fatalf("got %d artifacts, want one", len(result.Artifacts))
	}
	return filepath.Join(req.OutDir, result.Artifacts[0].Path), result
}

// Tree describes all that is in a folder: names, modes, times, contents.
func Tree(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	tree := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		// Single files are renamed and copied; their own times say nothing.
		if filepath.Dir(path) != dir {
			text += info.ModTime().UTC().String()
		}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sha256.Sum256(content))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + target
		}
		tree[strings.TrimPrefix(path, dir+"/")] = text
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}
