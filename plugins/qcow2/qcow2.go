// Package qcow2 writes and reads images of disks in QEMU's format: version 3,
// with neither a backing file nor compression. What is zero takes no space.
// The format is that of QEMU's docs/interop/qcow2.rst.
package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// The units of the format.
const (
	clusterBits = 16
	clusterSize = 1 << clusterBits
	// perTable is how many entries of 8 bytes are in one cluster.
	perTable = clusterSize / 8
	// perBlock is how many counts of 2 bytes are.
	perBlock = clusterSize / 2
	// copied says of a cluster that nothing else refers to it.
	copied   = 1 << 63
	magic    = 0x514649fb
	maxTable = 1 << 22
)

// Writer writes an image. Clusters are in the order in which they are written
// to first.
type Writer struct {
	file *os.File
	// tables hold where each cluster is, 0 for none: the second of the two
	// levels, in one piece.
	tables []uint64
	size   int64
	next   uint64 // the next free cluster's number
}

// NewWriter returns a writer of a disk of size bytes to an empty file.
func NewWriter(file *os.File, size int64) (*Writer, error) {
	if clusters := divide(size, clusterSize); size > 0 && clusters/perTable < maxTable {
		return &Writer{file: file, size: size, next: 1, tables: make([]uint64, clusters)}, nil
	}
	return nil, fmt.Errorf("qcow2 can't hold a disk of %d bytes", size)
}

// WriteAt implements io.WriterAt.
func (w *Writer) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > w.size {
		return 0, errors.New("write beyond the end of the disk")
	}
	for done := 0; done < len(p); {
		index, offset := (at+int64(done))/clusterSize, (at+int64(done))%clusterSize
		piece := p[done:min(len(p), done+int(clusterSize-offset))]
		if w.tables[index] == 0 && !isZero(piece) {
			w.tables[index] = w.allocate(1)
		}
		if place := w.tables[index]; place != 0 {
			if n, err := w.file.WriteAt(piece, int64(place)+offset); err != nil {
				return done + n, err
			}
		}
		done += len(piece)
	}
	return len(p), nil
}

// allocate returns the offset of so many clusters.
func (w *Writer) allocate(clusters uint64) uint64 {
	first := w.next
	w.next += clusters
	return first * clusterSize
}

var zeros [clusterSize]byte

func isZero(p []byte) bool { return bytes.Equal(p, zeros[:len(p)]) }

// Close writes what leads to the clusters. It leaves the file open.
func (w *Writer) Close() error {
	first := make([]byte, 8*divide(int64(len(w.tables)), perTable))
	for i := 0; i < len(w.tables); i += perTable {
		part := w.tables[i:min(i+perTable, len(w.tables))]
		table, used := make([]byte, clusterSize), false
		for j, place := range part {
			if place != 0 {
				binary.BigEndian.PutUint64(table[8*j:], place|copied)
				used = true
			}
		}
		if !used {
			continue
		}
		place := w.allocate(1)
		binary.BigEndian.PutUint64(first[8*i/perTable:], place|copied)
		if _, err := w.file.WriteAt(table, int64(place)); err != nil {
			return err
		}
	}
	firstPlace := w.allocate(uint64(divide(int64(len(first)), clusterSize)))
	countsPlace, countsClusters, err := w.writeCounts()
	if err != nil {
		return err
	}
	if _, err := w.file.WriteAt(first, int64(firstPlace)); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(w.header(uint32(len(first)/8), firstPlace, countsPlace, countsClusters), 0); err != nil {
		return err
	}
	return w.file.Truncate(int64(w.next * clusterSize))
}

// writeCounts says of all clusters, its own with them, that they are in use
// once. It returns where the table of blocks of counts is, and its length in
// clusters.
func (w *Writer) writeCounts() (place uint64, clusters uint32, err error) {
	var blocks, tables uint64
	for {
		total := w.next + blocks + tables
		needBlocks := uint64(divide(int64(total), perBlock))
		needTables := uint64(divide(int64(needBlocks), perTable))
		if needBlocks == blocks && needTables == tables {
			break
		}
		blocks, tables = needBlocks, needTables
	}
	blocksPlace := w.allocate(blocks)
	place = w.allocate(tables)
	table := make([]byte, tables*clusterSize)
	for i := range blocks {
		binary.BigEndian.PutUint64(table[8*i:], blocksPlace+i*clusterSize)
		block := make([]byte, clusterSize)
		for j := range min(perBlock, w.next-i*perBlock) {
			block[2*j+1] = 1
		}
		if _, err := w.file.WriteAt(block, int64(blocksPlace+i*clusterSize)); err != nil {
			return 0, 0, err
		}
	}
	_, err = w.file.WriteAt(table, int64(place))
	return place, uint32(tables), err
}

// header returns the header.
func (w *Writer) header(entries uint32, first, counts uint64, countsClusters uint32) []byte {
	b := make([]byte, clusterSize)
	be := binary.BigEndian
	be.PutUint32(b[0:], magic)
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(w.size))
	be.PutUint32(b[36:], entries)
	be.PutUint64(b[40:], first)
	be.PutUint64(b[48:], counts)
	be.PutUint32(b[56:], countsClusters)
	be.PutUint32(b[96:], 4) // counts have 1<<4 bits
	be.PutUint32(b[100:], 104)
	return b
}

func divide(n, by int64) int64 { return (n + by - 1) / by }
