package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/testenv"
)

// pythonPlugin builds the plugin in Python as dir/mkmini-plugin-mtree, and
// skips the test where it can't run.
func pythonPlugin(t testing.TB, dir string) string {
	t.Helper()
	testenv.Tool(t, "protoc", "protobuf-compiler")
	// Debian's own, whatever else is called so.
	const python = "/usr/bin/python3"
	testenv.Tool(t, python, "python3")
	for module, debianPackage := range map[string]string{
		"grpc": "python3-grpcio", "google.protobuf": "python3-protobuf", "cryptography": "python3-cryptography",
	} {
		if exec.CommandContext(t.Context(), python, "-c", "import "+module).Run() != nil {
			testenv.Skip(t, "Python's %s isn't installed (Debian package %s)", module, debianPackage)
		}
	}
	path := filepath.Join(dir, "mkmini-plugin-mtree")
	testenv.Output(t, filepath.Join("plugins", "examples", "python-mtree", "build"), path)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPythonExporter builds a real system with an exporter that is written in
// Python from docs/plugins/protocol.md, and has what it made checked by
// programs that others wrote.
func TestPythonExporter(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	bsdtar := testenv.Tool(t, "bsdtar", "libarchive-tools")
	mtree := testenv.Tool(t, "mtree", "mtree-netbsd")
	dir := t.TempDir()
	plugins := filepath.Join(dir, ".mkmini", "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	pythonPlugin(t, plugins)
	config := `name = "minios"
toolchain "x86_64" {
  from "host" {}
}
rootfs {
  file "/srv/a b#c=*\\é" { content = "odd" }
  # Unlike that of any other run: the export must not be in the store.
  file "/srv/run" { content = "` + dir + `" }
  symlink "/srv/l i n k" { target = "a b" }
}
export "mtree" { digests = ["sha256", "sha512"] }
export "rootfs" { format = "tar" }
`
	if err := os.WriteFile(filepath.Join(dir, "x.hcl"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	reports := 0
	for _, e := range (command{args: []string{"-c", "x.hcl"}, dir: dir}).events(t) {
		if e.Kind == event.Progress && e.Phase == "describe" {
			reports++
		}
	}
	if reports == 0 {
		t.Error("the exporter reported no progress")
	}

	archive := filepath.Join(dir, "out", "minios-x86_64.mtree.tar")
	manifest := filepath.Join(dir, "out", "minios-x86_64.mtree")
	names := func(path string) string {
		list := testenv.Output(t, "env", "LC_ALL=C.UTF-8", bsdtar, "-tf", path) // names are in UTF-8
		return strings.ReplaceAll(strings.ReplaceAll("\n"+list, "/\n", "\n"), "\n./", "\n")
	}
	layer := names(filepath.Join(dir, "out", "minios-x86_64.tar"))
	if got, want := names(archive), "\n.MTREE"+layer; got != want {
		t.Errorf("bsdtar lists %q in the archive, want %q", got, want)
	}
	if got := names(manifest); got != "\n."+layer {
		t.Errorf("bsdtar lists %q in the manifest, want %q", got, layer)
	}

	// The manifest is true of what is unpacked, and finds what was changed.
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	testenv.Output(t, "env", "LC_ALL=C.UTF-8", bsdtar, "-xpf", archive, "-C", tree)
	verify := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), mtree, "-e", "-f", filepath.Join(tree, ".MTREE"), "-p", tree,
			"-k", "type,mode,size,link,sha256,sha512")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil {
		t.Errorf("the manifest isn't true: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tree, "srv", `a b#c=*\é`), []byte("0dd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(); err == nil || !strings.Contains(out, "sha512") {
		t.Errorf("a changed file isn't found: %v\n%s", err, out)
	}

	// What it says is wrong is shown where it was written.
	wrong := strings.Replace(config, `"sha512"`, `"crc"`, 1)
	if err := os.WriteFile(filepath.Join(dir, "x.hcl"), []byte(wrong), 0o666); err != nil {
		t.Fatal(err)
	}
	r := command{args: []string{"-c", "x.hcl", "--plain"}, dir: dir}.run(t)
	if want := `on x.hcl line 11, in export "mtree":`; r.code != 2 ||
		!strings.Contains(r.stderr, "Error: Unknown digest") || !strings.Contains(r.stderr, want) {
		t.Errorf("exit code %d, want 2 and %q in\n%s", r.code, want, r.stderr)
	}
}
