package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// rootFolders are all names at the top of the system of testdata/e2e/all.hcl:
// the article's, those that a kernel needs, and /srv.
const rootFolders = "bin dev etc init lib lib64 linuxrc proc root sbin srv sys tmp usr var"

// goarch holds what images call the architectures.
var goarch = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "sw64": "sw64"}

// TestDockerRun runs the image in a docker engine.
func TestDockerRun(t *testing.T) {
	t.Parallel()
	archive := build(t, "x86_64").path(t, "docker.tar")
	engine := testenv.Docker(t)
	loaded := engine.Run(t, "load", "--input", archive)
	if want := "Loaded image: minios:latest\n"; loaded != want {
		t.Errorf("docker load: %q, want %q", loaded, want)
	}
	sh := func(script string) string {
		return engine.Run(t, "run", "--rm", "--network", "none", "minios:latest", "/bin/sh", "-c", script)
	}
	// docker adds /.dockerenv; /dev, /etc, /proc and /sys are ours already.
	got := strings.Join(strings.Fields(sh("ls -A /")), " ")
	if diff := cmp.Diff(".dockerenv "+rootFolders, got); diff != "" {
		t.Errorf("ls -A / (-want +got):\n%s", diff)
	}
	for script, want := range map[string]string{
		"uname -m":                                   "x86_64\n",
		"echo $GREETING; cat /etc/motd":              "hello\nmini x86_64\n",
		"id -u; id -g; pwd":                          "0\n0\n/\n",
		"stat -c '%a %u %g' /tmp /srv":               "1777 0 0\n750 12 34\n",
		"seq 1 5 | awk '{s += $1} END {print s}'":    "15\n",
		"echo aGVsbG8K | base64 -d | tr a-z A-Z":     "HELLO\n",
		"mkdir /tmp/x && tar -cf - /etc | tar -tf -": "etc/\n",
		"find /bin /sbin /usr/bin -name 'vi'":        "/bin/vi\n",
	} {
		if got := sh(script); !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", script, got, want)
		}
	}
	// Without a command of the user's, the image's own runs: a shell.
	if got := engine.Run(t, "image", "inspect", "--format", "{{json .Config.Cmd}} {{.Config.Labels}}", "minios:latest"); got != "[\"/bin/sh\"] map[org.example.kind:test]\n" {
		t.Errorf("the image's command and labels are %q", got)
	}
}

// TestDockerLoad loads images of architectures that docker may not know.
func TestDockerLoad(t *testing.T) {
	t.Parallel()
	for _, arch := range []string{"aarch64", "sw64"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			archive := build(t, arch).path(t, "docker.tar")
			engine := testenv.Docker(t)
			engine.Run(t, "load", "--input", archive)
			got := engine.Run(t, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", "minios:latest")
			if want := "linux/" + goarch[arch] + "\n"; got != want {
				t.Errorf("the image is for %q, want %q", got, want)
			}
		})
	}
}

// TestSkopeo reads all forms of images with skopeo.
func TestSkopeo(t *testing.T) {
	t.Parallel()
	skopeo := testenv.Tool(t, "skopeo", "skopeo")
	for arch, goarch := range goarch {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			s := build(t, arch)
			docker := s.path(t, "docker.tar")
			for _, image := range []string{
				"docker-archive:" + docker,
				"oci-archive:" + docker, // the same file is an OCI layout
				"oci:" + s.path(t, "oci"),
				"oci-archive:" + s.path(t, "oci.tar"),
			} {
				out := testenv.Output(t, skopeo, "--override-os", "linux", "--override-arch", goarch, "inspect", image)
				var got struct {
					Architecture, Os string
					Layers           []string
				}
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatal(err)
				}
				if got.Architecture != goarch || got.Os != "linux" || len(got.Layers) != 1 {
					t.Errorf("%s: %+v, want linux/%s with one layer", image, got, goarch)
				}
			}
		})
	}
}

// TestUmoci unpacks images with umoci, and runs what is in them.
func TestUmoci(t *testing.T) {
	t.Parallel()
	umoci := testenv.Tool(t, "umoci", "umoci")
	s := build(t, "x86_64")
	unpacked := t.TempDir()
	testenv.Output(t, testenv.Tool(t, "tar", "tar"), "-xf", s.path(t, "docker.tar"), "-C", unpacked)
	for form, layout := range map[string]string{"oci": s.path(t, "oci"), "docker": unpacked} {
		t.Run(form, func(t *testing.T) {
			bundle := filepath.Join(t.TempDir(), "bundle")
			args := []string{"unpack", "--image", layout + ":latest", bundle}
			if os.Geteuid() != 0 {
				args = append(args, "--rootless")
			}
			testenv.Output(t, umoci, args...)
			rootfs := filepath.Join(bundle, "rootfs")
			if diff := cmp.Diff(rootFolders, names(t, rootfs)); diff != "" {
				t.Errorf("names at the top (-want +got):\n%s", diff)
			}
			if got := testenv.Output(t, filepath.Join(rootfs, "bin/busybox"), "echo", "hi"); got != "hi\n" {
				t.Errorf("busybox echo hi: %q", got)
			}
		})
	}
}

// names returns the names in a folder, sorted and separated by spaces.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}
