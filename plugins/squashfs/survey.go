package squashfs

import (
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/mkmini/mkmini/plugins/layer"
)

// Plan is what must be known of a root file system before its first byte is
// written.
type Plan struct {
	epoch time.Time
	// folders says how many names are in each folder, by its path.
	folders map[string]int
	// links holds the files with more names than one, by their first.
	links map[string]*linked
	// repeated says of each size of files from a block on whether there are
	// several of it, which may have the same content.
	repeated map[int64]bool
	// owners are the numbers of users and groups with their indices, and list
	// holds them in order.
	owners map[uint32]uint16
	list   []uint32
	inodes uint32
}

// linked is a file with several names.
type linked struct {
	names uint32
	// inode is known when it was written.
	inode reference
}

// root is the entry of the root, for which sources have none.
func root(epoch time.Time) layer.Entry {
	return layer.Entry{Name: ".", Type: layer.Directory, Mode: 0o755, ModTime: epoch}
}

// Survey goes through a source, whose contents it doesn't read. The epoch is
// the time of the root, for which the source has no entry, and of the image.
func Survey(source layer.Source, epoch time.Time) (*Plan, error) {
	p := &Plan{
		epoch: epoch, folders: make(map[string]int), links: make(map[string]*linked),
		repeated: make(map[int64]bool), owners: make(map[uint32]uint16),
	}
	if err := p.add(root(epoch)); err != nil {
		return nil, fmt.Errorf("the time of the image: %w", err)
	}
	p.folders["."] = 0 // it is no name in itself
	err := source(func(e layer.Entry, _ io.Reader) error { return layer.Unfit(e, p.add(e)) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// add notes one entry.
func (p *Plan) add(e layer.Entry) error {
	if err := check(e); err != nil {
		return err
	}
	p.folders[path.Dir(e.Name)]++
	if e.Type == layer.Hardlink {
		if p.links[e.Target] == nil {
			p.links[e.Target] = &linked{names: 1}
		}
		p.links[e.Target].names++
		return nil
	}
	p.inodes++
	switch {
	case e.Type == layer.Directory:
		p.folders[e.Name] += 0 // it may stay empty
	case e.Size >= BlockSize:
		_, seen := p.repeated[e.Size]
		p.repeated[e.Size] = seen
	}
	_, err := encodeXattrs(e.Xattrs)
	return errors.Join(err, p.own(e.UID), p.own(e.GID))
}

// own notes the number of an owner.
func (p *Plan) own(id int) error {
	if _, known := p.owners[uint32(id)]; known {
		return nil
	}
	if len(p.list) == maxOwners {
		return fmt.Errorf("squashfs can't hold more than %d owners and groups", maxOwners)
	}
	p.owners[uint32(id)] = uint16(len(p.list))
	p.list = append(p.list, uint32(id))
	return nil
}
