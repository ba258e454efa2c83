package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mkmini/mkmini/core/inspect/disk"
	"github.com/mkmini/mkmini/core/inspect/ext4"
)

// Volume says where a file system is, and of what kind.
type Volume struct {
	// Filesystem is "ext4", "squashfs" or "erofs".
	Filesystem string `json:"filesystem"`
	// Partition is the number of the disk's partition; 0 if it isn't in one.
	Partition int `json:"partition,omitempty"`
}

// volume is the image of a file system or of a disk.
type volume struct {
	io.ReaderAt
	size int64
}

// volumeHead is as much as must be seen of an image to know what it is.
const volumeHead = 4096

// isVolume says whether an image of a file system or of a disk begins with
// head. A tar archive may have anything where file systems have their mark.
func isVolume(head []byte) bool {
	if disk.IsQcow2(head) || filesystem(head) == "squashfs" {
		return true
	}
	if len(head) >= 512 && tarBlock(head[:512]) && bytes.Count(head[:512], []byte{0}) < 512 {
		return false
	}
	return filesystem(head) != "" || disk.IsBoot(head)
}

// filesystem returns the kind of a file system that begins with head, or
// nothing.
func filesystem(head []byte) string {
	const at = 1024
	switch {
	case bytes.HasPrefix(head, []byte("hsqs")):
		return "squashfs"
	case ext4.Is(head):
		return "ext4"
	case len(head) > at+4 && binary.LittleEndian.Uint32(head[at:]) == 0xe0f5e1e2:
		return "erofs"
	}
	return ""
}

// readVolume reads an image. One that is compressed is decompressed into a
// temporary file, as it isn't read in order.
func (s *scanner) readVolume(f *os.File, stream io.Reader, a *Artifact) error {
	if a.Compression != "" {
		plain, err := temporary()
		if err != nil {
			return err
		}
		defer plain.Close()
		if _, err := io.Copy(plain, stream); err != nil {
			return err
		}
		f = plain
	}
	s.left = s.limits.Bytes // what was read to see what it is comes again
	info, err := f.Stat()
	if err != nil {
		return err
	}
	v := volume{f, info.Size()}
	head := make([]byte, volumeHead)
	if n, err := v.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	} else if head = head[:n]; !disk.IsQcow2(head) {
		return s.volume(v, head, a, "disk")
	}
	image, err := disk.OpenQcow2(f)
	if err != nil {
		return err
	}
	v = volume{image, image.Size()}
	if n, err := v.ReadAt(head[:min(len(head), int(min(v.size, volumeHead)))], 0); err != nil && err != io.EOF {
		return err
	} else {
		head = head[:n]
	}
	return s.volume(v, head, a, "qcow2")
}

// volume reads a file system, or a disk's partitions.
func (s *scanner) volume(v volume, head []byte, a *Artifact, format string) error {
	a.Format = format
	if kind := filesystem(head); kind != "" {
		if format == "disk" {
			a.Format = kind
		}
		return s.readFilesystem(v, kind, 0, a)
	}
	table, err := disk.Read(v, v.size)
	if err != nil {
		return err
	}
	a.Partitions = table
	if table.Partitions == nil {
		table.Partitions = []disk.Partition{}
	}
	var others []string
	for _, p := range table.Partitions {
		if s.partition != 0 && s.partition != p.Number {
			others = append(others, fmt.Sprint(p.Number))
			continue
		}
		part := volume{io.NewSectionReader(v, p.Start, p.Size), p.Size}
		head := make([]byte, min(p.Size, volumeHead))
		if _, err := io.ReadFull(io.NewSectionReader(part, 0, part.size), head); err != nil {
			return fmt.Errorf("partition %d: %w", p.Number, err)
		}
		kind := filesystem(head)
		if kind == "" {
			continue // of another kind, or empty
		}
		if err := s.readFilesystem(part, kind, p.Number, a); err != nil {
			return fmt.Errorf("partition %d: %w", p.Number, err)
		}
	}
	if len(a.Trees) == 0 && len(others) == len(table.Partitions) && len(others) > 0 {
		return &choiceError{"it has the partitions " + strings.Join(others, ", "), partitionFlag}
	}
	if len(a.Trees) == 0 {
		return errors.New("no partition of the disk has a file system that is read here: ext4, squashfs or erofs")
	}
	return nil
}

// readFilesystem reads a file system.
func (s *scanner) readFilesystem(v volume, kind string, partition int, a *Artifact) error {
	t := newTree(s)
	var err error
	switch kind {
	case "ext4":
		err = s.ext4(v, t)
	case "erofs":
		err = s.erofs(v, t)
	case "squashfs":
		err = s.squashfs(v, t)
	}
	if err != nil {
		return err
	}
	done := t.finish()
	done.Volume = &Volume{Filesystem: kind, Partition: partition}
	a.Trees = append(a.Trees, done)
	return nil
}

// ext4 adds the entries of an ext file system.
func (s *scanner) ext4(v volume, t *tree) error {
	fs, err := ext4.New(v, v.size)
	if err != nil {
		return err
	}
	if fs.Dirty {
		t.note("the file system wasn't unmounted, and its journal may hold newer entries")
	}
	files := map[uint32]*Entry{}
	var lost *ext4.Inode
	return fs.Walk(func(name string, n *ext4.Inode) error {
		if name == lostFound && n.IsFolder() && n.Mode&0o7777 == 0o700 && n.UID == 0 && n.GID == 0 {
			lost = n
			return s.done()
		}
		if lost != nil && strings.HasPrefix(name, lostFound+"/") {
			if err := s.ext4Entry(lostFound, lost, t, files); err != nil {
				return err
			}
			lost = nil
		}
		if err := s.ext4Entry(name, n, t, files); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(name), err)
		}
		return s.done()
	})
}

// lostFound is the folder for what e2fsck finds. As long as it is empty and
// as it was made, it is the file system's own and no entry.
const lostFound = "lost+found"

func (s *scanner) ext4Entry(name string, n *ext4.Inode, t *tree, files map[uint32]*Entry) error {
	if first := files[n.Number]; first != nil {
		return t.put(name, first)
	}
	e := &Entry{
		Type: fileTypes[n.Mode&0o170000], Mode: n.Mode & 0o7777, UID: int(n.UID), GID: int(n.GID), ModTime: n.ModTime,
		Major: n.Major, Minor: n.Minor, Xattrs: n.Xattrs,
	}
	switch e.Type {
	case 0:
		t.note("%s has the unknown mode %o, and is left out", quoted(name), n.Mode)
		return nil
	case Symlink:
		var err error
		if e.Target, err = n.Target(); err != nil {
			return err
		}
	case File:
		r, err := n.Content()
		if err != nil {
			return err
		}
		if err := s.content(&capped{r, s}, e); err != nil {
			return err
		}
	}
	if e.Type != Folder && n.Links > 1 {
		files[n.Number] = e
	}
	return t.put(name, e)
}
