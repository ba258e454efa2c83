package squashfs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/mkmini/mkmini/plugins/layer"
)

// spaces are the names' first parts, by their number.
var spaces = []string{"user.", "trusted.", "security."}

// encodeXattrs returns extended attributes as they stand in their table.
func encodeXattrs(all []layer.Xattr) (b []byte, err error) {
	for _, x := range all {
		space, rest, err := splitXattr(x.Name)
		if err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint16(b, space)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(rest)))
		b = append(b, rest...)
		b = appendNumbers(b, uint32(len(x.Value)))
		b = append(b, x.Value...)
	}
	return b, nil
}

// splitXattr returns the number of a name's first part, and the rest.
func splitXattr(name string) (space uint16, rest string, err error) {
	for i, s := range spaces {
		if rest, ok := strings.CutPrefix(name, s); ok && rest != "" && len(rest) <= maxName {
			return uint16(i), rest, nil
		}
	}
	return 0, "", fmt.Errorf("squashfs can't hold the extended attribute %.300q: it has user, security and trusted ones, with names of up to %d bytes", name, maxName)
}

// xattrs are the sets of extended attributes. Files with the same ones share
// them.
type xattrs struct {
	// values is the table of all, and list that of the sets in it.
	values metadata
	list   []byte
	known  map[string]uint32
}

// add returns the number of a set, none for an empty one.
func (x *xattrs) add(all []layer.Xattr) (uint32, error) {
	if len(all) == 0 {
		return none, nil
	}
	set, err := encodeXattrs(all)
	if err != nil {
		return 0, err
	}
	if number, known := x.known[string(set)]; known {
		return number, nil
	}
	number := uint32(len(x.known))
	x.known[string(set)] = number
	x.list = binary.LittleEndian.AppendUint64(x.list, x.values.end().packed())
	x.list = appendNumbers(x.list, uint32(len(all)), uint32(len(set)))
	return number, x.values.add(set)
}
