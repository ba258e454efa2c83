package inspect

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// packages has the Debian package of each tool.
var packages = map[string]string{"tar": "tar", "cpio": "cpio", "skopeo": "skopeo", "umoci": "umoci", "zstd": "zstd", "xz": "xz-utils", "sh": "dash", "zip": "zip", "mkfs.erofs": "erofs-utils", "mksquashfs": "squashfs-tools"}

// tool runs a program and returns what it writes.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	testenv.Tool(t, name, packages[name])
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}

// folder makes a folder with one of everything that anyone may make.
func folder(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"bin": 0o755, "tmp": 0o777 | os.ModeSticky, "etc": 0o750, "empty": 0o700} {
		check(os.Mkdir(filepath.Join(root, name), 0o777))
		check(os.Chmod(filepath.Join(root, name), mode))
	}
	for name, content := range map[string]string{"etc/motd": "hello\n", "etc/empty": "", "etc/line\nbreak": "1", "etc/\xff": "2", "bin/x": strings.Repeat("x", 5000)} {
		check(os.WriteFile(filepath.Join(root, name), []byte(content), 0o666))
		check(os.Chmod(filepath.Join(root, name), 0o644))
	}
	check(os.Chmod(filepath.Join(root, "bin/x"), 0o755|os.ModeSetuid))
	check(os.Symlink("../etc/motd", filepath.Join(root, "bin/l")))
	check(os.Link(filepath.Join(root, "etc/motd"), filepath.Join(root, "bin/motd")))
	return root
}

