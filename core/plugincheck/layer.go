package plugincheck

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// epoch is the time that goes into everything, as in builds that aren't told
// another.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// layers are root file systems to export.
type layers struct {
	// small has a file of each type, for two architectures.
	small []sdk.Image
	// large takes time to export.
	large sdk.Image
}

// largeSize is the content of the large layer in bytes: a second or so of
// work for a compressor.
const largeSize = 64 << 20

// makeLayers writes the layers to a folder of their own.
func (s *subject) makeLayers() error {
	if s.layers.small != nil {
		return nil
	}
	dir, err := s.folder("layers")
	if err != nil {
		return err
	}
	var made layers
	for _, arch := range []string{"x86_64", "aarch64"} {
		image, err := writeLayer(filepath.Join(dir, arch+".tar"), arch, members(arch), 0)
		if err != nil {
			return err
		}
		made.small = append(made.small, image)
	}
	if made.large, err = writeLayer(filepath.Join(dir, "large.tar"), "x86_64", members("x86_64"), largeSize); err != nil {
		return err
	}
	s.layers = made
	s.inputs[dir], err = listing(dir)
	return err
}

// member is one file of a layer.
type member struct {
	kind       byte
	name, link string
	mode       int64
	content    string
}

// members returns a small root file system, sorted: each type of file, odd
// names, special modes.
func members(arch string) []member {
	return []member{
		{kind: tar.TypeDir, name: "bin/", mode: 0o755},
		{kind: tar.TypeReg, name: "bin/busybox", mode: 0o4755, content: "#!/bin/sh\n# " + arch + "\n"},
		{kind: tar.TypeLink, name: "bin/ls", link: "bin/busybox", mode: 0o4755},
		{kind: tar.TypeSymlink, name: "bin/sh", link: "busybox", mode: 0o777},
		{kind: tar.TypeDir, name: "dev/", mode: 0o755},
		{kind: tar.TypeChar, name: "dev/console", mode: 0o600},
		{kind: tar.TypeDir, name: "etc/", mode: 0o755},
		{kind: tar.TypeReg, name: "etc/a b", mode: 0o640},
		{kind: tar.TypeReg, name: "etc/passwd", mode: 0o644, content: "root::0:0:root:/root:/bin/sh\n"},
		{kind: tar.TypeSymlink, name: "init", link: "/bin/busybox", mode: 0o777},
		{kind: tar.TypeFifo, name: "pipe", mode: 0o644},
		{kind: tar.TypeDir, name: "root/", mode: 0o700},
		{kind: tar.TypeDir, name: "tmp/", mode: 0o1777},
	}
}

// writeLayer writes a layer; a file of random content is its last member if
// extra is not 0.
func writeLayer(path, arch string, list []member, extra int64) (image sdk.Image, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return image, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	w := tar.NewWriter(io.MultiWriter(f, hash))
	for _, m := range list {
		header := tar.Header{
			Typeflag: m.kind, Name: m.name, Linkname: m.link, Mode: m.mode, Size: int64(len(m.content)),
			ModTime: epoch, Format: tar.FormatUSTAR,
		}
		if m.kind == tar.TypeChar {
			header.Devmajor, header.Devminor = 5, 1
		}
		if err := w.WriteHeader(&header); err != nil {
			return image, err
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			return image, err
		}
	}
	if err := writeRandom(w, extra); err != nil {
		return image, err
	}
	if err := w.Close(); err != nil {
		return image, err
	}
	info, err := f.Stat()
	if err != nil {
		return image, err
	}
	platform := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[arch]
	return sdk.Image{
		Arch: arch, Platform: sdk.Platform{OS: "linux", Architecture: platform}, Layer: path,
		Digest: fmt.Sprintf("sha256:%x", hash.Sum(nil)), Size: info.Size(),
		Boot: &sdk.Boot{System: "qemu-system-" + arch, Console: "ttyS0"},
	}, nil
}

// writeRandom adds a file that does not compress, the same in each run.
func writeRandom(w *tar.Writer, size int64) error {
	if size == 0 {
		return nil
	}
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "usr", Mode: 0o644, Size: size, ModTime: epoch, Format: tar.FormatUSTAR,
	})
	if err != nil {
		return err
	}
	// Longer than the windows of most compressors.
	block := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(block) // never fails
	for ; size > 0; size -= int64(len(block)) {
		if _, err := w.Write(block[:min(size, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}
