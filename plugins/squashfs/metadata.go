package squashfs

import "encoding/binary"

// metadata is a table that is compressed in blocks of its own.
type metadata struct {
	codec codec
	// plain is what isn't compressed yet, and out what is, with the blocks'
	// headers.
	plain, out []byte
}

// place is where something begins in a table: a block, given by where it begins
// in the compressed table, and an offset in it.
type place struct {
	block  uint32
	offset uint16
}

// reference is the place of an inode, and its number.
type reference struct {
	place
	number uint32
}

// packed is a place in one number.
func (p place) packed() uint64 { return uint64(p.block)<<16 | uint64(p.offset) }

// end is where the next thing will begin.
func (m *metadata) end() place { return place{uint32(len(m.out)), uint16(len(m.plain))} }

// add appends to the table.
func (m *metadata) add(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), metadataSize-len(m.plain))
		m.plain = append(m.plain, b[:n]...)
		b = b[n:]
		if len(m.plain) == metadataSize {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush ends a block.
func (m *metadata) flush() (err error) {
	if len(m.plain) == 0 {
		return nil
	}
	m.out, err = appendMetadata(m.codec, m.out, m.plain)
	m.plain = m.plain[:0]
	return err
}

// notPacked is a header's mark of a block that isn't compressed.
const notPacked = 1 << 15

// appendMetadata appends a block of a table, with its header.
func appendMetadata(c codec, dst, block []byte) ([]byte, error) {
	at := len(dst)
	dst, packed, err := pack(c, append(dst, 0, 0), block)
	if err != nil {
		return dst, err
	}
	size := uint16(len(dst) - at - 2)
	if !packed {
		size |= notPacked
	}
	binary.LittleEndian.PutUint16(dst[at:], size)
	return dst, nil
}
