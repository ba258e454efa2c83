package layer

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Xattr is an extended attribute.
type Xattr struct {
	// Name has its namespace in front: "user.mime_type",
	// "security.capability".
	Name string
	// Value are its bytes, often no text.
	Value string
}

// What Linux takes of extended attributes. Source: linux/limits.h.
const (
	maxXattrName  = 255
	maxXattrValue = 64 << 10
)

// xattrRecord begins the PAX records of extended attributes, as GNU tar,
// libarchive and container engines have them.
const xattrRecord = "SCHILY.xattr."

// xattrs returns the extended attributes of an entry.
func xattrs(h *tar.Header) ([]Xattr, error) {
	var list []Xattr
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok {
			continue
		}
		switch space, rest, _ := strings.Cut(name, "."); {
		case space == "" || rest == "" || len(name) > maxXattrName || strings.ContainsRune(name, 0):
			return nil, fmt.Errorf("%.300q is no name of an extended attribute", name)
		case len(value) > maxXattrValue:
			return nil, fmt.Errorf("the extended attribute %q has %d bytes, more than %d", name, len(value), maxXattrValue)
		}
		list = append(list, Xattr{name, value})
	}
	if len(list) > 0 && h.Typeflag == tar.TypeLink {
		return nil, errors.New("a hard link has extended attributes, which are the file's")
	}
	slices.SortFunc(list, func(a, b Xattr) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}
