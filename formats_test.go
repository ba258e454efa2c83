package main_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/toolchains/x86_64"
)

// imageFormats are the formats of the rootfs exporter that hold every record.
var imageFormats = []string{"tar", "squashfs", "erofs", "ext4", "disk", "qcow2"}

// formats builds a system that boots in these formats, once, and returns its
// folder.
func formats(t *testing.T) string {
	t.Helper()
	compilerFor(t, "x86_64")
	buildFormats.Do(func() {
		dir := filepath.Join(shared, "formats")
		config := inFolder(t, t.TempDir(), "disk.hcl", `name = "disk"
toolchain "x86_64" {
  from "host" {}
}
rootfs {
  preset = "boot"
  device "/srv/disk" {
    type  = "block"
    major = 300
    minor = 70000
  }
  file "/srv/one" { content = "same\n" }
  hardlink "/srv/two" { target = "/srv/one" }
  file "/srv/odd \"name\"" {
    content = "x"
    mode    = "4751"
    uid     = 70000
    gid     = 3000000
  }
}
`+strings.Join(forEach(imageFormats, func(format string) string { return `export "rootfs" { format = "` + format + "\" }\n" }), ""))
		events := command{args: []string{"-c", config, "--out", dir}}.events(t)
		for _, a := range events[len(events)-1].Artifacts {
			formatsRun[a.Format] = strings.Join(a.Run, "\n")
		}
		formatsFolder = dir
	})
	if formatsFolder == "" {
		t.Fatal("the build failed in another test")
	}
	return formatsFolder
}

var (
	buildFormats  sync.Once
	formatsFolder string
	// formatsRun are the commands that mkmini prints, by format.
	formatsRun = map[string]string{}
)

func forEach(list []string, f func(string) string) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = f(one)
	}
	return texts
}

// TestFormatsAgree reads each format of one system back.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	dir := formats(t)
	for _, format := range imageFormats[1:] {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r := command{args: []string{"diff", filepath.Join(dir, "disk-x86_64.tar"), filepath.Join(dir, "disk-x86_64."+format)}}.run(t)
			if r.code != 0 || r.stdout != "" {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestBootDisk boots from disks, by the very commands that mkmini prints: the
// kernel mounts the ext4 root by itself, the system comes up, writes, and goes
// down in order. One is found by its partition's number, as the reference says.
func TestBootDisk(t *testing.T) {
	t.Parallel()
	info := x86_64.Info()
	testenv.Tool(t, info.Boot.System, "qemu-system-x86")
	kernel := testenv.Kernel(t, "x86_64")
	dir := formats(t)
	var disk struct {
		Partitions struct {
			Partitions []struct{ ID, Type string }
		}
	}
	out := command{args: []string{"inspect", "--summary", "--json", filepath.Join(dir, "disk-x86_64.disk")}}.run(t).stdout
	if err := json.Unmarshal([]byte(out), &disk); err != nil || len(disk.Partitions.Partitions) != 1 {
		t.Fatal(err, out)
	}
	for _, test := range []struct{ artifact, device, root string }{
		{"disk", "nvme0n1p1", ""},
		{"qcow2", "nvme0n1p1", "PARTUUID=" + disk.Partitions.Partitions[0].ID},
		{"ext4", "nvme0n1", ""},
	} {
		t.Run(test.artifact, func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(dir, "disk-x86_64."+test.artifact)
			own := filepath.Join(t.TempDir(), test.artifact) // what the guest writes is for nobody else
			testenv.Output(t, "cp", "--sparse=always", image, own)
			printed := formatsRun[test.artifact]
			if !strings.Contains(printed, image) || !strings.Contains(printed, " KERNEL ") {
				t.Fatalf("the command is %s", printed)
			}
			run := strings.NewReplacer(image, own, " KERNEL ", " "+kernel+" ").Replace(printed)
			if test.root != "" {
				run = strings.Replace(run, "root=/dev/"+test.device, "root="+test.root, 1)
			}
			console := testenv.BootBy(t, *info.Boot, "qemu-system-x86", run)
			for _, ask := range []struct{ command, want string }{
				{"cat /proc/1/comm; hostname", "init\ndisk\n"},
				{"sleep 2; ps | grep -c '[b]in/sh'", "1\n"}, // init starts no second one
				{"awk '$2 == \"/\" { print $3 }' /proc/mounts | tail -n 1", "ext4\n"},
				{"stat -c '%a %u %g %s' '/srv/odd \"name\"'", "4751 70000 3000000 1\n"},
				{"test /srv/one -ef /srv/two; echo $?; ls -l /srv/disk | tr -s ' ' | cut -d ' ' -f 1,5,6", "0\nbrw------- 300, 70000\n"},
				{"grep -c " + test.device + " /proc/partitions", "1\n"},
			} {
				if got, _ := console.Run(ask.command); got != ask.want {
					t.Errorf("%s\ngot  %q\nwant %q", ask.command, got, ask.want)
				}
			}
			console.Run("poweroff")
			console.Expect(regexp.MustCompile("Power down"))
		})
	}
}
