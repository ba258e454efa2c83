package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// depth is how much of a folder is looked at.
type depth int

const (
	// states are what stat says.
	states depth = iota
	// attributes are that, targets of symlinks, and extended attributes.
	attributes
	// contents are that, and what small files hold.
	contents
)

const (
	// smallContent is up to how many bytes content is read ahead.
	smallContent = 64 << 10
	// aheadReaders is how many files are read at a time: a disk answers many
	// questions at once faster than one after the other.
	aheadReaders = 4
	// scanLength is how many entries are looked at together, and scanAhead how
	// many times that may be on its way. Contents that don't fit into scanRoom
	// bytes are left for later, which bounds the memory to some 10 MB. They are
	// in at most scanFolders folders, as each of these is open.
	scanLength  = 32
	scanAhead   = 8
	scanRoom    = 1 << 20
	scanFolders = 8
)

// scanner goes through a folder on disk.
type scanner struct {
	// dir is the folder's absolute path without symlinks.
	dir   string
	depth depth
	// names is where names are read to.
	names []byte
	// current is being filled.
	current *batch
	spare   sync.Pool
	// order has the batches in order, and work those to be looked at.
	order, work chan *batch
}

// scan yields everything in a folder in lexical order, a folder before what it
// holds, and what depth wants of it. A symlink to the folder is followed, those
// in it are not. What can't go into a file system is an error. What is yielded
// is overwritten by the next.
//
// One goroutine reads the names, and several look at what has them, by names
// relative to a folder that is open: a million files are looked at so.
func scan(ctx context.Context, dir string, depth depth) iter.Seq2[*found, error] {
	return func(yield func(*found, error) bool) {
		top, real, err := openTop(dir)
		if err != nil {
			yield(nil, err)
			return
		}
		s := &scanner{
			dir: real, depth: depth, names: make([]byte, namesLength),
			order: make(chan *batch, scanAhead), work: make(chan *batch, scanAhead),
			spare: sync.Pool{New: func() any { return &batch{ready: make(chan struct{}, 1)} }},
		}
		s.yield(ctx, top, yield)
	}
}

// yield starts the goroutines, and yields what they find.
func (s *scanner) yield(ctx context.Context, top *openFolder, yield func(*found, error) bool) {
	inner, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var taken *batch
	defer func() {
		cancel()
		running.Wait()
		if taken != nil {
			taken.free()
		}
		for b := range s.order {
			b.free()
		}
	}()
	running.Go(func() { s.walk(inner, top) })
	for range aheadReaders {
		running.Go(func() {
			for b := range s.work {
				s.look(inner, b)
				b.ready <- struct{}{}
			}
		})
	}
	for taken = range s.order {
		select {
		case <-taken.ready:
		case <-inner.Done():
			yield(nil, ctx.Err())
			return
		}
		for i := range taken.list {
			f := &taken.list[i]
			if f.err != nil {
				yield(nil, f.err)
				return
			}
			if !yield(f, nil) {
				return
			}
		}
		taken.free()
		s.spare.Put(taken)
		taken = nil
	}
	if err := ctx.Err(); err != nil {
		yield(nil, err)
	}
}

// walk reads the names of all that is in the top folder.
func (s *scanner) walk(ctx context.Context, top *openFolder) {
	defer close(s.work)
	defer close(s.order)
	s.current = s.spare.Get().(*batch)
	err := s.folder(ctx, "", top)
	top.release()
	if err != nil {
		s.current.list = append(s.current.list, found{err: err, looked: true})
	}
	s.flush(ctx)
	s.current.free()
}

// folder reads the names of all that is in a folder.
func (s *scanner) folder(ctx context.Context, prefix string, at *openFolder) error {
	list, err := at.list(s.names)
	if err != nil {
		return s.failed(prefix, err)
	}
	for _, c := range list {
		f := found{rel: prefix + c.name, base: len(prefix)}
		kind, err := at.kind(c)
		if err == nil && len(f.rel) > maxPath {
			err = unix.ENAMETOOLONG
		}
		if err != nil {
			return s.failed(f.rel, err)
		}
		if kind&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			return fmt.Errorf("%s is a %s; only files, folders and symlinks can be taken", s.path(f.rel), kindName(kind))
		}
		f.mode = kind
		if kind != fs.ModeDir {
			if err := s.add(ctx, f, at); err != nil {
				return err
			}
			continue
		}
		if err := s.inner(ctx, f, at); err != nil {
			return err
		}
	}
	return nil
}

// inner goes through a folder in another one.
func (s *scanner) inner(ctx context.Context, f found, at *openFolder) error {
	folder, err := at.open(&f, unix.O_DIRECTORY)
	if err != nil {
		return s.failed(f.rel, err)
	}
	defer folder.release()
	if s.depth > states {
		if f.xattrs, err = openXattrs(folder.fd, s.path(f.rel)); err != nil {
			return err
		}
	}
	f.looked = true
	if err := s.add(ctx, f, at); err != nil {
		return err
	}
	return s.folder(ctx, f.rel+"/", folder)
}

// add has something looked at that is in a folder.
func (s *scanner) add(ctx context.Context, f found, in *openFolder) error {
	b := s.current
	if n := len(b.folders); !f.looked && (n == 0 || b.folders[n-1] != in) {
		in.hold()
		b.folders = append(b.folders, in)
	}
	f.in = in
	b.list = append(b.list, f)
	if len(b.list) < scanLength && len(b.folders) < scanFolders {
		return nil
	}
	s.flush(ctx)
	return ctx.Err()
}

// flush sends what is to be looked at on its way.
func (s *scanner) flush(ctx context.Context) {
	if send(ctx, s.order, s.current) {
		next := s.spare.Get().(*batch)
		send(ctx, s.work, s.current) // nobody waits for it if the context is done
		s.current = next
	}
}

// path returns the absolute path of something. It is for every file, and
// cheaper than filepath.Join.
func (s *scanner) path(rel string) string { return s.dir + "/" + rel }

// failed is an error of a system call about something in the folder.
func (s *scanner) failed(rel string, err error) error {
	if errors.Is(err, errBecame) {
		return &changedError{path: filepath.Join(s.dir, rel), became: true}
	}
	return fmt.Errorf("%s: %w", filepath.Join(s.dir, rel), err)
}
