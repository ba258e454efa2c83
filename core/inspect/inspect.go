// Package inspect reads artifacts, mkmini's own and those of others, as lists
// of entries with digests: archives, images with their layers applied, and
// folders. It writes nothing and keeps no contents.
package inspect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/inspect/disk"
	"github.com/mkmini/mkmini/core/source"
)

// Limits bounds what is read of an artifact, so that one that was made to do
// harm can't take all memory or all time.
type Limits struct {
	// Entries is the most entries of all layers; 0 for 4 million.
	Entries int
	// Bytes is the most that archives may hold once decompressed, headers
	// included; 0 for 64 GiB.
	Bytes int64
	// Names is the most bytes of paths, targets of links and extended
	// attributes, which are kept in memory; 0 for 1 GiB.
	Names int64
}

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 4_000_000
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 30
	}
	if l.Names == 0 {
		l.Names = 1 << 30
	}
	return l
}

// Options say what to read.
type Options struct {
	// Platform chooses among images: "linux/arm64", "linux/arm/v7"; empty for
	// all. It has no meaning for what is no image.
	Platform string
	// Partition chooses among a disk's partitions by number; 0 for all.
	Partition int
	// ELF says whether to look into executables.
	ELF bool
	// Limits are those of what is read.
	Limits Limits
}

// Artifact is what was read.
type Artifact struct {
	// Path is as it was given.
	Path string `json:"path"`
	// Format is "folder", "tar", "cpio", "zip", "docker", "oci", "ext4" (ext2 and
	// ext3 too), "squashfs", "erofs", "disk" or "qcow2". What docker save writes
	// today is also an OCI layout, and read as that.
	Format string `json:"format"`
	// Compression is "gzip", "bzip2", "xz", "zstd" or empty: of the whole
	// artifact, not of an image's layers.
	Compression string `json:"compression,omitempty"`
	// Partitions is the partition table of a disk; nil for all else.
	Partitions *disk.Table `json:"partitions,omitempty"`
	// Attached are manifests in an OCI layout that are no images.
	Attached []Attachment `json:"attached,omitempty"`
	// Trees are the file systems: one of each image or partition, or the only
	// one.
	Trees []*Tree `json:"trees,omitzero"`
}

// Tree is a file system.
type Tree struct {
	// Image is nil if it isn't that of an image.
	Image *Image `json:"image,omitempty"`
	// Volume is nil if it isn't that of a file system's image.
	Volume *Volume `json:"volume,omitempty"`
	// Totals sum the entries up.
	Totals Totals `json:"totals"`
	// Notes are what is strange about the entries, each one clause.
	Notes []string `json:"notes,omitempty"`
	// Entries are sorted as a walk through the folders gives them.
	Entries []*Entry `json:"entries,omitzero"`
}

// Read reads an artifact: a tar or newc cpio archive, compressed or not, a zip
// archive, what docker save writes, an OCI layout as a folder or a tar archive,
// the image of a file system or of a disk, or a folder.
// Failures are *fault.Error, apart from the end of ctx, which is its cause.
func Read(ctx context.Context, path string, o Options) (*Artifact, error) {
	a, err := read(ctx, path, o)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	f := &fault.Error{
		Step: "inspect " + quoted(filepath.Base(path)), Summary: "Artifact not readable",
		Detail: fmt.Sprintf("%s can't be read: %s.", quoted(path), err), Err: err,
		Remedy: "Give a tar, cpio or zip archive, what docker save writes, an OCI layout, an image of ext4, squashfs, erofs or a disk, or a folder, that is complete.",
	}
	var choice *choiceError
	switch {
	case errors.As(err, &choice):
		f.Summary, f.Usage, f.Remedy = choice.summary(), true, "Choose one of them with "+choice.flag+", or leave that out."
		f.Detail = fmt.Sprintf("%s: %s.", quoted(path), err)
	case errors.Is(err, os.ErrNotExist):
		f.Usage = true
	}
	return nil, f
}

