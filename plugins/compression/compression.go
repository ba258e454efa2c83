// Package compression compresses archives: the same bytes for the same input
// on any machine and with any number of threads, in forms that the Linux
// kernel's own decompressors take.
package compression

import (
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/ulikunitz/xz"
)

// Format is a format of compression, as file names end in it.
type Format string

// The formats.
const (
	None Format = ""
	Gzip Format = "gz"
	XZ   Format = "xz"
	Zstd Format = "zst"
)

// Blocks of a fixed size make the bytes independent of how many of them are
// compressed at once.
const gzipBlock = 1 << 20

// The kernel's decoder needs the dictionary or window in memory, and a small
// machine has little of it.
const (
	xzDictionary = 4 << 20
	zstdWindow   = 8 << 20
)

// NewWriter returns a writer that compresses to w with up to jobs threads.
// Close ends the stream, and leaves w open. An error of w is returned by the
// same or a later call, at the latest by Close.
func NewWriter(w io.Writer, format Format, jobs int) (io.WriteCloser, error) {
	switch format {
	case None:
		return nopCloser{w}, nil
	case Gzip:
		z, err := pgzip.NewWriterLevel(w, 6)
		if err != nil {
			return nil, err
		}
		// A zero in the header means no time; the zero time.Time would not be
		// written as one.
		z.ModTime = time.Unix(0, 0)
		return z, z.SetConcurrency(gzipBlock, max(1, jobs))
	case XZ:
		// The kernel's decoder knows CRC32 and none, not the usual CRC64:
		// source lib/xz, XZ_DEC_ANY_CHECK is not set.
		return xz.WriterConfig{CheckSum: xz.CRC32, DictCap: xzDictionary}.NewWriter(w)
	case Zstd:
		// What one thread writes, several do: they look for matches in a block
		// while they encode those before it.
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(max(1, jobs)), zstd.WithWindowSize(zstdWindow),
			zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(true))
	}
	return nil, fmt.Errorf("there is no compression %q", format)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
