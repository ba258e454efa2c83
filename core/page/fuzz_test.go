package page_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/mkmini/mkmini/core/page"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// FuzzWrite writes pages of plugins that say anything of themselves.
func FuzzWrite(f *testing.F) {
	seed, err := json.Marshal(everything)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var m sdk.Manifest
		if json.Unmarshal(data, &m) != nil {
			return
		}
		if err := page.Write(io.Discard, m); err != nil {
			t.Fatal(err)
		}
	})
}
