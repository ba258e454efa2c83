package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads an image that [Writer] wrote.
type Reader struct {
	file  io.ReaderAt
	size  int64
	first []uint64
	// table is the one last used, number index of them.
	table []byte
	index int64
}

// NewReader reads the header.
func NewReader(file io.ReaderAt) (*Reader, error) {
	head := make([]byte, 104)
	if _, err := file.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("read qcow2 header: %w", err)
	}
	be := binary.BigEndian
	entries := be.Uint32(head[36:])
	r := &Reader{file: file, size: int64(be.Uint64(head[24:])), index: -1, table: make([]byte, clusterSize)}
	if be.Uint32(head) != magic || be.Uint32(head[4:]) != 3 || be.Uint32(head[20:]) != clusterBits || be.Uint64(head[8:]) != 0 ||
		r.size < 0 || entries > maxTable || int64(entries) != divide(divide(r.size, clusterSize), perTable) {
		return nil, errors.New("read qcow2 header: it is none that is written here")
	}
	raw := make([]byte, 8*entries)
	if _, err := file.ReadAt(raw, int64(be.Uint64(head[40:]))); err != nil {
		return nil, fmt.Errorf("read qcow2 table: %w", err)
	}
	for i := range entries {
		r.first = append(r.first, be.Uint64(raw[8*i:])&^copied)
	}
	return r, nil
}

// Size is the length of the disk in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt, for one caller at a time.
func (r *Reader) ReadAt(p []byte, at int64) (int, error) {
	for done := 0; done < len(p); {
		where := at + int64(done)
		if where < 0 || where >= r.size {
			return done, io.EOF
		}
		place, err := r.find(where / clusterSize)
		if err != nil {
			return done, err
		}
		offset := where % clusterSize
		piece := p[done:min(int64(len(p)), int64(done)+min(clusterSize-offset, r.size-where))]
		if place == 0 {
			clear(piece)
		} else if n, err := r.file.ReadAt(piece, place+offset); err != nil {
			return done + n, err
		}
		done += len(piece)
	}
	return len(p), nil
}

// find returns where a cluster is, or 0.
func (r *Reader) find(cluster int64) (int64, error) {
	index := cluster / perTable
	if r.first[index] == 0 {
		return 0, nil
	}
	if r.index != index {
		if _, err := r.file.ReadAt(r.table, int64(r.first[index])); err != nil {
			return 0, err
		}
		r.index = index
	}
	return int64(binary.BigEndian.Uint64(r.table[cluster%perTable*8:]) &^ copied), nil
}
