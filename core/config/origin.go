package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Origin is what a configuration was read from.
type Origin struct {
	// Files are its files in the order in which they count.
	Files []OriginFile
	// Variables are their values as JSON; those that are sensitive are not
	// among them, but their names are in Sensitive, sorted.
	Variables map[string]json.RawMessage
	Sensitive []string
}

// OriginFile is a file of a configuration.
type OriginFile struct {
	// Name is that in the configuration's folder.
	Name string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
}

// Origin returns what the document was read from.
func (d *Document) Origin() Origin {
	o := Origin{Variables: map[string]json.RawMessage{}}
	for _, name := range d.files {
		file := d.sources[name]
		if file == nil {
			continue
		}
		sum := sha256.Sum256(file.Bytes)
		o.Files = append(o.Files, OriginFile{filepath.Base(name), hex.EncodeToString(sum[:])})
	}
	if d.scope == nil {
		return o
	}
	for name, val := range d.scope.ctx.Variables["var"].AsValueMap() {
		if val.ContainsMarked() {
			o.Sensitive = append(o.Sensitive, name)
			continue
		}
		if text, err := ctyjson.Marshal(val, val.Type()); err == nil {
			o.Variables[name] = text
		}
	}
	slices.Sort(o.Sensitive)
	return o
}
