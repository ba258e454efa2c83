package erofs

import (
	"fmt"
	"io"
	"path"
	"time"

	"github.com/mkmini/mkmini/plugins/layer"
)

// Plan is what must be known of a root file system before its first byte is
// written: the folders with all names in them, and where everything will be.
type Plan struct {
	source layer.Source
	epoch  time.Time
	// folders by path, and in order.
	folders map[string]*folder
	list    []*folder
	// links holds the files with more names than one, by their first.
	links map[string]link
	// files is where the first inode of what is no folder will be, and end
	// where the last ends, from there on.
	files, end int64
	inodes     int64
	// blocks are those of all files' content.
	blocks int64
}

// link is a file with several names.
type link struct {
	slot  uint64
	names uint32
}

// rootAt is where the root's inode is: behind the super block.
const rootAt = superAt + superSize

// Survey reads the source once. The epoch is the time of the root, for which
// the source has no entry, and of the image.
func Survey(source layer.Source, epoch time.Time) (*Plan, error) {
	p := &Plan{source: source, epoch: epoch, folders: make(map[string]*folder), links: make(map[string]link)}
	p.addFolder(layer.Entry{Name: ".", Type: layer.Directory, Mode: 0o755, ModTime: epoch}, nil)
	if err := source(func(e layer.Entry, _ io.Reader) error {
		return layer.Unfit(e, p.add(e))
	}); err != nil {
		return nil, err
	}
	if err := p.settle(); err != nil {
		return nil, err
	}
	return p, nil
}

// add notes one entry.
func (p *Plan) add(e layer.Entry) error {
	base, parent := path.Base(e.Name), p.folders[path.Dir(e.Name)]
	if err := check(e, base); err != nil {
		return err
	}
	switch e.Type {
	case layer.Directory:
		parent.add(base, e.Type, uint64(len(p.list)))
		p.addFolder(e, parent)
	case layer.Hardlink:
		l, known := p.links[e.Target]
		if !known {
			l = link{slot: p.folders[path.Dir(e.Target)].find(path.Base(e.Target)), names: 1}
		}
		l.names++
		p.links[e.Target] = l
		parent.add(base, layer.File, l.slot)
	default:
		xattrs, err := encodeXattrs(e.Xattrs)
		if err != nil {
			return err
		}
		var s spot
		s, p.end = place(p.end, inodeSize+int64(len(xattrs)), contentSize(e))
		p.blocks += s.blocks
		p.inodes++
		parent.add(base, e.Type, s.nid())
	}
	return nil
}

func (p *Plan) addFolder(e layer.Entry, parent *folder) {
	f := newFolder(e, parent)
	p.folders[e.Name] = f
	p.list = append(p.list, f)
	p.inodes++
}

// settle gives the folders their places, which lie before those of all else.
func (p *Plan) settle() error {
	at := int64(rootAt)
	for _, f := range p.list {
		xattrs, err := encodeXattrs(f.entry.Xattrs)
		if err != nil {
			return fmt.Errorf("%.300q: %w", f.entry.Name, err)
		}
		f.measure()
		f.spot, at = place(at, inodeSize+int64(len(xattrs)), f.size)
		p.blocks += f.spot.blocks
	}
	p.files = align(at, BlockSize)
	if p.Size() > maxBlocks*BlockSize {
		return errTooLarge
	}
	return nil
}

// number returns the number of the inode that a name leads to.
func (p *Plan) number(c child) uint64 {
	if c.kind == folderKind {
		return p.list[c.slot].spot.nid()
	}
	return uint64(p.files/slotSize) + c.slot
}

// content is the block in which whole blocks of content begin.
func (p *Plan) content() int64 { return divide(p.files+p.end, BlockSize) }

// Size returns the length of the image in bytes.
func (p *Plan) Size() int64 { return (p.content() + p.blocks) * BlockSize }
