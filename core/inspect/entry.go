package inspect

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/mkmini/mkmini/core/capability"
)

// Type is what an entry is, by the letter that ls has for it.
type Type byte

// The types. Broken is a hard link to what isn't there.
const (
	File        Type = '-'
	Folder      Type = 'd'
	Symlink     Type = 'l'
	CharDevice  Type = 'c'
	BlockDevice Type = 'b'
	Fifo        Type = 'p'
	Socket      Type = 's'
	Broken      Type = 'h'
)

// String names the type as JSON has it.
func (t Type) String() string {
	switch t {
	case File:
		return "file"
	case Folder:
		return "directory"
	case Symlink:
		return "symlink"
	case CharDevice:
		return "char device"
	case BlockDevice:
		return "block device"
	case Fifo:
		return "fifo"
	case Socket:
		return "socket"
	case Broken:
		return "broken hardlink"
	}
	return "unknown"
}

// Digest is a SHA-256.
type Digest [32]byte

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Entry is a file, a folder or whatever else has a name.
type Entry struct {
	// Path begins with a slash: that of the root is "/".
	Path string
	// Type is what it is.
	Type Type
	// Implied says that a folder is there only because of what is in it: the
	// archive has no entry for it, and says nothing of its mode or owner.
	Implied bool
	// Mode has the permissions with setuid, setgid and the sticky bit.
	Mode uint32
	// UID and GID are the owner's numbers.
	UID, GID int
	// Size is the length of a file in bytes; 0 for all else.
	Size int64
	// ModTime is in seconds since 1970; fractions are left out.
	ModTime int64
	// Target is where a symlink leads, or a broken hard link.
	Target string
	// Link is the first path of a file that has several; empty for that.
	Link string
	// Major and Minor are a device's numbers.
	Major, Minor uint32
	// SHA256 is that of a file's content.
	SHA256 Digest
	// Xattrs are extended attributes by name.
	Xattrs map[string]string
	// ELF is nil for what is no ELF file.
	ELF *ELF
}

// entryJSON is an entry in JSON. Names that aren't UTF-8 are there once more
// as bytes.
type entryJSON struct {
	Path        string            `json:"path"`
	PathBytes   []byte            `json:"path_bytes,omitempty"`
	Type        string            `json:"type"`
	Implied     bool              `json:"implied,omitempty"`
	Mode        string            `json:"mode"`
	UID         int               `json:"uid"`
	GID         int               `json:"gid"`
	Size        int64             `json:"size"`
	ModTime     int64             `json:"mtime"`
	Target      string            `json:"target,omitempty"`
	TargetBytes []byte            `json:"target_bytes,omitempty"`
	Link        string            `json:"hardlink_to,omitempty"`
	LinkBytes   []byte            `json:"hardlink_to_bytes,omitempty"`
	Major       *uint32           `json:"major,omitempty"`
	Minor       *uint32           `json:"minor,omitempty"`
	SHA256      string            `json:"sha256,omitempty"`
	Xattrs      map[string][]byte `json:"xattrs,omitempty"`
	ELF         *ELF              `json:"elf,omitempty"`
}

// MarshalJSON writes the mode in octal, and names as text and, where they are
// no UTF-8, as base64 too.
func (e *Entry) MarshalJSON() ([]byte, error) {
	j := entryJSON{
		Path: e.Path, PathBytes: raw(e.Path), Type: e.Type.String(), Implied: e.Implied, Mode: fmt.Sprintf("%04o", e.Mode),
		UID: e.UID, GID: e.GID, Size: e.Size, ModTime: e.ModTime, ELF: e.ELF,
		Target: e.Target, TargetBytes: raw(e.Target), Link: e.Link, LinkBytes: raw(e.Link),
	}
	if e.Type == File {
		j.SHA256 = e.SHA256.String()
	}
	if e.isDevice() {
		j.Major, j.Minor = &e.Major, &e.Minor
	}
	for name, value := range e.Xattrs {
		if j.Xattrs == nil {
			j.Xattrs = map[string][]byte{}
		}
		j.Xattrs[name] = []byte(value)
	}
	return json.Marshal(j)
}

func raw(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

func (e *Entry) isDevice() bool { return e.Type == CharDevice || e.Type == BlockDevice }

// Quote returns a name as it is if it can be shown in a line, else in Go's
// quotes.
func Quote(name string) string { return quoted(name) }

func quoted(name string) string {
	plain := utf8.ValidString(name) && name != "" && name[0] != '"' && name[0] != ' ' && name[len(name)-1] != ' '
	for _, r := range name {
		plain = plain && unicode.IsPrint(r) && r != '\\'
	}
	if plain {
		return name
	}
	return strconv.Quote(name)
}

// Xattr returns an extended attribute for people: file capabilities as getcap
// has them, all else as it is.
func (e *Entry) Xattr(name string) string {
	if name == capability.Attribute {
		if set, err := capability.Decode([]byte(e.Xattrs[name])); err == nil {
			return set.String()
		}
	}
	return e.Xattrs[name]
}

// Totals sum entries up. A file with several names counts once as a file, and
// its other names as hard links.
type Totals struct {
	Entries     int `json:"entries"`
	Files       int `json:"files"`
	Directories int `json:"directories"`
	Symlinks    int `json:"symlinks"`
	Hardlinks   int `json:"hardlinks"`
	// Devices are those of characters and of blocks.
	Devices int `json:"devices"`
	// Others are fifos, sockets and broken hard links.
	Others int `json:"others"`
	// Bytes is the content of all files.
	Bytes int64 `json:"bytes"`
}

func (t *Totals) add(e *Entry) {
	t.Entries++
	switch {
	case e.Link != "":
		t.Hardlinks++
	case e.Type == File:
		t.Files++
		t.Bytes += e.Size
	case e.Type == Folder:
		t.Directories++
	case e.Type == Symlink:
		t.Symlinks++
	case e.isDevice():
		t.Devices++
	default:
		t.Others++
	}
}
