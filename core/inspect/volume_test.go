package inspect

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/testenv"
)

// crowded is folder with what needs more than one block: a folder of many
// names, a file with holes, long symlinks; and attributes.
func crowded(t testing.TB) string {
	t.Helper()
	root := folder(t)
	many := filepath.Join(root, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 700 {
		if err := os.WriteFile(filepath.Join(many, fmt.Sprintf("%s-%d", strings.Repeat("n", i%40), i)), []byte(strings.Repeat("x", i%9)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	large, err := os.Create(filepath.Join(root, "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	// Parts of it are tables away, one and two of them.
	for _, at := range []int64{0, 50 << 10, 700 << 10} {
		if _, err := large.WriteAt([]byte(strings.Repeat("data", 5000)), at); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"l59": strings.Repeat("t", 59), "l60": strings.Repeat("t", 60), "l900": strings.Repeat("t/", 450)} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	// A list that gives the user 7 the right to read.
	list := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x07\x00\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"
	for name, value := range map[string]string{"user.short": "value", "user.long": strings.Repeat("v", 700), "system.posix_acl_access": list} {
		if err := unix.Setxattr(filepath.Join(root, "etc/motd"), name, []byte(value), 0); err != nil {
			t.Logf("%s can't be tested here: %v", name, err)
		}
	}
	if os.Geteuid() == 0 {
		for name, kind := range map[string]int{"char": unix.S_IFCHR, "block": unix.S_IFBLK} {
			for i, device := range [][2]uint32{{5, 1}, {300, 70000}} {
				if err := unix.Mknod(filepath.Join(root, name+fmt.Sprint(i)), uint32(kind|0o600), int(unix.Mkdev(device[0], device[1]))); err != nil {
					t.Logf("devices can't be tested here: %v", err)
				}
			}
		}
		if err := os.Lchown(filepath.Join(root, "etc/motd"), 70000, 3_000_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o640); err != nil {
		t.Fatal(err)
	}
	return root
}

func init2fs(t testing.TB, root, path, size string, args ...string) {
	t.Helper()
	mke2fs := testenv.Tool(t, "mke2fs", "e2fsprogs")
	testenv.Output(t, mke2fs, append(append([]string{"-q", "-F", "-d", root}, args...), path, size)...)
}

// The images that others make of a folder have the folder's entries.
func TestVolumesOfOthers(t *testing.T) {
	root := crowded(t)
	ext4 := func(args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { init2fs(t, root, path, "48M", args...) }
	}
	indexed := func(t *testing.T, path string) {
		init2fs(t, root, path, "48M", "-t", "ext4", "-b", "1024")
		testenv.Output(t, "sh", "-c", `"$1" -fyD "$2" || [ $? = 1 ]`, "sh", testenv.Tool(t, "e2fsck", "e2fsprogs"), path)
	}
	squashfs := func(args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			mksquashfs := testenv.Tool(t, "mksquashfs", "squashfs-tools")
			testenv.Output(t, mksquashfs, append([]string{root, path, "-quiet", "-no-progress", "-noappend"}, args...)...)
		}
	}
	erofs := func(args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			testenv.Output(t, testenv.Tool(t, "mkfs.erofs", "erofs-utils"), append(args, path, root)...)
		}
	}
	onDisk := func(label, partitions string, start int64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			part := filepath.Join(t.TempDir(), "part")
			init2fs(t, root, part, "48M")
			testenv.Output(t, "truncate", "-s", "70M", path)
			testenv.Output(t, "sh", "-c", `printf "$1" | "$2" -q "$3"`, "sh", "label: "+label+"\n"+partitions, testenv.Tool(t, "sfdisk", "fdisk"), path)
			testenv.Output(t, "dd", "status=none", "conv=notrunc,sparse", "bs=512", fmt.Sprintf("seek=%d", start), "if="+part, "of="+path)
		}
	}
	gpt := onDisk("gpt", `start=2048,size=2048,type=U,name=boot\nstart=6144,size=98304,type=L,name=root\n`, 6144)
	qcow2 := func(args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			qemu := testenv.Tool(t, "qemu-img", "qemu-utils")
			raw := filepath.Join(t.TempDir(), "raw")
			gpt(t, raw)
			testenv.Output(t, qemu, append(append([]string{"convert", "-f", "raw", "-O", "qcow2"}, args...), raw, path)...)
		}
	}
	tests := []struct {
		name, format, compression string
		partition                 int
		make                      func(t *testing.T, path string)
	}{
		{"ext2", "ext4", "", 0, ext4("-t", "ext2", "-b", "1024")},
		{"ext2 with inodes of 128 bytes", "ext4", "", 0, ext4("-t", "ext2", "-I", "128")},
		{"ext3", "ext4", "", 0, ext4("-t", "ext3")},
		{"ext4", "ext4", "", 0, ext4("-t", "ext4")},
		{"ext4 with 64 bits and content in inodes", "ext4", "", 0, ext4("-t", "ext4", "-O", "64bit,inline_data", "-I", "512")},
		{"ext4 with descriptors everywhere", "ext4", "", 0, ext4("-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024")},
		{"ext4 with indexes", "ext4", "", 0, indexed},
		{"ext4 in gzip", "ext4", "gzip", 0, func(t *testing.T, path string) {
			init2fs(t, root, path, "48M")
			tool(t, "sh", "-c", `gzip -1 "$1" && mv "$1.gz" "$1"`, "sh", path)
		}},
		{"erofs", "erofs", "", 0, erofs()},
		{"erofs with long inodes", "erofs", "", 0, erofs("-Eforce-inode-extended")},
		{"squashfs", "squashfs", "", 0, squashfs()},
		{"squashfs in zstd", "squashfs", "", 0, squashfs("-comp", "zstd", "-b", "4096")},
		{"squashfs in xz", "squashfs", "", 0, squashfs("-comp", "xz", "-b", "1M")},
		{"squashfs in lz4", "squashfs", "", 0, squashfs("-comp", "lz4")},
		{"squashfs as it is", "squashfs", "", 0, squashfs("-noI", "-noD", "-noF", "-noX")},
		{"squashfs without fragments", "squashfs", "", 0, squashfs("-no-fragments", "-no-duplicates")},
		{"gpt", "disk", "", 2, gpt},
		{"mbr", "disk", "", 2, onDisk("dos", `start=2048,size=2048,type=7\nstart=6144,size=98304,type=83\n`, 6144)},
		{"mbr with an extended partition", "disk", "", 5, onDisk("dos", `start=2048,size=2048,type=7\nstart=4096,size=120000,type=5\nstart=6144,size=98304,type=83\n`, 6144)},
		{"qcow2", "qcow2", "", 2, qcow2()},
		{"qcow2 of version 2", "qcow2", "", 2, qcow2("-o", "compat=0.10,cluster_size=512")},
		{"qcow2 with zlib", "qcow2", "", 2, qcow2("-c")},
		{"qcow2 with zstd", "qcow2", "", 2, qcow2("-c", "-o", "compression_type=zstd,cluster_size=2M")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := mustRead(t, root).Trees[0]
			path := filepath.Join(t.TempDir(), "image")
			test.make(t, path)
			got := mustRead(t, path)
			if got.Format != test.format || got.Compression != test.compression || len(got.Trees) != 1 || got.Trees[0].Volume.Partition != test.partition {
				t.Fatalf("it is %+v", got)
			}
			for _, e := range slices.Concat(want.Entries, got.Trees[0].Entries) {
				if test.format == "squashfs" {
					delete(e.Xattrs, "system.posix_acl_access") // squashfs has none
				}
			}
			// The root's own time and attributes are not always copied.
			if changes := Diff(want, got.Trees[0], nil); len(changes) > 1 || len(changes) == 1 && changes[0].Path() != "/" {
				t.Errorf("they differ: %.3000s", jsonOf(t, changes))
			}
		})
	}
}

// A file's last part is three tables away.
func TestHoles(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(filepath.Join(root, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{12 << 10, 300 << 10, 66 << 20} {
		if _, err := f.WriteAt([]byte("here"), at); err != nil {
			t.Fatal(err)
		}
	}
	want := mustRead(t, root).Trees[0]
	for _, kind := range []string{"ext2", "ext4"} {
		path := filepath.Join(t.TempDir(), kind)
		init2fs(t, root, path, "4M", "-t", kind, "-b", "1024")
		if changes := Diff(want, mustRead(t, path).Trees[0], []string{"mtime"}); len(changes) > 0 {
			t.Errorf("%s: %s", kind, jsonOf(t, changes))
		}
	}
}

// What isn't read is told.
func TestBadVolumes(t *testing.T) {
	root := folder(t)
	mke2fs := func(args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { init2fs(t, root, path, "4M", args...) }
	}
	poke := func(at int64, b byte, args ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			init2fs(t, root, path, "4M", args...)
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{b}, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"encrypted": {mke2fs("-O", "encrypt"), "features (0x10000) that are not read here"},
		"cut": {func(t *testing.T, path string) {
			mke2fs()(t, path)
			tool(t, "sh", "-c", `truncate -s 1M "$1"`, "sh", path)
		}, "it has 4096 blocks of 1024 bytes"},
		"no inodes":  {poke(1024+0x28, 0, "-N", "128"), "its super block makes no sense"},
		"compressed": {func(t *testing.T, path string) { tool(t, "mkfs.erofs", "-zlz4", path, crowded(t)) }, "the Debian package erofs-utils"},
		"another image": {func(t *testing.T, path string) {
			tool(t, "sh", "-c", `cd "$(dirname "$1")" && qemu-img create -q -f qcow2 base 1M && qemu-img create -q -f qcow2 -b base -F qcow2 "$1"`, "sh", path)
		}, "only what differs from another image"},
		"no partition": {func(t *testing.T, path string) {
			tool(t, "sh", "-c", `truncate -s 4M "$1" && printf 'label: gpt\nstart=2048,size=2048\n' | "$2" -q "$1"`, "sh", path, testenv.Tool(t, "sfdisk", "fdisk"))
		}, "no partition of the disk has a file system that is read here"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image")
			test.make(t, path)
			if _, err := Read(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzVolume reads images that something happened to.
func FuzzVolume(f *testing.F) {
	root := folder(f)
	for name, args := range map[string][]string{
		"ext2": {"-t", "ext2", "-b", "1024", "-N", "32"}, "ext4": {"-t", "ext4", "-b", "1024", "-N", "32", "-O", "^has_journal,^resize_inode,inline_data", "-I", "256"},
	} {
		path := filepath.Join(f.TempDir(), name)
		init2fs(f, root, path, "128K", args...)
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, script := range []string{
		`mkfs.erofs "$1" "$2" >/dev/null`,
		`mksquashfs "$2" "$1" -quiet -no-progress`,
		`mksquashfs "$2" "$1" -quiet -no-progress -noI -b 4096 -comp xz`,
		`truncate -s 64K "$1" && printf 'label: dos\nstart=2,size=8,type=5\nstart=20,size=20,type=83\nstart=4,size=2\n' | PATH=$PATH:/sbin:/usr/sbin sfdisk -q "$1"`,
		`truncate -s 256K "$1.raw" && printf 'label: gpt\nstart=40,size=20\n' | PATH=$PATH:/sbin:/usr/sbin sfdisk -q "$1.raw" && qemu-img convert -c -f raw -O qcow2 -o cluster_size=4096 "$1.raw" "$1"`,
	} {
		path := filepath.Join(f.TempDir(), "image")
		if err := exec.Command("sh", "-c", script, "sh", path, root).Run(); err != nil {
			f.Logf("%s: %v", script, err)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	limits := Limits{Bytes: 1 << 20, Entries: 1000, Names: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Read(t.Context(), put(t, "x", data), Options{Limits: limits})
		if err != nil {
			return
		}
		for _, tree := range a.Trees {
			if changes := Diff(tree, tree, nil); len(changes) > 0 {
				t.Errorf("differs from itself: %+v", changes)
			}
		}
	})
}
