package bundle

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/toolchain"
)

// FuzzManifest reads any manifest: what is accepted names nothing outside of
// the store, and has the same text when it is written again and read.
func FuzzManifest(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	good := Manifest{
		Version: 1, Host: "linux/amd64",
		Files: []File{{lockName, 1, sum}, {"plugins/mkmini-plugin-a", 2, sum}, {"sources/" + sum, 3, sum}, {"steps/compiler-a.tar", 4, sum}},
		Compilers: []toolchain.Kept{
			{Arch: "a", Block: config.From{Kind: "deb", Deb: &config.Deb{}}, Dir: "compiler-a/tree"},
		},
	}
	data, err := good.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, change := range [][2]string{
		{"sources/", "sources/../"}, {"compiler-a/tree", "compiler-a/../x"}, {`"size": 2`, `"size": 1e18`}, {`"version": 1`, `"version": 2`},
		{"linux/amd64", "linux/sw64"}, {`"deb"`, `"host"`}, {"plugin-a", "plugin-\u0000"},
	} {
		f.Add([]byte(strings.Replace(string(data), change[0], change[1], 1)))
	}
	for _, text := range []string{"", "{}", `{"version":1}`, `{"version":1e400}`, `{"version":1,"files":[{}],"compilers":[{}]}`} {
		f.Add([]byte(text))
	}
	limits := Limits{Bytes: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data, "linux/amd64", limits)
		var bad *badError
		if err != nil {
			if !errors.As(err, &bad) || bad.remedy == "" {
				t.Errorf("not for people: %v", err)
			}
			return
		}
		var total int64
		for _, e := range m.Files {
			if !filepath.IsLocal(e.Name) || strings.Contains(e.Name, "..") && filepath.Clean(e.Name) != e.Name {
				t.Errorf("it accepts %q", e.Name)
			}
			total += e.Size
		}
		for _, c := range m.Compilers {
			if !filepath.IsLocal(c.Dir) {
				t.Errorf("it accepts a compiler in %q", c.Dir)
			}
		}
		if total < 0 || total > limits.Bytes {
			t.Errorf("it accepts %d bytes", total)
		}
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(text, "linux/amd64", limits)
		twice, _ := json.Marshal(again)
		once, _ := json.Marshal(m)
		if err != nil || string(once) != string(twice) {
			t.Errorf("%s\nis read again as\n%s, %v", once, twice, err)
		}
	})
}
