package squashfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// unpacker decompresses a block to most bytes at most.
type unpacker func(b []byte, most int64) ([]byte, error)

var errTooLong = errors.New("a block is longer than it may be")

// unpackerFor returns that of a number in the super block.
func unpackerFor(number uint16) (unpacker, error) {
	switch number {
	case 1:
		return unzlib(), nil
	case 4:
		return unxz, nil
	case 5:
		return unlz4, nil
	case 6:
		return unzstd()
	}
	names := map[uint16]string{2: "lzma", 3: "lzo"}
	if names[number] == "" {
		return nil, broken("its compression has the unknown number %d", number)
	}
	return nil, fmt.Errorf("the squashfs file system is compressed with %s, which isn't read here; `sqfs2tar` of the Debian package squashfs-tools-ng makes a tar archive of it", names[number])
}

func readAll(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = errTooLong
	}
	return b, err
}

func unzlib() unpacker {
	var r io.ReadCloser
	return func(b []byte, most int64) (out []byte, err error) {
		in := bytes.NewReader(b)
		if r == nil {
			r, err = zlib.NewReader(in)
		} else {
			err = r.(zlib.Resetter).Reset(in, nil)
		}
		if err != nil {
			return nil, err
		}
		return readAll(r, most)
	}
}

func unzstd() (unpacker, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(8<<20))
	return func(b []byte, most int64) ([]byte, error) {
		if err := d.Reset(bytes.NewReader(b)); err != nil {
			return nil, err
		}
		return readAll(d, most)
	}, err
}

func unlz4(b []byte, most int64) ([]byte, error) {
	out := make([]byte, most)
	n, err := lz4.UncompressBlock(b, out)
	return out[:max(n, 0)], err
}

// unxz reads blocks without filters for machine code, and with a dictionary
// no longer than the longest block.
func unxz(b []byte, most int64) ([]byte, error) {
	if !plainXZ(b) {
		return nil, errors.New("an xz block has filters, or a long dictionary, which are not read here")
	}
	r, err := xz.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return readAll(r, most)
}

// plainXZ says whether the first block of a stream has no filter but LZMA2,
// with a dictionary of 1 MiB or less.
// Source: The .xz File Format, 3.1.
func plainXZ(b []byte) bool {
	const streamHead, lzma2, largest = 12, 0x21, 16
	if len(b) < streamHead+2 || b[streamHead+1]&3 != 0 {
		return false
	}
	flags := b[streamHead+1]
	b = b[streamHead+2:]
	for _, flag := range []byte{0x40, 0x80} { // the lengths of the block
		if flags&flag == 0 {
			continue
		}
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
	}
	return len(b) > 2 && b[0] == lzma2 && b[1] == 1 && b[2] <= largest
}
