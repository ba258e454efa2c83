// Package distro says how software is installed on the machine at hand, by
// the names that Debian has for it.
package distro

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Installer is a distribution's way to install packages. The zero value knows
// none.
type Installer struct {
	// Program is the package manager, such as "dnf".
	Program string
	// verb is its command that installs.
	verb string
	// families are what os-release calls the distributions that come with it.
	families []string
	// names are its packages by Debian's names; nil says that these are its own.
	names map[string]string
}

// rpm are the names of Fedora, of which openEuler, Anolis and RHEL have the
// same.
var rpm = map[string]string{
	"binutils": "binutils", "bison": "bison", "bubblewrap": "bubblewrap", "bzip2": "bzip2", "coreutils": "coreutils", "cpio": "cpio",
	"diffutils": "diffutils", "docker.io": "docker", "e2fsprogs": "e2fsprogs", "findutils": "findutils", "flex": "flex",
	"g++": "gcc-c++", "gawk": "gawk", "gcc": "gcc", "grep": "grep", "libc6-dev": "glibc-devel glibc-static",
	"libgmp-dev": "gmp-devel", "libmpc-dev": "libmpc-devel", "libmpfr-dev": "mpfr-devel", "linux-libc-dev": "kernel-headers",
	"make": "make", "mawk": "gawk", "patch": "patch", "python3": "python3", "qemu-user-static": "qemu-user-static", "sed": "sed",
	"squashfs-tools": "squashfs-tools", "tar": "tar", "xz-utils": "xz", "zstd": "zstd",
}

// other returns rpm with some other names.
func other(names map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{rpm, names} {
		for debian, name := range m {
			all[debian] = name
		}
	}
	return all
}

// installers are all that are known, in the order to try them: a machine has
// the program of another distribution at times.
func installers() []Installer {
	fedora := []string{"fedora", "rhel", "centos", "openeuler", "anolis", "openanolis", "kylin"}
	return []Installer{
		{Program: "apt-get", verb: "install", families: []string{"debian", "ubuntu", "uos", "deepin"}},
		{Program: "dnf", verb: "install", families: fedora, names: rpm},
		{Program: "yum", verb: "install", families: fedora, names: rpm},
		{Program: "zypper", verb: "install", families: []string{"suse", "opensuse", "sles"}, names: other(map[string]string{
			"libc6-dev": "glibc-devel glibc-devel-static", "libmpc-dev": "mpc-devel", "linux-libc-dev": "linux-glibc-devel",
			"qemu-user-static": "qemu-linux-user", "squashfs-tools": "squashfs",
		})},
		{Program: "apk", verb: "add", families: []string{"alpine"}, names: other(map[string]string{
			"g++": "g++", "libc6-dev": "musl-dev", "libgmp-dev": "gmp-dev", "libmpc-dev": "mpc1-dev", "libmpfr-dev": "mpfr-dev",
			"linux-libc-dev": "linux-headers", "qemu-user-static": "",
		})},
	}
}

// Here returns the installer of this machine: that of the distribution which
// it says to be, or the first one that is there if that one isn't.
func Here() Installer { return find("/etc/os-release") }

func find(release string) Installer {
	names := families(release)
	var first Installer
	for _, i := range installers() {
		if _, err := exec.LookPath(i.Program); err != nil {
			continue
		}
		if slices.ContainsFunc(i.families, func(f string) bool { return slices.Contains(names, f) }) {
			return i
		}
		if first.Program == "" {
			first = i
		}
	}
	return first
}

// families returns the names of a distribution and of those that it is like.
// Source: os-release(5).
func families(release string) []string {
	f, err := os.Open(release)
	if err != nil {
		return nil
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && (key == "ID" || key == "ID_LIKE") {
			names = append(names, strings.Fields(strings.ToLower(strings.Trim(value, `"'`)))...)
		}
	}
	return names
}

// Install returns a sentence that says how to install something, which is in
// packages with these names in Debian.
func (i Installer) Install(what string, packages ...string) string {
	var known, unknown []string
	for _, name := range packages {
		own := name
		if i.names != nil || i.Program == "" {
			own = i.names[name]
		}
		into := &known
		if own == "" {
			into, own = &unknown, name
		}
		for _, one := range strings.Fields(own) {
			if !slices.Contains(*into, one) {
				*into = append(*into, one)
			}
		}
	}
	if len(known) == 0 {
		return "Install " + what + ": Debian's name is " + strings.Join(unknown, ", ") + ", and other systems have another one."
	}
	text := "Install " + what + " with `" + i.Program + " " + i.verb + " " + strings.Join(known, " ") + "`"
	if len(unknown) > 0 {
		text += ", and what Debian calls " + strings.Join(unknown, ", ")
	}
	return text + "."
}
