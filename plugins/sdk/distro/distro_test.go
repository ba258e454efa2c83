package distro

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInstall(t *testing.T) {
	tests := []struct {
		name, release string
		programs      []string
		packages      []string
		want          string
	}{
		{"Debian", "ID=debian\n", []string{"apt-get", "dnf"}, []string{"make", "libc6-dev"}, "Install it with `apt-get install make libc6-dev`."},
		{"openEuler", "NAME=x\nID=\"openEuler\"\n", []string{"apt-get", "dnf", "yum"}, []string{"gcc", "libc6-dev"}, "Install it with `dnf install gcc glibc-devel glibc-static`."},
		{"an old one", "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\n", []string{"yum"}, []string{"g++", "make"}, "Install it with `yum install gcc-c++ make`."},
		{"UOS", "ID=uos\n", []string{"apt-get"}, []string{"gcc"}, "Install it with `apt-get install gcc`."},
		{"UOS with packages of the other kind", "ID=uos\n", []string{"yum"}, []string{"mawk", "gawk"}, "Install it with `yum install gawk`."},
		{"SUSE", "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", []string{"zypper"}, []string{"linux-libc-dev"}, "Install it with `zypper install linux-glibc-devel`."},
		{"Alpine", "ID=alpine\n", []string{"apk"}, []string{"gcc", "libc6-dev", "qemu-user-static"}, "Install it with `apk add gcc musl-dev`, and what Debian calls qemu-user-static."},
		{"a cross compiler elsewhere", "ID=fedora\n", []string{"dnf"}, []string{"gcc-aarch64-linux-gnu"}, "Install it: Debian's name is gcc-aarch64-linux-gnu, and other systems have another one."},
		{"nothing known", "ID=nixos\n", nil, []string{"make", "gcc"}, "Install it: Debian's name is make, gcc, and other systems have another one."},
		{"nothing on PATH", "ID=debian\n", nil, []string{"make"}, "Install it: Debian's name is make, and other systems have another one."},
		{"no name", "", []string{"apk"}, []string{"make"}, "Install it with `apk add make`."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			for _, program := range test.programs {
				if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			release := filepath.Join(t.TempDir(), "os-release")
			if err := os.WriteFile(release, []byte(test.release), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := find(release).Install("it", test.packages...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