func mustRead(t testing.TB, path string) *Artifact {
	t.Helper()
	a, err := Read(t.Context(), path, Options{ELF: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The archives that other tools make of a folder have the folder's entries.
func TestArchivesOfOthers(t *testing.T) {
	root := folder(t)
	want := mustRead(t, root)
	if want.Format != "folder" || want.Trees[0].Totals.Hardlinks != 1 {
		t.Fatalf("%+v", want.Trees[0].Totals)
	}
	tests := []struct {
		name, format, compression string
		make                      func(t *testing.T, path string)
	}{
		{"gnu", "tar", "", func(t *testing.T, path string) { tool(t, "tar", "-C", root, "--format=gnu", "-cf", path, ".") }},
		{"pax", "tar", "", func(t *testing.T, path string) {
			tool(t, "tar", "-C", root, "--format=pax", "--pax-option=exthdr.name=%d/%f", "-cf", path, ".")
		}},
		{"v7", "tar", "", func(t *testing.T, path string) { tool(t, "tar", "-C", root, "--format=v7", "-cf", path, ".") }},
		{"gzip", "tar", "gzip", func(t *testing.T, path string) { tool(t, "tar", "-C", root, "-czf", path, ".") }},
		{"xz", "tar", "xz", func(t *testing.T, path string) {
			testenv.Tool(t, "xz", "xz-utils")
			tool(t, "tar", "-C", root, "-cJf", path, ".")
		}},
		{"zstd", "tar", "zstd", func(t *testing.T, path string) {
			testenv.Tool(t, "zstd", "zstd")
			tool(t, "tar", "-C", root, "--zstd", "-cf", path, ".")
		}},
		{"newc", "cpio", "", func(t *testing.T, path string) {
			testenv.Tool(t, "cpio", "cpio")
			tool(t, "sh", "-c", `cd "$1" && find . -print0 | cpio -0 -o -H newc --quiet >"$2"`, "sh", root, path)
		}},
		{"crc", "cpio", "gzip", func(t *testing.T, path string) {
			testenv.Tool(t, "cpio", "cpio")
			tool(t, "sh", "-c", `cd "$1" && find . -print0 | cpio -0 -o -H crc --quiet | gzip >"$2"`, "sh", root, path)
		}},
		{"zip", "zip", "", func(t *testing.T, path string) {
			testenv.Tool(t, "zip", "zip")
			tool(t, "sh", "-c", `cd "$1" && zip -qry "$2.zip" . && mv "$2.zip" "$2"`, "sh", root, path)
		}},
		{"initramfs", "cpio", "", func(t *testing.T, path string) { // with something in front, as microcode is
			testenv.Tool(t, "cpio", "cpio")
			tool(t, "sh", "-c", `cd "$1" && { find . -maxdepth 1 -print0 | cpio -0 -o -H newc --quiet; find . -print0 | cpio -0 -o -H newc --quiet | gzip; } >"$2"`, "sh", root, path)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "archive")
			test.make(t, path)
			got := mustRead(t, path)
			if got.Format != test.format || got.Compression != test.compression {
				t.Errorf("it is %s, %q", got.Format, got.Compression)
			}
			ignore := []string{"xattrs"}
			if test.format == "zip" {
				ignore = append(ignore, "links") // it has none
			}
			if changes := Diff(want.Trees[0], got.Trees[0], ignore); len(changes) > 0 {
				t.Errorf("they differ: %s", jsonOf(t, changes))
			}
		})
	}
}

// listed returns an entry as tar -tv and cpio -itv have it, but for names.
func listedAs(e *Entry, size int64) string {
	return fmt.Sprintf("%c%s %d %d %d %s", e.Type, octal(e.Mode), e.UID, e.GID, size, Time(e.ModTime))
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode) }

// modeOf reads ls's letters.
func modeOf(t *testing.T, letters string) string {
	t.Helper()
	var mode uint32
	for i, c := range letters[1:10] {
		if strings.ContainsRune("rwxst", c) {
			mode |= 1 << (8 - i)
		}
		if strings.ContainsRune("sStT", c) {
			mode |= 0o4000 >> (i / 3)
		}
	}
	return letters[:1] + octal(mode)
}

func TestAsTarLists(t *testing.T) {
	root := folder(t)
	archive := filepath.Join(t.TempDir(), "x.tar")
	tool(t, "tar", "-C", root, "-cf", archive, ".")
	var want []string
	for line := range strings.Lines(tool(t, "tar", "--numeric-owner", "--full-time", "--quoting-style=c", "-tvf", archive)) {
		f := strings.Fields(line)
		if f[0][0] == 'h' {
			continue
		}
		var uid, gid int
		if _, err := fmt.Sscanf(f[1], "%d/%d", &uid, &gid); err != nil {
			t.Fatal(line)
		}
		when := f[3] + "T" + f[4] + "Z"
		want = append(want, fmt.Sprintf("%s %d %d %s %s", modeOf(t, f[0]), uid, gid, f[2], when))
	}
	var got []string
	for _, e := range mustRead(t, archive).Trees[0].Entries {
		if e.Link == "" {
			got = append(got, listedAs(e, e.Size))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-tar +mkmini):\n%s", diff)
	}
}

func TestAsCpioLists(t *testing.T) {
	root := folder(t)
	archive := filepath.Join(t.TempDir(), "x.cpio")
	testenv.Tool(t, "cpio", "cpio")
	tool(t, "sh", "-c", `cd "$1" && find . -type d -o -type l -print0 | cpio -0 -o -H newc --quiet >"$2"`, "sh", root, archive)
	lines := strings.Split(strings.TrimSpace(tool(t, "cpio", "-itvn", "--quiet", "-F", archive)), "\n")
	var want, got []string
	for _, line := range lines {
		f := strings.Fields(line)
		want = append(want, fmt.Sprintf("%s %s %s %s", modeOf(t, f[0]), f[2], f[3], f[4]))
	}
	for _, e := range mustRead(t, archive).Trees[0].Entries {
		if !e.Implied {
			got = append(got, fmt.Sprintf("%c%s %d %d %d", e.Type, octal(e.Mode), e.UID, e.GID, len(e.Target)))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-cpio +mkmini):\n%s", diff)
	}
}

// What umoci packs and skopeo copies and inspects is the same here.
func TestImagesOfOthers(t *testing.T) {
	testenv.Tool(t, "skopeo", "skopeo")
	if os.Getuid() != 0 {
		t.Skip("umoci keeps the owners of files for root only")
	}
	work := t.TempDir()
	at := func(name string) string { return filepath.Join(work, name) }
	ref := at("layout") + ":v1"
	tool(t, "umoci", "init", "--layout", at("layout"))
	tool(t, "umoci", "new", "--image", ref)
	tool(t, "umoci", "unpack", "--image", ref, at("bundle"))
	tool(t, "sh", "-c", `cp -a "$1"/. "$2"`, "sh", folder(t), at("bundle/rootfs"))
	tool(t, "umoci", "repack", "--refresh-bundle", "--image", ref, at("bundle"))
	if err := os.RemoveAll(at("bundle/rootfs/etc")); err != nil {
		t.Fatal(err)
	}
	tool(t, "umoci", "repack", "--refresh-bundle", "--image", ref, at("bundle"))
	tool(t, "umoci", "config", "--image", ref, "--config.cmd", "/bin/x", "--config.env", "A=b", "--os", "linux", "--architecture", "arm64")
	tool(t, "umoci", "unpack", "--image", ref, at("again"))

	layout := mustRead(t, at("layout"))
	tree := layout.Trees[0]
	// The root's time is that of unpacking.
	if changes := Diff(mustRead(t, at("again/rootfs")).Trees[0], tree, []string{"mtime"}); len(changes) > 0 {
		t.Errorf("it isn't what umoci unpacks: %s", jsonOf(t, changes))
	}
	var told struct {
		Digest, Architecture, Os string
		Layers, Env              []string
	}
	if err := json.Unmarshal([]byte(tool(t, "skopeo", "inspect", "oci:"+ref)), &told); err != nil {
		t.Fatal(err)
	}
	i := tree.Image
	var layers []string
	for _, l := range i.Layers {
		layers = append(layers, l.Digest)
	}
	if diff := cmp.Diff(told.Layers, layers); diff != "" || len(layers) != 2 {
		t.Errorf("layers (-skopeo +mkmini):\n%s", diff)
	}
	if told.Digest != i.Digest || told.Architecture != i.Architecture || told.Os != i.OS || !slices.Equal(told.Env, i.Config.Env) {
		t.Errorf("skopeo says %+v, mkmini %+v", told, i)
	}
	for _, to := range []string{"docker-archive:" + at("docker.tar") + ":mini:1", "oci-archive:" + at("oci.tar") + ":v1"} {
		tool(t, "skopeo", "--insecure-policy", "copy", "-q", "oci:"+ref, to)
	}
	for path, format := range map[string]string{at("docker.tar"): "docker", at("oci.tar"): "oci"} {
		got := mustRead(t, path)
		changes, config := Diff(tree, got.Trees[0], nil), DiffConfig(i, got.Trees[0].Image)
		if got.Format != format || len(changes)+len(config) > 0 {
			t.Errorf("%s: %s %s", got.Format, jsonOf(t, changes), jsonOf(t, config))
		}
	}
}

// What is known of executables is what file(1) would say.
func TestELF(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "x.tar")
	tool(t, "tar", "-C", filepath.Dir(program), "-cf", archive, filepath.Base(program))
	for _, e := range mustRead(t, archive).Trees[0].Entries {
		if e.Type == File && (e.ELF == nil || e.ELF.Kind == "" || e.ELF.Bits == 0 || e.ELF.Problem != "") {
			t.Errorf("%+v", e.ELF)
		}
	}
	damaged := mustRead(t, put(t, "x.tar", tarOf(t, file("x", "\x7fELF and no more"))))
	if e := damaged.Trees[0].Entries[1]; e.ELF == nil || e.ELF.Problem == "" {
		t.Errorf("%+v", e.ELF)
	}
}
