package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mholt/archiver/v4"
)

// compressions are what Decompress knows, by the first bytes.
var compressions = [...]struct {
	name, magic string
	format      archiver.Decompressor
}{
	{"gzip", "\x1f\x8b", archiver.Gz{}},
	{"bzip2", "BZh", archiver.Bz2{}},
	{"xz", "\xfd7zXZ\x00", archiver.Xz{}},
	{"zstd", "\x28\xb5\x2f\xfd", archiver.Zstd{DecoderOptions: []zstd.DOption{
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128 << 20),
	}}},
}

// Decompress returns a reader of what is compressed in r, and with what:
// "gzip", "bzip2", "xz" or "zstd". What is not compressed is returned as it
// is, with the name "". It takes no more than some 128 MiB of memory; how much
// comes out is for the caller to limit.
func Decompress(r *bufio.Reader) (io.ReadCloser, string, error) {
	head, err := r.Peek(6)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	for _, c := range compressions {
		if !bytes.HasPrefix(head, []byte(c.magic)) {
			continue
		}
		d, err := c.format.OpenReader(r)
		if err != nil {
			return nil, "", fmt.Errorf("decompress %s: %w", c.name, err)
		}
		return d, c.name, nil
	}
	return io.NopCloser(r), "", nil
}
