package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSplice puts elements in the place of marks, and compares with what the
// encoder makes of the whole.
func TestSplice(t *testing.T) {
	type document struct {
		Name        string
		First, Next []map[string]string `json:",omitempty"`
	}
	mark := map[string]string{"mark": "1"}
	other := map[string]string{"mark": "2"}
	elements := []map[string]string{{"a": "<b>", "c": "d"}, {}, {"mark": "no \n mark"}}
	each := func(emit func(any) error) error {
		for _, e := range elements {
			if err := emit(e); err != nil {
				return err
			}
		}
		return nil
	}
	for name, s := range map[string]style{"pretty": pretty, "compact": compact} {
		whole := style{indent: s.indent, escapeHTML: s.escapeHTML}
		encode := func(d document) []byte {
			var b bytes.Buffer
			if err := whole.encoder(&b).Encode(d); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
		var got bytes.Buffer
		text := encode(document{Name: "<x>", First: []map[string]string{{"it": "stays"}, mark}, Next: []map[string]string{other}})
		if err := splice(&got, text, s, stretch{mark, each}, stretch{other, each}); err != nil {
			t.Fatal(err)
		}
		want := encode(document{Name: "<x>", First: append([]map[string]string{{"it": "stays"}}, elements...), Next: elements})
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !json.Valid(got.Bytes()) {
			t.Errorf("%s is no JSON", name)
		}
	}
	if err := splice(&bytes.Buffer{}, []byte("{}"), compact, stretch{mark, each}); err == nil || !strings.Contains(err.Error(), "mark") {
		t.Errorf("without the mark: %v", err)
	}
	broken := errors.New("no room")
	if err := splice(full{broken}, []byte(`[{"mark":"1"}]`), compact, stretch{mark, each}); !errors.Is(err, broken) {
		t.Errorf("on a full disk: %v", err)
	}
}

// full is a disk with no room.
type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }
