package erofs

import "encoding/binary"

// Where the super block is, in bytes.
const (
	superAt   = 1024
	superSize = 128
)

const (
	magic     = 0xe0f5e1e2
	blockBits = 12
)

// What readers may but need not know of: that there is a checksum, and that
// times are those of the last change of content.
const (
	compatChecksum = 1
	compatMtime    = 2
)

// putSuper writes the super block, whose bytes are zero before, but for its
// checksum.
func (p *Plan) putSuper(b []byte, uuid [16]byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], magic)
	le.PutUint32(b[8:], compatChecksum|compatMtime)
	b[12] = blockBits
	le.PutUint16(b[14:], rootAt/slotSize)
	le.PutUint64(b[16:], uint64(p.inodes))
	le.PutUint64(b[24:], uint64(p.epoch.Unix()))
	le.PutUint32(b[36:], uint32(p.Size()/BlockSize))
	copy(b[48:64], uuid[:])
}

func putChecksum(b []byte, sum uint32) { binary.LittleEndian.PutUint32(b[4:], sum) }
