package cpio_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/cpio"
)

// entry returns an entry with its padding.
func entry(magic, name, content string) string {
	head := fmt.Sprintf("%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", magic,
		7, 0o100644, 1, 2, 1, 9, len(content), 3, 4, 5, 6, len(name)+1, 0, name)
	pad := func(s string) string { return s + strings.Repeat("\x00", -len(s)&3) }
	return pad(head) + pad(content)
}

func read(archive string) (names []string, headers []cpio.Header, err error) {
	r := cpio.NewReader(bufio.NewReader(strings.NewReader(archive)))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return names, headers, nil
		}
		if err != nil {
			return names, headers, err
		}
		at := r.Offset()
		content, err := io.ReadAll(r)
		if err != nil {
			return names, headers, err
		}
		if direct := archive[at : at+int64(h.Size)]; direct != string(content) {
			return names, headers, fmt.Errorf("%s is not at %d", h.Name, at)
		}
		names, headers = append(names, h.Name+"="+string(content)), append(headers, h)
	}
}

func TestForeign(t *testing.T) {
	end := entry("070701", cpio.Trailer, "")
	names, headers, err := read(entry("070701", "a", "12345") + entry("070702", "b/c\n", "") + end)
	if diff := cmp.Diff([]string{"a=12345", "b/c\n="}, names); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	want := cpio.Header{Name: "a", Ino: 7, Mode: 0o100644, UID: 1, GID: 2, Links: 1, ModTime: 9, Size: 5, DevMajor: 3, DevMinor: 4, Major: 5, Minor: 6}
	if headers[0] != want {
		t.Errorf("got %+v, want %+v", headers[0], want)
	}
	for name, archive := range map[string]string{
		"empty": "", "cut head": end[:50], "cut name": end[:112], "cut content": entry("070701", "a", "12345")[:115],
		"no end": entry("070701", "a", "1"), "magic": entry("070707", "a", "") + end,
		"number":    strings.Replace(entry("070701", "a", ""), "00000007", "0000000x", 1) + end,
		"long name": entry("070701", strings.Repeat("n", 4096), "") + end,
		"no name":   strings.Replace(entry("070701", "a", ""), "0000000200000000a", "0000000000000000a", 1) + end,
	} {
		if names, _, err := read(archive); err == nil {
			t.Errorf("%s: read %q", name, names)
		}
	}
}

func FuzzForeign(f *testing.F) {
	f.Add([]byte(entry("070701", "a", "12345") + entry("070701", cpio.Trailer, "")))
	f.Add([]byte(entry("070702", "", "")))
	f.Fuzz(func(t *testing.T, archive []byte) {
		r := cpio.NewReader(bufio.NewReader(bytes.NewReader(archive)))
		for {
			h, err := r.Next()
			if err != nil {
				return
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil && n != int64(h.Size) || r.Offset() > int64(len(archive)) {
				t.Fatalf("%d bytes of %d, at %d of %d", n, h.Size, r.Offset(), len(archive))
			}
		}
	})
}
