package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// debootstrapped makes a small Debian in a folder, once for a run of the tests.
// MKMINI_TEST_DEBIAN names one to keep from run to run.
func debootstrapped(t *testing.T) string {
	t.Helper()
	testenv.Root(t, "debootstrap")
	debootstrap := testenv.Tool(t, "debootstrap", "debootstrap")
	unshare := testenv.Tool(t, "unshare", "util-linux")
	aptGet := testenv.Tool(t, "apt-get", "apt")
	dir := filepath.Join(shared, "debian")
	if kept := os.Getenv("MKMINI_TEST_DEBIAN"); kept != "" {
		dir = kept
	}
	debian.Do(func() {
		if _, err := os.Stat(filepath.Join(dir, "usr/bin/dpkg")); err == nil {
			return
		}
		// The mirror and the release are those of this machine.
		lines := strings.Split(testenv.Output(t, aptGet, "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages", "Component: main"), "\n")
		mirror, suite, _ := strings.Cut(lines[0], " ")
		if mirror == "" || suite == "" {
			testenv.Skip(t, "this machine's apt knows no mirror of Debian (apt-get update)")
		}
		// It mounts /proc in the folder, and leaves it there when it is killed: not
		// where whoever removes the folder would walk into it.
		testenv.Output(t, unshare, "--mount", debootstrap, "--variant=minbase", suite, dir, mirror)
	})
	if _, err := os.Stat(filepath.Join(dir, "usr/bin/dpkg")); err != nil {
		t.Fatal("it was not made")
	}
	return dir
}

var debian sync.Once

// TestDebootstrapped packs a whole Debian of more than 100 MB, without busybox,
// and has Debian's own package manager compare all files with its hashes in a
// container.
func TestDebootstrapped(t *testing.T) {
	t.Parallel()
	engine := testenv.Docker(t)
	root := debootstrapped(t)
	dir := t.TempDir()
	config := inFolder(t, dir, "debian.hcl", `name = "debian"
toolchain "x86_64" {}
busybox { enabled = false }
rootfs {
  preset = "minimal"
  host {
    root = "`+root+`"
    all  = true
  }
}
export "docker" { tag = "debian:1" }
export "rootfs" { format = "tar" }
`)
	events := command{args: []string{"-c", config, "--out", dir}}.events(t)
	for _, e := range events {
		if e.Step == "toolchain" || e.Step == "busybox" {
			t.Errorf("a step of %q without anything to compile", e.Step)
		}
		if e.Step == "check" && e.Kind == "done" && e.Message != "it runs" {
			t.Errorf("the check said %q", e.Message)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "debian-x86_64.tar"))
	if err != nil || info.Size() < 100<<20 {
		t.Errorf("the tree is to have more than 100 MB: %v, %v", info, err)
	}
	engine.Run(t, "load", "--input", filepath.Join(dir, "debian-x86_64.docker.tar"))
	run := func(script string) string {
		return engine.Run(t, "run", "--rm", "--network", "none", "debian:1", "/bin/bash", "-c", script)
	}
	if got := run("dpkg --verify; dpkg --audit; echo $?"); got != "0\n" {
		t.Errorf("dpkg --verify: %s", got)
	}
	const script = `dpkg-query --show --showformat '${Package} ${Version}\n'; cat /etc/os-release; perl -e 'print "perl $]\n"'
		find / -mindepth 1 -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o ! -name .dockerenv ! -path '/etc/host*' \
			! -path /etc/resolv.conf ! -path /etc/mtab -printf '%M %U:%G %p %l\n' | LC_ALL=C sort`
	want := testenv.Output(t, "chroot", root, "/bin/bash", "-c", script)
	if diff := cmp.Diff(want, run(script)); diff != "" {
		t.Errorf("in the container (-in the root +there):\n%s", diff)
	}
}
