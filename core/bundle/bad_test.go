package bundle_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/toolchain"
)

// member is an entry of a tar archive.
type member struct {
	tar.Header
	body string
}

func file(name, body string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}, body}
}

func archive(t testing.TB, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, m := range members {
		if err := tw.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, m.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// forged is a bundle that is put together by hand.
type forged struct {
	bundle.Manifest
	members []member
}

// forge returns one with a source, and the compiler that is a tar archive.
func forge(tree string) *forged {
	f := &forged{Manifest: bundle.Manifest{Version: 1, Host: "linux/amd64"}}
	f.add("sources/"+sum("busybox"), "busybox")
	f.add("steps/"+key+".tar", tree)
	f.Compilers = []toolchain.Kept{{Arch: "aarch64", Block: config.From{Kind: "deb", Deb: &config.Deb{}}, Dir: key}}
	return f
}

func (f *forged) add(name, body string) {
	f.Files = append(f.Files, bundle.File{Name: name, Size: int64(len(body)), SHA256: sum(body)})
	f.members = append(f.members, file(name, body))
}

// tar returns the archive that the bundle is when it isn't compressed.
func (f *forged) tar(t testing.TB) string {
	t.Helper()
	data, err := json.Marshal(f.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return archive(t, append([]member{file("mkmini-bundle.json", string(data))}, f.members...)...)
}

func compress(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<16))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// goodTree is the smallest compiler.
func goodTree(t testing.TB) string {
	return archive(t, file("result.json", "{}"), file("bin/gcc", "x"))
}

// install writes a bundle and installs it with small limits.
func install(t testing.TB, m *machine, data string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.tar.zst")
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	i := m.installer()
	i.Limits = bundle.Limits{Manifest: 1 << 16, Bytes: 1 << 20, Tree: source.Limits{Entries: 100, Bytes: 1 << 19}}
	_, err := i.Install(t.Context(), path)
	return err
}

func TestForgedIsGood(t *testing.T) {
	m := newMachine(t)
	if err := install(t, m, compress(t, forge(goodTree(t)).tar(t))); err != nil {
		t.Fatal(err)
	}
	if !m.store.Has(key) {
		t.Error("the compiler isn't there")
	}
}

// TestBad has bundles that must not be installed. Nothing of them is left.
func TestBad(t *testing.T) {
	inner := func(members ...member) func(*testing.T) string {
		return func(t *testing.T) string {
			return compress(t, forge(archive(t, append(members, file("result.json", "{}"))...)).tar(t))
		}
	}
	changed := func(change func(*forged)) func(*testing.T) string {
		return func(t *testing.T) string {
			f := forge(goodTree(t))
			change(f)
			return compress(t, f.tar(t))
		}
	}
	named := func(name string) func(*testing.T) string {
		return changed(func(f *forged) {
			f.Files[0].Name, f.Files[0].SHA256 = name, sum("busybox")
			f.members[0].Name = name
		})
	}
	link := func(name, target string, kind byte) member {
		return member{tar.Header{Name: name, Linkname: target, Typeflag: kind, Mode: 0o777}, ""}
	}
	good := func(t *testing.T) string { return forge(goodTree(t)).tar(t) }
	tests := map[string]struct {
		make func(*testing.T) string
		want string
	}{
		"empty":            {func(*testing.T) string { return "" }, "it is no bundle"},
		"text":             {func(*testing.T) string { return "<html>" + strings.Repeat("x", 600) }, "it is no bundle"},
		"another archive":  {func(t *testing.T) string { return compress(t, goodTree(t)) }, `it begins with "result.json"`},
		"no archive":       {func(t *testing.T) string { return compress(t, strings.Repeat("x", 2000)) }, "it is no bundle"},
		"manifest no JSON": {func(t *testing.T) string { return compress(t, archive(t, file("mkmini-bundle.json", "x"))) }, "its manifest is damaged"},
		"manifest too long": {func(t *testing.T) string {
			return compress(t, archive(t, file("mkmini-bundle.json", strings.Repeat(" ", 1<<17))))
		}, "its manifest has 131072 bytes"},
		"newer format":      {changed(func(f *forged) { f.Version, f.Files[0].Name = 2, "future/x" }), "it has the format 2, and this mkmini knows formats up to 1"},
		"no format":         {changed(func(f *forged) { f.Version = 0 }), "the version 0"},
		"another machine":   {changed(func(f *forged) { f.Host = "linux/sw64" }), `its programs run on "linux/sw64", and this machine is linux/amd64`},
		"upwards":           {named("../evil"), `it holds "../evil"`},
		"upwards below":     {named("sources/../../evil"), "which no bundle does"},
		"absolute":          {named("/" + sum("busybox")), "which no bundle does"},
		"double slash":      {named("sources//" + sum("busybox")), "which no bundle does"},
		"another result":    {named("steps/busybox-x86_64-0.tar"), "which no bundle does"},
		"not by its sha256": {changed(func(f *forged) { f.Files[0].SHA256 = sum("x") }), "has no right sha256"},
		"no sha256":         {changed(func(f *forged) { f.Files[1].SHA256 = "x" }), "has no right sha256"},
		"negative size":     {changed(func(f *forged) { f.Files[0].Size = -1 }), "-1 bytes"},
		"too large":         {changed(func(f *forged) { f.Files[1].Size = 1 << 62 }), "it holds more than"},
		"too large together": {changed(func(f *forged) {
			f.Files[0].Size, f.Files[1].Size = 1<<19+1, 1<<19
		}), "it holds more than"},
		"other order":             {changed(func(f *forged) { slices.Reverse(f.Files) }), "not in order"},
		"twice":                   {changed(func(f *forged) { f.Files[1] = f.Files[0] }), "not in order"},
		"other content":           {changed(func(f *forged) { f.members[0].body = "busyboX" }), "its manifest says"},
		"other size":              {changed(func(f *forged) { f.members[0] = file(f.members[0].Name, "busybox2") }), "where its manifest has"},
		"a link":                  {changed(func(f *forged) { f.members[0] = link(f.members[0].Name, "/etc/passwd", tar.TypeSymlink) }), "where its manifest has"},
		"another entry":           {changed(func(f *forged) { slices.Reverse(f.members) }), "where its manifest has"},
		"one less":                {changed(func(f *forged) { f.members = f.members[:1] }), "it ends before steps/"},
		"one more":                {changed(func(f *forged) { f.members = append(f.members, file("more", "")) }), `it has "more", which its manifest doesn't name`},
		"more after the end":      {func(t *testing.T) string { return compress(t, good(t)+strings.Repeat("x", 2<<20)) }, "it goes on after its end"},
		"a compiler elsewhere":    {changed(func(f *forged) { f.Compilers[0].Dir = "busybox-1" }), "which it doesn't hold"},
		"a compiler upwards":      {changed(func(f *forged) { f.Compilers[0].Dir = key + "/../../x" }), "which it doesn't hold"},
		"a compiler not there":    {changed(func(f *forged) { f.Compilers[0].Dir = key + "/usr" }), "it has no compiler in"},
		"a compiler of a machine": {changed(func(f *forged) { f.Compilers[0].Block = config.From{Kind: "path", Dir: "/"} }), "which no configuration means"},
		"a folder is chosen": {changed(func(f *forged) {
			f.Choices = []bundle.Choice{{Toolchain: "a", Block: config.From{Kind: "path", Dir: "/"}}}
		}), "which nobody makes"},
		"a file elsewhere is chosen": {changed(func(f *forged) {
			f.Choices = []bundle.Choice{{Toolchain: "a", Block: config.From{Kind: "archive", Archive: &config.Archive{File: "../c", SHA256: sum("")}}}}
		}), "which nobody makes"},
		"a choice for ../x": {changed(func(f *forged) {
			f.Choices = []bundle.Choice{{Toolchain: "../x", Block: config.From{Kind: "deb", Deb: &config.Deb{}}}}
		}), "which nobody makes"},
		"a compiler for ../x":          {changed(func(f *forged) { f.Compilers[0].Arch = "../x" }), "which no configuration means"},
		"tree with an upward name":     {inner(file("../../evil", "x")), "outside of the folder"},
		"tree with an absolute name":   {inner(file("/tmp/evil", "x")), "outside of the folder"},
		"tree with a link out":         {inner(link("tree/l", "../../../etc", tar.TypeSymlink)), "outside of the folder"},
		"tree with an absolute link":   {inner(link("tree/l", "/etc/passwd", tar.TypeSymlink)), "links to places outside"},
		"tree through a link":          {inner(link("l", ".", tar.TypeSymlink), file("l/x", "")), "through a link"},
		"tree with a hard link out":    {inner(link("l", "../../sources", tar.TypeLink)), "can't be unpacked"},
		"tree with a device":           {inner(member{tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""}), "1 devices"},
		"tree of too many files":       {inner(slices.Repeat([]member{file("x", "")}, 101)...), "more entries than are allowed"},
		"tree of too many bytes":       {inner(file("x", strings.Repeat("x", 1<<19+1))), "more bytes than are allowed"},
		"tree that is no archive":      {func(t *testing.T) string { return compress(t, forge(strings.Repeat("x", 5000)).tar(t)) }, "can't be unpacked"},
		"tree without a result":        {func(t *testing.T) string { return compress(t, forge(archive(t, file("x", ""))).tar(t)) }, "no right result.json"},
		"tree with a damaged result":   {func(t *testing.T) string { return compress(t, forge(archive(t, file("result.json", "{"))).tar(t)) }, "no right result.json"},
		"tree with control characters": {inner(file("../\x1b[2Jx", "")), "can't be unpacked"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			refused(t, m, test.make(t), test.want)
		})
	}
}

// refused installs a bundle, which must fail for that reason and leave nothing.
func refused(t *testing.T, m *machine, data, want string) {
	t.Helper()
	before := m.files(t)
	err := install(t, m, data)
	var f *fault.Error
	switch {
	case !errors.As(err, &f):
		t.Fatalf("err = %v", err)
	case !strings.Contains(f.Detail, want) || f.Remedy == "" || strings.ContainsRune(f.Detail, '\x1b'):
		t.Errorf("%s %s %s\nwant: %s", f.Summary, f.Detail, f.Remedy, want)
	}
	if diff := cmp.Diff(before, m.files(t)); diff != "" {
		t.Errorf("files in the store (-before +after):\n%s", diff)
	}
	if left, err := os.ReadDir(m.store.Sub("tmp")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestCut cuts a bundle at many places, and damages it there.
func TestCut(t *testing.T) {
	from, to := newMachine(t), newMachine(t)
	path, _ := from.pack(t, from.contents(t))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		at := i * len(data) / 40
		refused(t, to, string(data[:at]), "")
		wrong := bytes.Clone(data)
		wrong[at] ^= 1
		if err := install(t, to, string(wrong)); err != nil {
			refused(t, to, string(wrong), "")
		} else if at > 20 { // the header of the frame has bits that say nothing
			t.Errorf("a bundle that is damaged at %d of %d was installed", at, len(data))
		}
	}
	refused(t, to, string(data[:len(data)-1]), "not all there")
	if err := install(t, to, string(data)); err != nil {
		t.Error(err)
	}
}

// TestAnyHost installs a bundle without programs.
func TestAnyHost(t *testing.T) {
	f := forge(goodTree(t))
	f.Host, f.Files, f.members, f.Compilers = "linux/sw64", f.Files[:1], f.members[:1], nil
	if err := install(t, newMachine(t), compress(t, f.tar(t))); err != nil {
		t.Error(err)
	}
}

func TestNotThere(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), os.DevNull} {
		_, err := newMachine(t).installer().Install(t.Context(), path)
		var f *fault.Error
		if !errors.As(err, &f) || !f.Usage {
			t.Errorf("%s: %v", path, err)
		}
	}
}
