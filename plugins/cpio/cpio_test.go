package cpio

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// item is an entry with its content.
type item struct {
	Header  Header
	Content string
}

func write(w io.Writer, items []item) error {
	archive := NewWriter(w)
	for _, i := range items {
		if err := archive.WriteHeader(i.Header); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, i.Content); err != nil {
			return err
		}
	}
	return archive.Close()
}

func read(r io.Reader) ([]item, error) {
	var items []item
	archive := NewStrictReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return items, err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return items, err
		}
		items = append(items, item{h, string(content)})
	}
}

func sample() []item {
	return []item{
		{Header{Name: "d", Ino: 1, Mode: Directory | 0o755, Links: 2}, ""},
		{Header{Name: "d/f", Ino: 2, Mode: File | 0o644, Links: 2, UID: 1<<32 - 1, ModTime: 1<<32 - 1, Size: 5}, "hello"},
		{Header{Name: "d/g", Ino: 2, Mode: File | 0o644, Links: 2}, ""},
		{Header{Name: "l", Ino: 3, Mode: Symlink | 0o777, Links: 1, Size: 3}, "d/f"},
		{Header{Name: "n", Ino: 4, Mode: CharDevice | 0o666, Links: 1, Major: 1, Minor: 3}, ""},
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		items := rapid.SliceOf(rapid.Custom(func(rt *rapid.T) item {
			number := rapid.Uint32()
			content := rapid.StringN(0, 50, 200).Draw(rt, "content")
			return item{Header{
				Name: rapid.StringMatching(`[a-zé/]{1,40}`).Draw(rt, "name"),
				Ino:  number.Draw(rt, "ino"), Mode: number.Draw(rt, "mode"), UID: number.Draw(rt, "uid"), GID: number.Draw(rt, "gid"),
				Links: number.Draw(rt, "links"), ModTime: number.Draw(rt, "time"), Size: uint32(len(content)),
				Major: number.Draw(rt, "major"), Minor: number.Draw(rt, "minor"),
			}, content}
		})).Draw(rt, "items")
		var archive bytes.Buffer
		if err := write(&archive, items); err != nil {
			rt.Fatal(err)
		}
		if archive.Len()%blockSize != 0 {
			rt.Fatalf("%d bytes", archive.Len())
		}
		got, err := read(&archive)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(items, append([]item{}, got...)); diff != "" && len(items) > 0 {
			rt.Fatal(diff)
		}
	})
}

func TestWriterRefuses(t *testing.T) {
	for name, items := range map[string][]item{
		"no name":      {{Header: Header{}}},
		"long name":    {{Header: Header{Name: strings.Repeat("n", 4096)}}},
		"trailer":      {{Header: Header{Name: Trailer}}},
		"NUL":          {{Header: Header{Name: "a\x00b"}}},
		"too much":     {{Header{Name: "a", Size: 1}, "12"}},
		"too little":   {{Header{Name: "a", Size: 3}, "12"}},
		"little, more": {{Header{Name: "a", Size: 3}, "12"}, {Header: Header{Name: "b"}}},
	} {
		if err := write(io.Discard, items); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := write(io.Discard, []item{{Header: Header{Name: strings.Repeat("n", 4095)}}}); err != nil {
		t.Error(err)
	}
}

// full takes n bytes and then fails, or writes less without an error.
type full struct {
	n     int
	short bool
}

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.n)
	f.n -= n
	if n < len(p) && !f.short {
		return n, errFull
	}
	return n, nil
}

func TestWriteErrorIsSeen(t *testing.T) {
	var whole bytes.Buffer
	if err := write(&whole, sample()); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if err := write(&full{n: n}, sample()); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if err := write(&full{n: n, short: true}, sample()); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("short after %d bytes: %v", n, err)
		}
	}
}

func TestCutArchiveIsSeen(t *testing.T) {
	var whole bytes.Buffer
	if err := write(&whole, sample()); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if _, err := read(bytes.NewReader(whole.Bytes()[:n])); err == nil {
			t.Errorf("no error for %d of %d bytes", n, whole.Len())
		}
	}
	if _, err := read(strings.NewReader(whole.String() + "x")); err == nil {
		t.Error("no error for what follows the archive")
	}
}

// FuzzReader checks that what is read can be written, and reads the same.
func FuzzReader(f *testing.F) {
	var whole bytes.Buffer
	if err := write(&whole, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:120])
	f.Fuzz(func(t *testing.T, archive []byte) {
		items, err := read(bytes.NewReader(archive))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := write(&again, items); err != nil {
			t.Fatal(err)
		}
		got, err := read(&again)
		if diff := cmp.Diff(items, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}
