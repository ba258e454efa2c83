package config

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns source text in the canonical layout: indentation, spaces
// and aligned equals signs. Nothing else changes, and text that is no HCL
// comes back with no promise but that its words are the same.
func Format(src []byte) []byte { return hclwrite.Format(src) }

// Formatted is a file in the canonical layout.
type Formatted struct {
	// Text is the whole file as it should be.
	Text []byte
	// Changed says that the file differs from Text.
	Changed bool
	// Source is what the file holds, for messages.
	Source *hcl.File
}

// FormatFile reads a file and lays it out; nothing is written. A file that
// can't be parsed is reported, and its Text is nil.
func FormatFile(name string) (Formatted, hcl.Diagnostics) {
	src, err := readText(name)
	if err != nil {
		return Formatted{}, hcl.Diagnostics{problem(startOf(name), "File not readable",
			"%q can't be read: %s. Give the path of a .hcl file.", name, cause(err))}
	}
	file, _, _, diags := parseLabels(src, name, true)
	if diags.HasErrors() {
		return Formatted{Source: file}, diags
	}
	text := Format(src)
	return Formatted{Text: text, Changed: !bytes.Equal(text, src), Source: file}, diags
}
