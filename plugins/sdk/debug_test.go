package sdk

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseReattach reads what somebody has in the environment. What is taken
// means the same when it is written anew.
func FuzzParseReattach(f *testing.F) {
	f.Add(`{"a":{"network":"unix","address":"/s","pid":1,"protocol":1,"executable":"/a","args":["x"]}}`)
	f.Add(`{"a":{"network":"tcp"}}`)
	f.Add(`[]`)
	f.Add(`{} {}`)
	f.Fuzz(func(t *testing.T, value string) {
		all, err := ParseReattach(value)
		if err != nil || value == "" {
			return
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseReattach(string(text))
		if diff := cmp.Diff(all, again); diff != "" || err != nil {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
	})
}
