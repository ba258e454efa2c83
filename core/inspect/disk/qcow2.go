package disk

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Qcow2 reads the disk in an image of QEMU's, of version 2 or 3, for one
// caller at a time.
// Source: QEMU's docs/interop/qcow2.txt.
type Qcow2 struct {
	r       io.ReaderAt
	size    int64
	bits    uint // a cluster has 1<<bits bytes
	zstd    bool
	version uint32
	first   []uint64
	// table is the second one that was last read, the tableAt-th.
	table   []byte
	tableAt int64
	// unpacked is the compressed cluster that was last read.
	unpacked   []byte
	unpackedAt int64
	decoder    *zstd.Decoder
}

const (
	qcow2Magic = "QFI\xfb"
	// What a reader must know of.
	dirty, zstdCompressed = 1 << 0, 1 << 3
	// maxFirst is the most entries of the first table: as many as QEMU takes.
	maxFirst = 4 << 20
)

// IsQcow2 says whether such an image begins with head.
func IsQcow2(head []byte) bool { return bytes.HasPrefix(head, []byte(qcow2Magic)) }

// OpenQcow2 reads what describes the disk.
func OpenQcow2(r io.ReaderAt) (*Qcow2, error) {
	head := make([]byte, 112)
	if n, err := r.ReadAt(head, 0); err != nil && n < 72 {
		return nil, fmt.Errorf("read the qcow2 header: %w", err)
	}
	be := binary.BigEndian
	q := &Qcow2{r: r, version: be.Uint32(head[4:]), bits: uint(be.Uint32(head[20:])), size: int64(be.Uint64(head[24:])), tableAt: -1, unpackedAt: -1}
	switch {
	case !IsQcow2(head) || q.version != 2 && q.version != 3:
		return nil, errors.New("it is no qcow2 image of version 2 or 3")
	case be.Uint64(head[8:]) != 0:
		return nil, errors.New("it has only what differs from another image; `qemu-img convert` joins the two")
	case be.Uint32(head[32:]) != 0:
		return nil, errors.New("it is encrypted")
	case q.bits < 9 || q.bits > 21 || q.size < 0:
		return nil, errors.New("its header makes no sense")
	}
	if q.version == 3 {
		features := be.Uint64(head[72:])
		if features&^(dirty|zstdCompressed) != 0 {
			return nil, fmt.Errorf("it has features (%#x) that are not read here; `qemu-img convert` may help", features)
		}
		q.zstd = features&zstdCompressed != 0 && be.Uint32(head[100:]) > 104 && head[104] == 1
	}
	count := int64(be.Uint32(head[36:]))
	perTable := int64(1) << (q.bits - 3)
	clusters := (q.size + 1<<q.bits - 1) >> q.bits
	if count > maxFirst || count < (clusters+perTable-1)/perTable {
		return nil, fmt.Errorf("its first table has %d entries", count)
	}
	raw := make([]byte, 8*count)
	at := int64(be.Uint64(head[40:]))
	if _, err := r.ReadAt(raw, at); err != nil {
		return nil, fmt.Errorf("read the first table: %w", err)
	}
	for i := range count {
		q.first = append(q.first, be.Uint64(raw[8*i:]))
	}
	return q, nil
}

// Size is the length of the disk in bytes.
func (q *Qcow2) Size() int64 { return q.size }

// ReadAt implements io.ReaderAt, for one caller at a time.
func (q *Qcow2) ReadAt(p []byte, at int64) (int, error) {
	for done := 0; done < len(p); {
		where := at + int64(done)
		if where < 0 || where >= q.size {
			return done, io.EOF
		}
		in := where & (1<<q.bits - 1)
		piece := p[done:min(int64(len(p)), int64(done)+min(1<<q.bits-in, q.size-where))]
		if err := q.cluster(piece, where>>q.bits, in); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return len(p), nil
}

// What entries of tables say.
const (
	placeMask  = 1<<56 - 1<<9
	compressed = 1 << 62
	allZero    = 1
)

// cluster reads a part of a cluster.
func (q *Qcow2) cluster(p []byte, number, in int64) error {
	perTable := int64(1) << (q.bits - 3)
	second := q.first[number/perTable] & placeMask
	if second == 0 {
		clear(p)
		return nil
	}
	if q.tableAt != number/perTable {
		if q.table == nil {
			q.table = make([]byte, 1<<q.bits)
		}
		q.tableAt = -1
		if _, err := q.r.ReadAt(q.table, int64(second)); err != nil {
			return fmt.Errorf("read a table: %w", err)
		}
		q.tableAt = number / perTable
	}
	e := binary.BigEndian.Uint64(q.table[8*(number%perTable):])
	switch {
	case e&compressed != 0:
		if err := q.unpack(number, e); err != nil {
			return fmt.Errorf("read a compressed cluster: %w", err)
		}
		copy(p, q.unpacked[in:])
		return nil
	case e&placeMask == 0 || q.version == 3 && e&allZero != 0:
		clear(p)
		return nil
	}
	n, err := q.r.ReadAt(p, int64(e&placeMask)+in)
	if err == io.EOF && n < len(p) {
		clear(p[n:]) // the last cluster may be cut
		return nil
	}
	if n == len(p) {
		return nil
	}
	return err
}

// unpack reads a compressed cluster.
func (q *Qcow2) unpack(number int64, e uint64) error {
	if q.unpackedAt == number {
		return nil
	}
	placeBits := 62 - (q.bits - 8)
	at := int64(e & (1<<placeBits - 1))
	sectors := int64(e&(1<<62-1)>>placeBits) + 1
	r := io.NewSectionReader(q.r, at, sectors*sector-at%sector)
	if q.unpacked == nil {
		q.unpacked = make([]byte, 1<<q.bits)
	}
	q.unpackedAt = -1
	var in io.Reader
	if q.zstd {
		if q.decoder == nil {
			var err error
			if q.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20)); err != nil {
				return err
			}
		}
		if err := q.decoder.Reset(r); err != nil {
			return err
		}
		in = q.decoder
	} else {
		in = flate.NewReader(r)
	}
	if _, err := io.ReadFull(in, q.unpacked); err != nil {
		return err
	}
	q.unpackedAt = number
	return nil
}
