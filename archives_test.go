package main_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// decompressors are what reads the compressed forms.
var decompressors = map[string]struct{ name, debianPackage string }{
	"": {"cat", "coreutils"}, "gz": {"gzip", "gzip"}, "xz": {"xz", "xz-utils"}, "zst": {"zstd", "zstd"},
}

// TestArchives lists all archives with GNU tar and cpio: they hold the same.
func TestArchives(t *testing.T) {
	t.Parallel()
	s := build(t, "x86_64")
	list := map[string]func(*testing.T, string) string{"tar": listTar, "cpio": listCpio}
	want := ""
	for _, archiver := range []string{"tar", "cpio"} {
		for _, compression := range []string{"", "gz", "xz", "zst"} {
			format := strings.TrimSuffix(archiver+"."+compression, ".")
			got := list[archiver](t, decompress(t, s.path(t, format), compression))
			if want == "" {
				want = got
				checkListing(t, got)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s differs from tar (-tar +%s):\n%s", format, format, diff)
			}
		}
	}
}

// decompress returns the path of a decompressed copy.
func decompress(t *testing.T, path, compression string) string {
	t.Helper()
	d := decompressors[compression]
	testenv.Tool(t, d.name, d.debianPackage)
	args := []string{"-dc", path}
	if compression == "" {
		args = []string{path}
	}
	to, err := os.Create(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	cmd := exec.CommandContext(t.Context(), d.name, args...)
	cmd.Stdout = to
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return to.Name()
}

// listTar returns a line for each entry: mode, owner, path and target.
func listTar(t *testing.T, path string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(testenv.Output(t, "tar", "--numeric-owner", "-tvf", path)) {
		// drwxr-xr-x 0/0 0 1980-01-01 00:00 bin/
		f := strings.Fields(line)
		lines = append(lines, strings.Join(append([]string{f[0], f[1], strings.TrimSuffix(f[5], "/")}, f[6:]...), " "))
	}
	return sorted(lines)
}

// listCpio returns what listTar does.
func listCpio(t *testing.T, path string) string {
	t.Helper()
	cpio := testenv.Tool(t, "cpio", "cpio")
	archive, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	cmd := exec.CommandContext(t.Context(), cpio, "--quiet", "--numeric-uid-gid", "-tv")
	cmd.Stdin = archive
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		// drwxr-xr-x   2 0        0               0 Jan  1  1980 bin
		// A device has "5,   1" in the place of the size.
		f := strings.Fields(line)
		name := 8
		if strings.HasSuffix(f[4], ",") {
			name = 9
		}
		if f[name] == "." {
			continue // the root itself has no entry in a tar archive
		}
		lines = append(lines, strings.Join(append([]string{f[0], f[2] + "/" + f[3]}, f[name:]...), " "))
	}
	return sorted(lines)
}

// sorted sorts lines by path, the third field.
func sorted(lines []string) string {
	slices.SortFunc(lines, func(a, b string) int {
		return cmp.Compare(strings.Fields(a)[2], strings.Fields(b)[2])
	})
	return strings.Join(lines, "\n") + "\n"
}

// checkListing looks for what must be there.
func checkListing(t *testing.T, listing string) {
	t.Helper()
	var top []string
	for line := range strings.Lines(listing) {
		if path := strings.Fields(line)[2]; !strings.Contains(path, "/") {
			top = append(top, path)
		}
	}
	if got := strings.Join(top, " "); got != rootFolders {
		t.Errorf("names at the top: %s\nwant: %s", got, rootFolders)
	}
	for _, want := range []string{
		"drwxrwxrwt 0/0 tmp",
		"drwxr-x--- 12/34 srv",
		"lrwxrwxrwx 0/0 lib -> usr/lib",
		"lrwxrwxrwx 0/0 lib64 -> usr/lib64",
		"lrwxrwxrwx 0/0 linuxrc -> bin/busybox",
		"lrwxrwxrwx 0/0 bin/sh -> busybox",
		"lrwxrwxrwx 0/0 etc/issue -> motd",
		"-rw-r--r-- 0/0 etc/motd",
		"-rwxr-xr-x 0/0 init",
		"drwxr-xr-x 0/0 usr/include",
		"drwxr-xr-x 0/0 var/log",
	} {
		if !strings.Contains("\n"+listing, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if !strings.Contains(listing, " 0/0 dev/console\n") || !strings.Contains(listing, "\ncrw") {
		t.Error("missing: the device dev/console")
	}
	if t.Failed() {
		t.Log(listing)
	}
}
