package main_test

import (
	"path/filepath"
	"regexp"
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

// TestBootPreset boots the preset of a whole system: busybox's init is the
// first process, everything is mounted, and it goes down in order.
func TestBootPreset(t *testing.T) {
	t.Parallel()
	info := x86_64.Info()
	testenv.Tool(t, info.Boot.System, "qemu-system-x86")
	kernel := testenv.Kernel(t, "x86_64")
	compilerFor(t, "x86_64")
	dir := t.TempDir()
	config := inFolder(t, dir, "boot.hcl", `name = "boot"
toolchain "x86_64" {
  from "host" {}
}
rootfs {
  preset = "boot"
  file "/etc/init.d/S10hello" {
    mode    = "0755"
    content = "#!/bin/sh\necho $1 >> /run/hello; [ $1 = start ] || echo goodbye\n"
  }
}
export "rootfs" { format = "cpio.gz" }
`)
	command{args: []string{"-c", config, "--out", dir}}.events(t)
	console := testenv.Boot(t, *info.Boot, "qemu-system-x86", kernel, filepath.Join(dir, "boot-x86_64.cpio.gz"))
	for _, ask := range []struct{ command, want string }{
		{"cat /proc/1/comm; hostname; cat /run/hello", "init\nboot\nstart\n"},
		{"for d in /proc /sys /dev /dev/pts /dev/shm /run; do grep -c \" $d \" /proc/mounts; done", "1\n1\n1\n1\n1\n1\n"},
		{"ip addr show lo | grep -c 127.0.0.1; tty | cut -c 1-5", "1\n/dev/\n"},
	} {
		if got, _ := console.Run(ask.command); got != ask.want {
			t.Errorf("%s\ngot  %q\nwant %q", ask.command, got, ask.want)
		}
	}
	console.Run("poweroff")
	console.Expect(regexp.MustCompile("goodbye"))
	console.Expect(regexp.MustCompile("Power down"))
}

// TestAddressScript has the preset's script for udhcpc set an address, in a
// network namespace of its own.
func TestAddressScript(t *testing.T) {
	t.Parallel()
	unshare := testenv.Tool(t, "unshare", "util-linux")
	compilerFor(t, "x86_64")
	dir := t.TempDir()
	config := inFolder(t, dir, "boot.hcl", `name = "boot"
toolchain "x86_64" {
  from "host" {}
}
rootfs { preset = "boot" }
export "rootfs" { format = "dir" }
`)
	command{args: []string{"-c", config, "--out", dir}}.events(t)
	testenv.Tool(t, "ip", "iproute2")
	const inNamespace = `ip link add v0 type veth peer name v1 && ip link set v1 up && exec chroot "$0" /bin/sh -c "$1"`
	got := testenv.Output(t, unshare, "--map-root-user", "--net", "env", "-i", "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
		"interface=v0", "ip=10.1.2.3", "mask=24", "router=10.1.2.1", "dns=10.1.2.4 10.1.2.5", "domain=example.org",
		"sh", "-c", inNamespace, filepath.Join(dir, "boot-x86_64.dir"),
		"/usr/share/udhcpc/default.script deconfig && /usr/share/udhcpc/default.script bound && ip -4 -o addr show v0 && ip route && cat /etc/resolv.conf")
	for _, want := range []string{"inet 10.1.2.3/24 ", "default via 10.1.2.1 dev v0", "search example.org\nnameserver 10.1.2.4\nnameserver 10.1.2.5\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("it did not set %q:\n%s", want, got)
		}
	}
}