func read(ctx context.Context, path string, o Options) (*Artifact, error) {
	s := &scanner{limits: o.Limits.withDefaults(), elf: o.ELF, partition: o.Partition, done: ctx.Err}
	if o.Platform != "" {
		want, err := v1.ParsePlatform(o.Platform)
		if err != nil || want.OS == "" || want.Architecture == "" {
			return nil, &choiceError{fmt.Sprintf("%q is no platform such as linux/arm64", o.Platform), platformFlag}
		}
		s.want = want
	}
	s.left = s.limits.Bytes
	defer s.close()
	a := &Artifact{Path: path, Trees: []*Tree{}}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, clause(err)
	case info.IsDir():
		err = s.readFolder(path, a)
	case info.Mode().IsRegular():
		err = s.readFile(path, a)
	default:
		err = errors.New("it is neither a file nor a folder")
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// choiceError says that what was asked for by a flag isn't there.
type choiceError struct{ text, flag string }

const (
	platformFlag  = "--platform"
	partitionFlag = "--partition"
)

func (e *choiceError) summary() string { return "No such " + e.flag[2:] }

func (e *choiceError) Error() string { return e.text }

// clause leaves the path out of an error that is told with it.
func clause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// readFile reads an archive.
func (s *scanner) readFile(path string, a *Artifact) error {
	f, err := os.Open(path)
	if err != nil {
		return clause(err)
	}
	defer f.Close()
	in, name, err := source.Decompress(bufio.NewReaderSize(&stoppable{f, s.done}, 256<<10))
	if err != nil {
		return err
	}
	defer in.Close()
	a.Compression = name
	stream := bufio.NewReaderSize(&capped{in, s}, 256<<10)
	head, err := stream.Peek(volumeHead)
	if err != nil && err != io.EOF {
		return err
	}
	if isVolume(head) {
		return s.readVolume(f, stream, a)
	}
	switch kind := kindOf(head); kind {
	case "cpio":
		a.Format = kind
		t := newTree(s)
		if err := s.cpio(stream, t); err != nil {
			return err
		}
		a.Trees = []*Tree{t.finish()}
		return nil
	case "tar":
		return s.readTar(f, stream, a)
	case "zip":
		if a.Compression != "" {
			return errors.New("it is a zip archive that is compressed once more")
		}
		a.Format = kind
		t := newTree(s)
		if err := s.zip(f, t); err != nil {
			return err
		}
		a.Trees = []*Tree{t.finish()}
		return nil
	default:
		return fmt.Errorf("it is %s", kind)
	}
}

// readTar reads a tar archive, which may hold an image. Whether it does is
// soon seen in one that can be skipped through; else the tree shows it.
func (s *scanner) readTar(f *os.File, stream io.Reader, a *Artifact) error {
	if a.Compression == "" {
		if parts, err := indexTar(f); err == nil {
			if done, err := s.readImages(parts, a); done || err != nil {
				return err
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		s.left = s.limits.Bytes // what was read to see what it is comes again
		stream = bufio.NewReaderSize(&capped{&stoppable{f, s.done}, s}, 256<<10)
	}
	t := newTree(s)
	if err := s.tar(stream, t, false); err != nil {
		return err
	}
	if a.Compression != "" && t.looksLikeImage() {
		if done, err := s.readPacked(f, a); done || err != nil {
			return err
		}
	}
	a.Format, a.Trees = "tar", []*Tree{t.finish()}
	return nil
}

// readPacked decompresses an archive of images into a temporary file, where
// its parts can be read in any order.
func (s *scanner) readPacked(f *os.File, a *Artifact) (bool, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	in, _, err := source.Decompress(bufio.NewReaderSize(&stoppable{f, s.done}, 256<<10))
	if err != nil {
		return false, err
	}
	defer in.Close()
	plain, err := temporary()
	if err != nil {
		return false, err
	}
	defer plain.Close()
	if _, err := io.Copy(plain, &capped{in, s}); err != nil {
		return false, err
	}
	parts, err := indexTar(plain)
	if err != nil {
		return false, err
	}
	return s.readImages(parts, a)
}

// kinds are the first bytes of what is known and can't be read.
var kinds = [...]struct{ magic, name string }{
	{"070707", "a cpio archive in the old format, not in newc"},
	{"\xc7\x71", "a cpio archive in the binary format, not in newc"},
	{"\x7fELF", "an ELF file"},
	{"\x04\x22\x4d\x18", "compressed with lz4"},
	{"\x02\x21\x4c\x18", "compressed with lz4"},
	{"\x5d\x00\x00", "compressed with lzma"},
	{"!<arch>\n", "an ar archive"},
}

// kindOf returns what an archive is by its first bytes: "tar", "cpio", "zip",
// or a clause about what else it is.
func kindOf(head []byte) string {
	if bytes.HasPrefix(head, []byte("070701")) || bytes.HasPrefix(head, []byte("070702")) {
		return "cpio"
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return "zip"
	}
	if len(head) >= 512 && tarBlock(head[:512]) {
		return "tar"
	}
	if len(head) == 0 {
		return "empty"
	}
	for _, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	return "no archive of a kind that is known"
}
