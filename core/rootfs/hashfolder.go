package rootfs

import (
	"bufio"
	"bytes"
	"context"
	"hash"
	"io/fs"
	"path/filepath"
	"strconv"
)

// folderHash hashes what is in a folder.
type folderHash struct {
	key folderKey
	out *bufio.Writer
	// line is where lines are put together, and quoted the name in them.
	line, quoted []byte
	// small is the content of a small file.
	small bytes.Buffer
}

// hashFolder hashes a folder's names, types, modes, contents and, if they are
// kept, owners. What it reads it notes in state, and keeps in a snapshot unless
// that is nil.
func hashFolder(ctx context.Context, h hash.Hash, state *folderState, key folderKey, keep *recorder) error {
	f := &folderHash{key: key, out: bufio.NewWriterSize(h, 64<<10)}
	for e, err := range scan(ctx, key.dir, contents) {
		if err != nil {
			return err
		}
		f.quoted = appendQuoted(f.quoted[:0], e.rel)
		state.addQuoted(f.quoted, e.state)
		if err := f.add(ctx, e); err != nil {
			return err
		}
		keep.add(e)
	}
	return f.out.Flush()
}

// add hashes one thing.
func (f *folderHash) add(ctx context.Context, e *found) error {
	line := f.line[:0]
	if f.key.owners {
		line = append(line, "owner "...)
		line = strconv.AppendUint(line, uint64(e.uid), 10)
		line = append(line, ':')
		line = strconv.AppendUint(line, uint64(e.gid), 10)
		line = append(line, '\n')
		f.out.Write(line) // a hash never fails
		line = line[:0]
	}
	hashXattrs(f.out, e.xattrs)
	switch e.mode.Type() {
	case fs.ModeDir:
		line = append(append(line, "folder "...), f.quoted...)
		line = f.mode(line, e)
	case fs.ModeSymlink:
		line = append(append(line, "symlink "...), f.quoted...)
		line = appendQuoted(append(line, ' '), e.target)
	default:
		line = append(append(line, "file "...), f.quoted...)
		line = append(f.mode(line, e), ' ')
		line = strconv.AppendInt(line, e.state.size, 10)
	}
	f.line = append(line, '\n')
	f.out.Write(f.line)
	switch {
	case e.loaded:
		f.out.Write(e.content)
	case e.mode.IsRegular():
		return f.content(ctx, e)
	}
	return nil
}

// mode appends the mode of something.
func (f *folderHash) mode(line []byte, e *found) []byte {
	return strconv.AppendUint(append(line, ' '), uint64(normalMode(e.mode)), 8)
}

// content hashes what wasn't read yet. What is small comes along from then on.
func (f *folderHash) content(ctx context.Context, e *found) error {
	c := Content{Path: filepath.Join(f.key.dir, e.rel), Size: e.state.size}
	file, err := e.reopen(c.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if c.Size > smallContent {
		return copyContent(ctx, f.out, file, c)
	}
	f.small.Reset()
	if err := copyContent(ctx, &f.small, file, c); err != nil {
		return err
	}
	e.content, e.loaded = f.small.Bytes(), true
	f.out.Write(e.content)
	return nil
}

// appendQuoted appends a string as %q has it.
func appendQuoted(to []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return strconv.AppendQuote(to, s)
		}
	}
	to = append(append(to, '"'), s...)
	return append(to, '"')
}
