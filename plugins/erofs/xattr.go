package erofs

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// prefixes are the names' first parts that have a number.
var prefixes = []struct {
	text  string
	index byte
}{{"user.", 1}, {"trusted.", 4}, {"security.", 6}}

const (
	xattrHeadSize  = 12
	xattrEntrySize = 4
)

// encodeXattrs returns extended attributes as they stand behind an inode.
func encodeXattrs(all []layer.Xattr) ([]byte, error) {
	if len(all) == 0 {
		return nil, nil
	}
	b := make([]byte, xattrHeadSize)
	for _, x := range all {
		index, rest, err := splitXattr(x.Name)
		if err != nil {
			return nil, err
		}
		if len(rest) > math.MaxUint8 || len(x.Value) > math.MaxUint16 {
			return nil, fmt.Errorf("erofs can't hold an extended attribute with a name of %d and a value of %d bytes", len(x.Name), len(x.Value))
		}
		b = append(b, byte(len(rest)), index)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(x.Value)))
		b = append(append(b, rest...), x.Value...)
		b = append(b, make([]byte, align(int64(len(b)), xattrEntrySize)-int64(len(b)))...)
	}
	if (len(b)-xattrHeadSize)/xattrEntrySize+1 > math.MaxUint16 {
		return nil, fmt.Errorf("erofs can't hold %d bytes of extended attributes of one file", len(b))
	}
	return b, nil
}

// splitXattr returns the number of a name's prefix, and the rest.
func splitXattr(name string) (index byte, rest string, err error) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(name, p.text); ok && rest != "" {
			return p.index, rest, nil
		}
	}
	return 0, "", fmt.Errorf("erofs can't hold the extended attribute %q, only those of user, trusted and security", name)
}

// xattrCount is what an inode says of the length of its attributes.
func xattrCount(xattrs []byte) uint16 {
	if len(xattrs) == 0 {
		return 0
	}
	return uint16((len(xattrs)-xattrHeadSize)/xattrEntrySize + 1)
}
