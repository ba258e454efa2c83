package erofs

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// prefixes are the names' first parts that have a number.
var prefixes = []struct {
	text  string
	index byte
	whole bool // the prefix is the whole name
}{
	{"user.", 1, false}, {"system.posix_acl_access", 2, true}, {"system.posix_acl_default", 3, true},
	{"trusted.", 4, false}, {"security.", 6, false},
}

const (
	xattrHeadSize  = 12
	xattrEntrySize = 4
)

// encodeXattrs returns extended attributes as they stand behind an inode.
func encodeXattrs(all map[string]string) ([]byte, error) {
	if len(all) == 0 {
		return nil, nil
	}
	b := make([]byte, xattrHeadSize)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		index, rest, err := splitXattr(name)
		if err != nil {
			return nil, err
		}
		value := all[name]
		if len(rest) > math.MaxUint8 || len(value) > math.MaxUint16 {
			return nil, fmt.Errorf("erofs can't hold an extended attribute with a name of %d and a value of %d bytes", len(name), len(value))
		}
		b = append(b, byte(len(rest)), index)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(append(b, rest...), value...)
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
		rest, ok := strings.CutPrefix(name, p.text)
		if ok && p.whole == (rest == "") {
			return p.index, rest, nil
		}
	}
	return 0, "", fmt.Errorf("erofs can't hold the extended attribute %q, only those of user, trusted and security, and ACLs", name)
}

// xattrCount is what an inode says of the length of its attributes.
func xattrCount(xattrs []byte) uint16 {
	if len(xattrs) == 0 {
		return 0
	}
	return uint16((len(xattrs)-xattrHeadSize)/xattrEntrySize + 1)
}

// attributes returns the extended attributes of an entry.
func attributes(e layer.Entry) map[string]string { return nil }
