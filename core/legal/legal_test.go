package legal_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/legal"
	"github.com/mkmini/mkmini/core/testenv"
)

// facts are those of a system of one architecture.
func facts(t *testing.T) legal.Facts {
	t.Helper()
	tarball := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(tarball, []byte("a tarball"), 0o600); err != nil {
		t.Fatal(err)
	}
	return legal.Facts{
		Name: "mini", Mkmini: "1.0.0", Epoch: time.Unix(315532800, 0),
		Configuration: []legal.File{{Name: "mini.hcl", Data: []byte("name = \"mini\"\n")}},
		Programs: []legal.Program{
			{
				Name: "busybox", Version: "1.35.0", License: "GPL-2.0-only",
				Sources: []legal.Source{{
					File: legal.File{Name: "busybox-1.35.0.tar.bz2", Path: tarball}, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte("a tarball"))), URL: "https://busybox.net/b",
				}},
				Texts: []legal.File{{Name: "LICENSE", Data: []byte("GPL\n")}, {Name: "bz/LICENSE", Data: []byte("BSD\n")}},
			},
			{Name: "glibc", Version: "2.36", License: "LGPL-2.1-or-later", Archs: []string{"a64"}, Missing: `It came with the "compiler", somehow.`},
		},
		Builds: []legal.Build{{
			Arch: "a64", Busybox: "busybox-1.35.0.tar.bz2", Config: legal.File{Data: []byte("CONFIG_X=y\n")}, SHA256: strings.Repeat("a", 64),
			Patches: map[string][]legal.File{"busybox": {{Name: "sub/2.patch", Data: []byte("2")}, {Name: "1.patch", Data: []byte("1")}}},
			CC:      "a64-gcc", Prefix: "a64-", Compiler: "it's gcc", KernelArch: "a64", Flags: []string{"-O2", "-g"},
			Pins: map[string]string{"gcc-12": "12.2.0 sha256:b"},
		}},
	}
}

// tree returns what is in a folder: modes, times and contents by name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if !d.IsDir() {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(dir, path)
		all[rel] = fmt.Sprintf("%v %d %s", info.Mode(), info.ModTime().Unix(), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPlace(t *testing.T) {
	out := filepath.Join(t.TempDir(), "legal")
	for range 2 { // the second one replaces the first
		if err := legal.Place(t.Context(), facts(t), out); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"README", "SHA256SUMS", "manifest.json", "manifest.csv", "rebuild.sh", "configuration/mini.hcl", "sources/busybox-1.35.0.tar.bz2",
		"licenses/busybox-1.35.0/LICENSE", "licenses/busybox-1.35.0/bz/LICENSE", "builds/a64/build.env", "builds/a64/busybox.config",
		"builds/a64/patches/busybox/1.patch", "builds/a64/patches/busybox/sub/2.patch",
	} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	if got := tree(t, out)["builds/a64/patches/busybox/series"]; !strings.HasSuffix(got, "sub/2.patch\n1.patch\n") {
		t.Errorf("the order of patches is %q", got)
	}
	sums := exec.CommandContext(t.Context(), testenv.Tool(t, "sha256sum", "coreutils"), "--check", "--strict", "SHA256SUMS")
	sums.Dir = out
	if text, err := sums.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	env := testenv.Output(t, "sh", "-euc", `. "$0"; echo "$CC|$COMPILER|$FLAGS|$TIMESTAMP"`, filepath.Join(out, "builds/a64/build.env"))
	if want := "a64-gcc|it's gcc, |-O2 -g|1980-01-01 00:00:00 UTC\n"; env != want {
		t.Errorf("a shell reads %q, want %q", env, want)
	}
}

func TestManifests(t *testing.T) {
	out := filepath.Join(t.TempDir(), "legal")
	if err := legal.Place(t.Context(), facts(t), out); err != nil {
		t.Fatal(err)
	}
	table, err := os.Open(filepath.Join(out, "manifest.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	rows, err := csv.NewReader(table).ReadAll()
	if err != nil || len(rows) != 3 || rows[2][7] != `It came with the "compiler", somehow.` || rows[1][2] != "GPL-2.0-only" {
		t.Errorf("%v: %q", err, rows)
	}
	var m struct {
		Programs []struct {
			Name, Missing string
			LicenseFiles  []string `json:"license_files"`
			Sources       []struct{ Name, SHA256 string }
		}
		Files map[string]string
	}
	text, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Programs {
		for _, name := range p.LicenseFiles {
			if m.Files[name] == "" {
				t.Errorf("%s names %s, which is not listed", p.Name, name)
			}
		}
		for _, s := range p.Sources {
			if m.Files[s.Name] != s.SHA256 {
				t.Errorf("%s names %+v, and listed is %s", p.Name, s, m.Files[s.Name])
			}
		}
		if (p.Missing == "") == (len(p.Sources) == 0) {
			t.Errorf("%s is neither there nor missing", p.Name)
		}
	}
	readme := tree(t, out)["README"]
	if !strings.Contains(readme, "What is not here") || !strings.Contains(readme, "gcc-12 12.2.0") {
		t.Errorf("the README is %s", readme)
	}
}

func TestSameBytes(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, out := range []string{one, other} {
		if err := legal.Place(t.Context(), facts(t), out); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(tree(t, one), tree(t, other)); diff != "" {
		t.Errorf("(-one +other):\n%s", diff)
	}
	gnu := testenv.Tool(t, "tar", "tar")
	testenv.Tool(t, "zstd", "zstd")
	for _, ending := range []string{".tar", ".tar.gz", ".tar.zst"} {
		var texts [2][]byte
		for i := range texts {
			out := filepath.Join(t.TempDir(), "legal"+ending)
			if err := legal.Place(t.Context(), facts(t), out); err != nil {
				t.Fatal(err)
			}
			var err error
			if texts[i], err = os.ReadFile(out); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			testenv.Output(t, gnu, "-C", dir, "--no-same-owner", "-xpf", out)
			if diff := cmp.Diff(tree(t, one), tree(t, filepath.Join(dir, "mini-legal"))); diff != "" {
				t.Errorf("%s (-folder +archive):\n%s", ending, diff)
			}
		}
		if string(texts[0]) != string(texts[1]) {
			t.Errorf("%s differs from time to time", ending)
		}
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := legal.Place(t.Context(), facts(t), dir)
	if f, ok := err.(*fault.Error); !ok || f.Remedy == "" {
		t.Errorf("a folder of somebody else's: %v", err)
	}
	for name, change := range map[string]func(*legal.Facts){
		"another source": func(f *legal.Facts) { f.Programs[0].Sources[0].SHA256 = strings.Repeat("0", 64) },
		"no source":      func(f *legal.Facts) { f.Programs[0].Sources[0].Path += "x" },
		"a path outside": func(f *legal.Facts) { f.Configuration[0].Name = "../../x" },
		"a line break":   func(f *legal.Facts) { f.Programs[0].Texts[0].Name = "a\nb" },
		"two of a name": func(f *legal.Facts) {
			f.Configuration = append(f.Configuration, legal.File{Name: "mini.hcl", Data: []byte("other")})
		},
	} {
		f, out := facts(t), filepath.Join(t.TempDir(), "legal")
		change(&f)
		if err := legal.Place(t.Context(), f, out); err == nil {
			t.Errorf("%s: no error", name)
		}
		if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
			t.Errorf("%s: it leaves %v", name, left)
		}
	}
}
