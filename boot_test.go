package main_test

import (
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/aarch64"
	"github.com/mkmini/mkmini/toolchains/x86_64"
)

// TestBoot boots each kind of initramfs with a kernel of Debian's until a
// shell answers.
func TestBoot(t *testing.T) {
	t.Parallel()
	for _, guest := range []struct {
		arch, debianPackage string
		info                sdk.ToolchainInfo
	}{
		{"x86_64", "qemu-system-x86", x86_64.Info()},
		{"aarch64", "qemu-system-arm", aarch64.Info()},
	} {
		for _, format := range []string{"cpio.gz", "cpio.xz", "cpio.zst"} {
			t.Run(guest.arch+" "+format, func(t *testing.T) {
				t.Parallel()
				testenv.Tool(t, guest.info.Boot.System, guest.debianPackage)
				kernel := testenv.Kernel(t, guest.arch)
				initrd := build(t, guest.arch).path(t, format)
				console := testenv.Boot(t, *guest.info.Boot, guest.debianPackage, kernel, initrd)
				answers(t, console, guest.arch)
			})
		}
	}
}

// answers talks to the shell of a booted system.
func answers(t *testing.T, console *testenv.Console, arch string) {
	t.Helper()
	for _, ask := range []struct {
		command, want string
		status        int
	}{
		{"uname -m", arch + "\n", 0},
		{"cat /etc/motd /etc/issue", "mini " + arch + "\nmini " + arch + "\n", 0},
		{"stat -c '%a %u %g' /srv /tmp", "750 12 34\n1777 0 0\n", 0},
		{"for link in /lib /lib64 /linuxrc; do readlink $link; done", "usr/lib\nusr/lib64\nbin/busybox\n", 0},
		{"grep -c . /proc/mounts > /tmp/n && test $(cat /tmp/n) -ge 3; echo $?", "0\n", 0},
		{"seq 1 1000 | gzip | gunzip | sha256sum | cut -c 1-16", "67d4ff71d43921d5\n", 0},
		{"ls /nowhere 2> /dev/null", "", 1},
	} {
		got, status := console.Run(ask.command)
		if got != ask.want || status != ask.status {
			t.Errorf("%s\ngot  %q, status %d\nwant %q, status %d", ask.command, got, status, ask.want, ask.status)
		}
	}
	if got, _ := console.Run("busybox --list | wc -l"); len(strings.TrimSpace(got)) < 3 {
		t.Errorf("busybox --list | wc -l: %q, want hundreds", got)
	}
}

// TestUserEmulation runs the aarch64 busybox as it is under qemu-user.
func TestUserEmulation(t *testing.T) {
	t.Parallel()
	qemu := testenv.Tool(t, "qemu-aarch64-static", "qemu-user-static")
	root := build(t, "aarch64").path(t, "dir")
	for _, ask := range []struct {
		args []string
		want string
	}{
		{[]string{"uname", "-m"}, "aarch64\n"},
		{[]string{"sh", "-c", "echo $((6 * 7)) && exit"}, "42\n"},
		{[]string{"cat", root + "/etc/motd"}, "mini aarch64\n"},
	} {
		args := append([]string{root + "/bin/busybox"}, ask.args...)
		if got := testenv.Output(t, qemu, args...); got != ask.want {
			t.Errorf("busybox %q: %q, want %q", ask.args, got, ask.want)
		}
	}
}
