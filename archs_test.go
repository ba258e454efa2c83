package main_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// foreign are the architectures of testdata/e2e/archs.hcl.
var foreign = []struct {
	arch, emulator, platform string
	// uname is what `uname -m` says under the emulator, and machine what
	// file(1) calls the executable.
	uname, machine string
}{
	{"aarch64", "qemu-aarch64-static", "linux/arm64", "aarch64", "ARM aarch64"},
	{"alpha", "qemu-alpha-static", "linux/alpha", "alpha", "Alpha"},
	{"armv5", "qemu-arm-static", "linux/arm/v5", "armv[5-8].*", "ARM, EABI5"},
	{"armv7", "qemu-arm-static", "linux/arm/v7", "armv[78].*", "ARM, EABI5"},
	{"i686", "qemu-i386-static", "linux/386", "i[3-6]86", "Intel 80386|Intel i386"},
	{"mips64el", "qemu-mips64el-static", "linux/mips64le", "mips64", "MIPS64 rel2"},
	{"ppc64le", "qemu-ppc64le-static", "linux/ppc64le", "ppc64le", "64-bit PowerPC"},
	{"riscv64", "qemu-riscv64-static", "linux/riscv64", "riscv64", "UCB RISC-V"},
	{"s390x", "qemu-s390x-static", "linux/s390x", "s390x", "IBM S/390"},
}

// TestArchitectures builds for all architectures that Debian has compilers
// for, with compilers that are not installed, and runs what comes out.
func TestArchitectures(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		testenv.Skip(t, "nine compilers are fetched, some 300 MB")
	}
	testenv.Tool(t, "apt-get", "apt")
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	out := filepath.Join(t.TempDir(), "out")
	r := command{args: []string{"-c", filepath.Join("testdata", "e2e", "archs.hcl"), "--out", out, "--keep-going", "--plain"}}.run(t)
	if unreachable.MatchString(r.stderr) {
		testenv.Skip(t, "apt's mirror can't be reached:\n%s", tail(r.stderr))
	}
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, tail(r.stdout), tail(r.stderr))
	}
	for _, f := range foreign {
		t.Run(f.arch, func(t *testing.T) {
			root := t.TempDir()
			testenv.Output(t, "tar", "-C", root, "--no-same-owner", "-xf", filepath.Join(out, "archs-"+f.arch+".tar"), "bin")
			busybox := filepath.Join(root, "bin", "busybox")
			if description := testenv.Output(t, testenv.Tool(t, "file", "file"), "-b", busybox); !regexp.MustCompile(f.machine).MatchString(description) ||
				!strings.Contains(description, "statically linked") {
				t.Errorf("file says %s", description)
			}
			tryApplets(t, testenv.Tool(t, f.emulator, "qemu-user-static"), busybox, f.uname)
		})
	}
	t.Run("platforms", func(t *testing.T) {
		var want []string
		for _, f := range foreign {
			want = append(want, f.platform)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, platforms(t, filepath.Join(out, "archs.oci"))); diff != "" {
			t.Errorf("platforms (-want +got):\n%s", diff)
		}
	})
}

// unreachable is in messages of apt without a network.
var unreachable = regexp.MustCompile(`failure resolving|Could not resolve|Could not connect|Unable to connect`)

// tryApplets runs busybox, whose results must be those of this machine.
func tryApplets(t *testing.T, emulator, busybox, uname string) {
	t.Helper()
	dir := t.TempDir()
	content := []byte(strings.Repeat("0123456789abcdef\n", 4099)) // more than one block, and no whole number of them
	for _, name := range []string{"a", "b c", "ü"} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"uname", "-m"}, uname},
		{[]string{"sh", "-c", `i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i $((1<<40)) $(cat a | cat | sha256sum -)`},
			fmt.Sprintf("3 1099511627776 %x -", sha256.Sum256(content))},
		{[]string{"ls"}, "a\nb c\nü"},
		{[]string{"sha256sum", "a"}, fmt.Sprintf("%x  a", sha256.Sum256(content))},
	}
	for _, test := range tests {
		cmd := exec.CommandContext(t.Context(), emulator, append([]string{busybox}, test.args...)...)
		cmd.Dir = dir
		got, err := cmd.CombinedOutput()
		if err != nil || !regexp.MustCompile("^"+test.want+"\n$").Match(got) {
			t.Errorf("%q prints %q, %v; want %q", test.args, got, err, test.want)
		}
	}
}

// platforms returns the platforms of an OCI layout, sorted.
func platforms(t *testing.T, layout string) []string {
	t.Helper()
	type index struct {
		Manifests []struct {
			MediaType, Digest string
			Platform          *struct{ OS, Architecture, Variant string }
		}
	}
	read := func(name string) (i index) {
		data, err := os.ReadFile(filepath.Join(layout, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &i); err != nil {
			t.Fatal(err)
		}
		return i
	}
	var all []string
	for queue := read("index.json").Manifests; len(queue) > 0; queue = queue[1:] {
		m := queue[0]
		if strings.Contains(m.MediaType, "index") {
			queue = append(queue, read(filepath.Join("blobs", strings.Replace(m.Digest, ":", "/", 1))).Manifests...)
		}
		if m.Platform != nil {
			all = append(all, strings.TrimSuffix(m.Platform.OS+"/"+m.Platform.Architecture+"/"+m.Platform.Variant, "/"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all) // an index may name them again
}
