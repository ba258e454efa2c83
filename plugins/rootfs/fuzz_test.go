package rootfs

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzZipReader reads archives that something happened to.
func FuzzZipReader(f *testing.F) {
	var plain bytes.Buffer
	w := zip.NewWriter(&plain)
	for _, name := range []string{"a/", "a/b", "c"} {
		file, err := w.Create(name)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := file.Write(bytes.Repeat([]byte(name), 50)); err != nil && name != "a/" {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Add(zipEnd{entries: 1 << 40, size: 1 << 50, offset: 1 << 60}.bytes())
	f.Add(zipEnd{}.bytes())
	path := filepath.Join(f.TempDir(), "zip")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r, err := newZipReader(file)
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) && r.read != r.end.entries {
			t.Errorf("%d of %d entries", r.read, r.end.entries)
		}
	})
}

// FuzzParseSize holds that what is shown of a size is read again.
func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"64M", "1T", "512", "0", "9223372036854775807", "8388608T", "1KK", "-1M"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, ok := parseSize(text)
		if !ok {
			return
		}
		if size <= 0 || size%512 != 0 {
			t.Errorf("%q is %d bytes", text, size)
		}
		if again, ok := parseSize(showSize(size)); size < 1<<62 && (!ok || again < size) {
			t.Errorf("%q is shown as %q", text, showSize(size))
		}
	})
}
