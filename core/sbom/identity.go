package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// digest returns the sha256 of all facts together with a word.
func (f Facts) digest(word string) ([]byte, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", word)
	files := f.Files
	var stretches []stretch
	if len(files) > 0 {
		mark := File{Path: "mark"}
		f.Files = []File{mark}
		stretches = []stretch{{mark, func(emit func(any) error) error {
			for i := range files {
				if err := emit(&files[i]); err != nil {
					return err
				}
			}
			return nil
		}}}
	}
	var text bytes.Buffer
	if err := compact.encoder(&text).Encode(f); err != nil {
		return nil, err
	}
	if err := splice(h, text.Bytes(), compact, stretches...); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// uuid returns a UUID that is the same for the same facts. Version 8 is for
// those that are made in a way of one's own.
// Source: RFC 9562, section 5.8.
func (f Facts) uuid(word string) (string, error) {
	d, err := f.digest(word)
	if err != nil {
		return "", err
	}
	d[6], d[8] = d[6]&0x0f|0x80, d[8]&0x3f|0x80
	text := hex.EncodeToString(d[:16])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"), nil
}

// documentName names the document for people.
func (f Facts) documentName() string { return f.Name + "-" + f.Arch }

// namespace returns the URI that names one SPDX document and no other.
func (f Facts) namespace() (string, error) {
	id, err := f.uuid("spdx")
	if err != nil {
		return "", err
	}
	if f.Namespace == "" {
		return "urn:uuid:" + id, nil
	}
	return strings.TrimSuffix(f.Namespace, "/") + "/" + f.documentName() + "-" + id, nil
}

// slug makes a text fit for an identifier of SPDX: letters, digits, dots and
// dashes.
func slug(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, text)
}

// fileID names a file in a document. Other names may have the same slug.
func fileID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("File-%.40s-%x", slug(path.Base(name)), sum[:8])
}

// shown returns a path as JSON can hold it: bytes that are no UTF-8 are
// written as \xff, and a backslash before such a byte is clear by that.
func shown(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, name[0])
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}
