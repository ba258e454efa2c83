package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// style is how JSON is written.
type style struct {
	// prefix begins the lines of a list's elements but for the first, and
	// indent is added for each level. Both are empty for one line.
	prefix, indent string
	escapeHTML     bool
}

// The styles of documents, whose long lists are on the first level, and of
// facts.
var (
	pretty  = style{prefix: "    ", indent: "  "}
	compact = style{escapeHTML: true}
)

// between is what separates the elements of a list.
func (s style) between() string {
	if s.indent == "" {
		return ","
	}
	return ",\n" + s.prefix
}

// encoder returns one that leaves a line break behind each value.
func (s style) encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(s.escapeHTML)
	e.SetIndent(s.prefix, s.indent)
	return e
}

// stretch is a part of a document that isn't kept in memory: a list's elements
// that come in the place of one that is a mark, at least one.
type stretch struct {
	mark any
	each func(emit func(element any) error) error
}

// splice writes a document that was encoded with marks, in the order of the
// stretches, each mark being there once.
func splice(w io.Writer, text []byte, s style, stretches ...stretch) error {
	var buffer bytes.Buffer
	encoder := s.encoder(&buffer)
	for _, one := range stretches {
		buffer.Reset()
		if err := encoder.Encode(one.mark); err != nil {
			return err
		}
		before, after, found := bytes.Cut(text, bytes.TrimSuffix(buffer.Bytes(), []byte("\n")))
		if !found {
			return fmt.Errorf("the mark %s is not in the document", buffer.Bytes())
		}
		separator := before
		err := one.each(func(element any) error {
			buffer.Reset()
			if err := encoder.Encode(element); err != nil {
				return err
			}
			if _, err := w.Write(separator); err != nil {
				return err
			}
			separator = []byte(s.between())
			_, err := w.Write(bytes.TrimSuffix(buffer.Bytes(), []byte("\n")))
			return err
		})
		if err != nil {
			return err
		}
		text = after
	}
	_, err := w.Write(text)
	return err
}
