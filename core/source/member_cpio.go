package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/mkmini/mkmini/plugins/cpio"
)

// inode identifies a file in a cpio archive.
type inode struct{ major, minor, ino uint32 }

// links are the files with several names in a cpio archive. The content is with
// one of them, mostly the last: names before that wait for it.
type links struct {
	// first is the name that a file was handed over by.
	first map[inode]string
	// waiting are names in front of the content, and order their files.
	waiting map[inode][]Member
	order   []inode
	count   int
}

// cpio reads a cpio archive; direct says that it isn't compressed.
func (m *members) cpio(ctx context.Context, r *bufio.Reader, direct bool) error {
	archive := cpio.NewReader(r)
	l := &links{first: make(map[inode]string), waiting: make(map[inode][]Member)}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := m.cpioEntry(ctx, archive, h, l, direct); err != nil {
			return fmt.Errorf("entry %.300q: %w", h.Name, err)
		}
	}
	for _, id := range l.order {
		if names := l.waiting[id]; len(names) > 0 {
			if err := m.cpioFirst(ctx, names[0], strings.NewReader(""), id, l); err != nil {
				return fmt.Errorf("entry %.300q: %w", names[0].Name, err)
			}
		}
	}
	return onlyZeros(r)
}

// onlyZeros refuses a second archive behind the first, of which the kernel
// unpacks both.
func onlyZeros(r *bufio.Reader) error {
	for {
		switch b, err := r.ReadByte(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read the archive: %w", err)
		case b != 0:
			return errors.New("something follows the end of the cpio archive; write an overlay for each of several archives")
		}
	}
}

// cpioTypes are the types in a mode. Source: inode(7).
var cpioTypes = map[uint32]fs.FileMode{
	0o100000: 0, 0o040000: fs.ModeDir, 0o120000: fs.ModeSymlink, 0o020000: fs.ModeDevice | fs.ModeCharDevice,
	0o060000: fs.ModeDevice, 0o010000: fs.ModeNamedPipe, 0o140000: fs.ModeSocket,
}

func (m *members) cpioEntry(ctx context.Context, archive *cpio.Reader, h cpio.Header, l *links, direct bool) error {
	kind, known := cpioTypes[h.Mode&0o170000]
	if !known {
		return fmt.Errorf("it has the unknown mode %o", h.Mode)
	}
	one := Member{
		Type: kind, Mode: h.Mode & 0o7777, UID: int64(h.UID), GID: int64(h.GID), Major: int64(h.Major), Minor: int64(h.Minor), Offset: -1,
	}
	var err error
	if one.Name, err = memberName(h.Name); err != nil {
		return err
	}
	switch kind {
	case 0:
		if one.Size = int64(h.Size); direct {
			one.Offset = archive.Offset()
		}
		id := inode{h.DevMajor, h.DevMinor, h.Ino}
		if h.Links < 2 {
			id = inode{}
		}
		return m.cpioFile(ctx, one, archive, id, l)
	case fs.ModeSymlink:
		target, err := io.ReadAll(io.LimitReader(archive, maxTarget+1))
		if err != nil {
			return err
		}
		one.Target = string(target)
	}
	return m.add(ctx, one, strings.NewReader(""))
}

// cpioFile hands over a file, or another name of one, or has it wait for its
// content. The inode is zero for a file with one name.
func (m *members) cpioFile(ctx context.Context, one Member, content io.Reader, id inode, l *links) error {
	first, known := l.first[id]
	switch {
	case id == (inode{}):
		return m.add(ctx, one, content)
	case known:
		return m.cpioLink(ctx, one, first)
	case one.Size > 0:
		return m.cpioFirst(ctx, one, content, id, l)
	}
	if l.count++; l.count > m.limits.Entries {
		return errTooMany
	}
	if len(l.waiting[id]) == 0 {
		l.order = append(l.order, id)
	}
	l.waiting[id] = append(l.waiting[id], one)
	return nil
}

// cpioFirst hands over a file with several names, and those that waited.
func (m *members) cpioFirst(ctx context.Context, one Member, content io.Reader, id inode, l *links) error {
	if err := m.add(ctx, one, content); err != nil {
		return err
	}
	l.first[id] = one.Name
	for _, other := range l.waiting[id] {
		if other.Name == one.Name {
			continue
		}
		if err := m.cpioLink(ctx, other, one.Name); err != nil {
			return err
		}
	}
	delete(l.waiting, id)
	return nil
}

func (m *members) cpioLink(ctx context.Context, one Member, target string) error {
	return m.add(ctx, Member{Name: one.Name, Link: true, Target: target, Offset: -1}, strings.NewReader(""))
}
