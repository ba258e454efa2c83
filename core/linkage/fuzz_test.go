package linkage_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/linkage"
)

// inMemory is a system of files in memory, by their absolute paths.
type inMemory map[string]string

type memoryFile struct{ *strings.Reader }

func (memoryFile) Close() error { return nil }

func (m inMemory) Open(name string) (linkage.File, error) {
	if text, ok := m[name]; ok {
		return memoryFile{strings.NewReader(text)}, nil
	}
	return nil, fs.ErrNotExist
}

func (m inMemory) List(dir string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names
}

// conf are the places of the files of folders that are made up.
var conf = []string{"/etc/ld.so.conf", "/etc/ld.so.conf.d/a.conf", "/etc/ld.so.conf.d/b.conf", "/etc/ld.so.conf.d/c.conf", "/etc/ld-musl-x86_64.path"}

// FuzzConf has files of folders with anything in them, which may include each
// other in any way.
func FuzzConf(f *testing.F) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		f.Skip("needs a /bin/true")
	}
	f.Add("include /etc/ld.so.conf.d/*.conf\n", "/opt/lib\n", "# nothing\n/lib:/usr/lib\n")
	f.Add("include *\ninclude ld.so.conf.d/*\n", "include *\ninclude ../*\n", "include *.conf\ninclude [\n")
	f.Fuzz(func(t *testing.T, first, second, third string) {
		sys := inMemory{"/bin/true": string(program), "/etc/ld.so.cache": ""}
		for i, name := range conf {
			sys[name] = []string{first, second, third}[i%3]
		}
		if err := linkage.Check(sys, "/bin/true"); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}

// TestIncludesEndlessly has many files that all include all.
func TestIncludesEndlessly(t *testing.T) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip("needs a /bin/true")
	}
	sys := inMemory{"/bin/true": string(program), "/etc/ld.so.cache": "", "/etc/ld.so.conf": "include all/*\n"}
	for _, name := range strings.Split(strings.Repeat("x", 40), "") {
		sys["/etc/all/"+strings.Repeat(name, len(sys))] = "include *\n/nowhere\n"
	}
	if err := linkage.Check(sys, "/bin/true"); err == nil {
		t.Error("libraries were found in a system without any")
	}
}
