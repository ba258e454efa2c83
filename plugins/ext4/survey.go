package ext4

import (
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/mkmini/mkmini/plugins/layer"
)

// Plan is what must be known of a root file system before its first byte is
// written: how many inodes and blocks it needs, and the content of its
// folders.
type Plan struct {
	source  layer.Source
	epoch   time.Time
	folders map[string]*folder
	// links holds the files with more names than one, by their first.
	links map[string]link
	// lost is the entry of lost+found: the source's, or one made here.
	lost layer.Entry
	// folderInodes are the folders' inodes, ascending.
	folderInodes []uint32
	// inodes is the last one used, and data the number of blocks of content.
	inodes uint32
	data   int64
}

// link is a file with several names.
type link struct{ inode, names uint32 }

// Survey reads the source once. The epoch is the time of what the source has
// no entry for: the root and lost+found.
func Survey(source layer.Source, epoch time.Time) (*Plan, error) {
	p := &Plan{source: source, epoch: epoch, folders: make(map[string]*folder), links: make(map[string]link)}
	p.lost = layer.Entry{Name: lostFound, Type: layer.Directory, Mode: 0o700, ModTime: epoch}
	p.folders["."] = newFolder(rootInode, rootInode)
	p.folderInodes = []uint32{rootInode}
	p.addFolder(lostFound, p.folders["."], lostFoundInode)
	p.inodes = lostFoundInode
	if err := source(func(e layer.Entry, _ io.Reader) error {
		return layer.Unfit(e, p.add(e))
	}); err != nil {
		return nil, err
	}
	for _, f := range p.folders {
		f.finish()
		p.data += f.blocks()
	}
	return p, nil
}

// add notes one entry.
func (p *Plan) add(e layer.Entry) error {
	base, parent := path.Base(e.Name), p.folders[path.Dir(e.Name)]
	if err := check(e, base); err != nil {
		return err
	}
	more, err := xattrBlocks(e)
	if err != nil {
		return err
	}
	p.data += more
	if e.Name == lostFound {
		if e.Type != layer.Directory {
			return errors.New("ext4 needs it to be a folder, for what e2fsck finds")
		}
		p.lost = e
		return nil
	}
	inode := p.inodes + 1
	switch e.Type {
	case layer.Hardlink:
		return p.addLink(e, base, parent)
	case layer.Directory:
		p.addFolder(e.Name, parent, inode)
	case layer.File:
		blocks, err := fileBlocks(e.Size)
		if err != nil {
			return err
		}
		p.data += blocks
		parent.add(base, inode, e.Type)
	case layer.Symlink:
		if len(e.Target) >= inlineTarget {
			p.data++
		}
		parent.add(base, inode, e.Type)
	default:
		parent.add(base, inode, e.Type)
	}
	if inode == 1<<32-1 {
		return errors.New("ext4 can't hold that many files")
	}
	p.inodes = inode
	return nil
}

// addLink notes one more name of a file. The file's number is looked for where
// the file is: few have more names than one, and a table of all would be the
// largest thing in memory.
func (p *Plan) addLink(e layer.Entry, base string, parent *folder) error {
	l, known := p.links[e.Target]
	if !known {
		l = link{inode: p.folders[path.Dir(e.Target)].find(path.Base(e.Target)), names: 1}
	}
	if l.names++; l.names > maxLinks {
		return fmt.Errorf("ext4 can't hold more than %d names of one file", maxLinks)
	}
	p.links[e.Target] = l
	parent.add(base, l.inode, layer.File)
	return nil
}

// addFolder notes a folder that is not the root.
func (p *Plan) addFolder(name string, parent *folder, inode uint32) {
	p.folders[name] = newFolder(inode, parent.inode)
	p.folderInodes = append(p.folderInodes, inode)
	parent.add(path.Base(name), inode, layer.Directory)
	parent.folders++
}

// check refuses what ext4 can't hold.
func check(e layer.Entry, base string) error {
	if len(base) > 255 {
		return fmt.Errorf("ext4 can't hold a name of %d bytes, only up to 255", len(base))
	}
	if seconds := e.ModTime.Unix(); seconds < minTime || seconds > maxTime {
		return errors.New("ext4 can't hold a time before 1901 or after 2446")
	}
	switch e.Type {
	case layer.Symlink:
		if len(e.Target) >= BlockSize {
			return fmt.Errorf("ext4 can't hold a symlink's target of %d bytes, only up to %d", len(e.Target), BlockSize-1)
		}
	case layer.CharDevice, layer.BlockDevice:
		if e.Major >= 1<<12 || e.Minor >= 1<<20 {
			return fmt.Errorf("linux has no device %d:%d; numbers go up to 4095:1048575", e.Major, e.Minor)
		}
	}
	return nil
}
