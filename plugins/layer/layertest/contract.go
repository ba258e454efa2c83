package layertest

import (
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// SameEverywhere checks that umask, time zone, folder and number of threads
// have no say in what is written, nor the running number of the export.
func SameEverywhere(t *testing.T, exporter sdk.Exporter, request func(t *testing.T) sdk.ExportRequest) {
	t.Helper()
	var first map[string]string
	zone := time.Local
	defer func() { time.Local = zone }()
	for i, mask := range []int{0o022, 0o077, 0} {
		req := request(t)
		req.Jobs = 1 + 3*i
		time.Local = time.FixedZone("somewhere", 3600*(5*i-7))
		req.Epoch = Epoch.Local()
		old := syscall.Umask(mask)
		Export(t, exporter, req)
		syscall.Umask(old)
		tree := Tree(t, req.OutDir)
		if i == 0 {
			first = tree
		}
		if diff := cmp.Diff(first, tree); diff != "" {
			t.Errorf("export %d differs (-first +this):\n%s", i, diff)
		}
		empty(t, req.WorkDir)
	}
}

// limitVariable marks the process in which files can't grow.
const limitVariable = "MKMINI_TEST_FILE_LIMIT"

// SeesFullDisk checks that an export says so when no file can grow beyond a
// limit, whatever part of it meets the limit, and leaves nothing behind. The
// limit is the kernel's, set in a process of its own.
func SeesFullDisk(t *testing.T, exporter sdk.Exporter, request func(t *testing.T) sdk.ExportRequest) {
	t.Helper()
	if os.Getenv(limitVariable) == "" {
		name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+name, "-test.v")
		cmd.Env = append(os.Environ(), limitVariable+"=1")
		// A pipe, not a file, takes what it prints: the limit is not for pipes.
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("with a limit: %v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	req := request(t)
	Export(t, exporter, req)
	largest := largest(t, req.OutDir)
	const steps = 5
	for i := range int64(steps) {
		limit := largest * i / steps
		req := request(t)
		var old syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(limit), Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		_, err := exporter.Export(t.Context(), req, Progress(t))
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		d, ok := err.(sdk.Diagnostics)
		if !ok || d[0].Summary != "File too large" || d[0].Remedy == "" {
			t.Errorf("limit %d of %d: got %v, want a diagnostic", limit, largest, err)
		}
		empty(t, req.OutDir)
		empty(t, req.WorkDir)
	}
}

// largest returns the size of the largest file in a folder.
func largest(t *testing.T, dir string) int64 {
	t.Helper()
	var size int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			size = max(size, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// empty checks that a folder is empty.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Tool returns the path of a tool that someone else wrote, or skips the test.
func Tool(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s (Debian package %s)", name, debianPackage)
	}
	return path
}

// Run runs a command in a neutral locale, and returns what it printed.
func Run(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Stdin = strings.NewReader(string(stdin))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
