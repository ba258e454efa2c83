package squashfs

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// codec compresses blocks, one after the other.
type codec interface {
	// compress appends the compressed block to dst.
	compress(dst, block []byte) ([]byte, error)
}

// method is a compression that Linux knows.
type method struct {
	name string
	id   uint16
	make func() (codec, error)
}

var methods = []method{{"gzip", 1, newGzip}, {"xz", 4, newXZ}, {"zstd", 6, newZstd}}

// Compressions returns the names of the compressions, the usual one first.
func Compressions() (names []string) {
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

func findMethod(name string) (method, error) {
	for _, m := range methods {
		if m.name == name {
			return m, nil
		}
	}
	return method{}, fmt.Errorf("squashfs has no compression %q", name)
}

// pack compresses a block, unless that would make it longer: then it appends
// the block as it is, and packed is false.
func pack(c codec, dst, block []byte) (out []byte, packed bool, err error) {
	out, err = c.compress(dst, block)
	if err == nil && len(out)-len(dst) >= len(block) {
		return append(out[:len(dst)], block...), false, nil
	}
	return out, true, err
}

// streamed is a codec that makes a stream of each block.
type streamed struct {
	out   bytes.Buffer
	begin func(w io.Writer) (io.WriteCloser, error)
}

func (s *streamed) compress(dst, block []byte) ([]byte, error) {
	s.out.Reset()
	w, err := s.begin(&s.out)
	if err == nil {
		_, err = w.Write(block)
	}
	if err == nil {
		err = w.Close()
	}
	return append(dst, s.out.Bytes()...), err
}

func newGzip() (codec, error) {
	z, err := zlib.NewWriterLevel(nil, zlib.BestCompression)
	return &streamed{begin: func(w io.Writer) (io.WriteCloser, error) {
		z.Reset(w)
		return z, nil
	}}, err
}

// newXZ makes streams with the check and the dictionary that the kernel's
// decoder takes.
func newXZ() (codec, error) {
	config := xz.WriterConfig{CheckSum: xz.CRC32, DictCap: BlockSize}
	return &streamed{begin: func(w io.Writer) (io.WriteCloser, error) {
		return config.NewWriter(w)
	}}, config.Verify()
}

type zstdCodec struct{ encoder *zstd.Encoder }

func newZstd() (codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(BlockSize),
		zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(false))
	return zstdCodec{encoder}, err
}

func (z zstdCodec) compress(dst, block []byte) ([]byte, error) {
	return z.encoder.EncodeAll(block, dst), nil
}
