package rootfs

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestFolder(t *testing.T) {
	req := request(t, "dir")
	path, result := layertest.Export(t, New(), req)
	for _, h := range layertest.Headers() {
		name := filepath.Join(path, h.Name)
		info, err := os.Lstat(name)
		if os.IsNotExist(err) && strings.HasPrefix(h.Name, "dev/") && warned(result.Warnings, "Devices left out", "/"+h.Name) {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if !info.ModTime().Equal(layertest.Epoch) {
			t.Errorf("%s has the time %s", h.Name, info.ModTime())
		}
		stat := info.Sys().(*syscall.Stat_t)
		if h.Linkname == "" && stat.Mode&0o7777 != uint32(h.Mode) {
			t.Errorf("%s has the mode %o, not %o", h.Name, stat.Mode&0o7777, h.Mode)
		}
		owner := int(stat.Uid) == h.Uid && int(stat.Gid) == h.Gid
		if !owner && (h.Uid != 0 || h.Gid != 0) && len(result.Warnings) == 0 {
			t.Errorf("%s has the owner %d:%d, and nobody warned", h.Name, stat.Uid, stat.Gid)
		}
	}
}

// warned says whether there is a warning of that name about a path.
func warned(list sdk.Diagnostics, summary, path string) bool {
	for _, d := range list {
		if d.Severity == sdk.Warning && d.Summary == summary && strings.Contains(d.Detail, path) {
			return true
		}
	}
	return false
}

// TestFolderWithoutRoot runs the test above as nobody.
func TestFolderWithoutRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestFolder ran without root already")
	}
	// The test's own binary and folders may be out of reach for others.
	dir, err := os.MkdirTemp("/var/tmp", "mkmini-test")
	if err != nil {
		t.Skipf("needs a folder that everybody reaches: %v", err)
	}
	defer os.RemoveAll(dir)
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "test")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o1777, binary: 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^(TestFolder|TestDeniedIsTold|TestSameEverywhere|TestXattrs.*|TestRefuses)$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFolder")) || !bytes.Contains(out, []byte("--- PASS: TestDeniedIsTold")) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// TestDeniedIsTold checks the warnings and an output folder that isn't
// writable, both of which root never sees.
func TestDeniedIsTold(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may do all; TestFolderWithoutRoot runs this as nobody")
	}
	req := request(t, "dir")
	_, result := layertest.Export(t, New(), req)
	if !warned(result.Warnings, "Devices left out", "/dev/null, /dev/vda1") || !warned(result.Warnings, "Owners not set", "/srv") {
		t.Errorf("warnings are %v", result.Warnings)
	}
	req = request(t, "tar")
	if err := os.Chmod(req.OutDir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := New().Export(t.Context(), req, layertest.Progress(t))
	if d, ok := err.(sdk.Diagnostics); !ok || d[0].Summary != "Output folder not writable" {
		t.Errorf("got %v", err)
	}
}

func TestSameBytes(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	for _, test := range []struct {
		a, b string
		same bool
	}{{"", "", true}, {long, long, true}, {long, long + "y", false}, {"a", "", false}, {long + "a", long + "b", false}} {
		err := sameBytes("f", io.MultiReader(strings.NewReader(test.a)), strings.NewReader(test.b))
		if (err == nil) != test.same {
			t.Errorf("%d and %d bytes: %v", len(test.a), len(test.b), err)
		}
	}
}
