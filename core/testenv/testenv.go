// Package testenv holds what mkmini's end-to-end tests share: it finds the
// tools and files that a test needs, or skips the test with a reason that
// names the Debian package; it starts docker engines, and boots kernels.
//
// Only tests import it.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Nobody is the user and group ID of Debian's nobody and nogroup.
const Nobody = 65534

// Skip ends the test because something isn't there. With MKMINI_TEST_STRICT
// set, as in CI, that is a failure. The reason is appended to the file that
// MKMINI_TEST_SKIPS names, as `go test` hides it.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("MKMINI_TEST_STRICT") != "" {
		t.Fatalf("must not skip here: %s", reason)
	}
	if name := os.Getenv("MKMINI_TEST_SKIPS"); name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
		if err == nil {
			fmt.Fprintf(f, "skipped %s: %s\n", t.Name(), reason)
			f.Close()
		}
	}
	t.Skip(reason)
}

// Tool returns the absolute path of an executable on PATH or in the folders
// of administrators, and skips the test if there is none.
func Tool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	Skip(t, "%s isn't installed (Debian package %s)", name, debianPackage)
	return ""
}

// Root skips the test unless it runs as root.
func Root(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "%s needs root", why)
	}
}

// Checkout returns the absolute path of mkmini's sources.
func Checkout() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		// Built with -trimpath: tests run in their package's folder.
		dir, err := os.Getwd()
		if err != nil {
			panic(err)
		}
		for ; dir != "/"; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return dir
			}
		}
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// cached returns the path of what .ci/setup left in .cache, and skips the
// test if it isn't there.
func cached(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Checkout(), ".cache", name)
	if _, err := os.Stat(path); err != nil {
		Skip(t, "%s isn't here: run .ci/setup test", filepath.Join(".cache", name))
	}
	return path
}

// Kernel returns the path of a bootable kernel for an architecture.
func Kernel(t testing.TB, arch string) string {
	t.Helper()
	return cached(t, filepath.Join("kernels", arch))
}

// BusyboxSource returns the path of the source tarball of busybox 1.35.0.
func BusyboxSource(t testing.TB) string {
	t.Helper()
	return cached(t, "busybox-1.35.0.tar.bz2")
}

// MuslSource returns the path of musl's source tarball, in the same way.
func MuslSource(t testing.TB) string {
	t.Helper()
	return cached(t, "musl-1.2.3.tar.gz")
}

// AsNobody makes a command run as an ordinary user when the test is root's.
func AsNobody(cmd *exec.Cmd) {
	if os.Geteuid() != 0 {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: Nobody, Gid: Nobody}
}

// Output runs a command to its end and returns its standard output; the test
// fails with all that it printed if it fails.
func Output(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr limited
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}
