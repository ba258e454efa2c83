package inspect

import (
	"bytes"
	"encoding/json"
	"io"
)

// WriteJSON writes an artifact as one object, each entry in a line of its own.
// Only one of them is in memory as text at a time.
func (a *Artifact) WriteJSON(w io.Writer) error {
	head := *a
	head.Trees = nil
	err := object(w, &head, "trees", len(a.Trees), func(i int) error {
		tree := *a.Trees[i]
		entries := tree.Entries
		if tree.Entries = nil; entries == nil {
			return value(w, &tree, "")
		}
		return object(w, &tree, "entries", len(entries), func(i int) error { return value(w, entries[i], "") })
	})
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// object writes an object with a list for its last field, which v leaves out.
func object(w io.Writer, v any, list string, n int, element func(int) error) error {
	if err := value(w, v, `,"`+list+`":[`); err != nil {
		return err
	}
	for i := range n {
		separator := ",\n"
		if i == 0 {
			separator = "\n"
		}
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		if err := element(i); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "]}")
	return err
}

// value writes a value; with more, in place of the brace at its end.
func value(w io.Writer, v any, more string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if more != "" {
		data = append(bytes.TrimSuffix(data, []byte("}")), more...)
	}
	_, err = w.Write(data)
	return err
}
