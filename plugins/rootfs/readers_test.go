package rootfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/gpt"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// record and records are what a reader finds.
type (
	record  = layertest.Record
	records = layertest.Records
)

// fromDebugfs has e2fsprogs read an ext4 file system.
func fromDebugfs(t *testing.T, path string) records {
	t.Helper()
	debugfs := layertest.Tool(t, "debugfs", "e2fsprogs")
	all, files := records{}, map[string]string{}
	for name := range wanted(t) {
		out := layertest.Run(t, nil, debugfs, "-R", `stat "/`+name+`"`, path)
		find := func(re string) string {
			if found := regexp.MustCompile(re).FindStringSubmatch(out); found != nil {
				return found[1]
			}
			return ""
		}
		number := func(re string, base int) int64 {
			n, err := strconv.ParseInt(find(re), base, 64)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			return n
		}
		rec := record{
			Type: map[string]byte{"regular": '-', "directory": 'd', "symlink": 'l', "character": 'c', "block": 'b', "FIFO": 'p'}[find(`Type: (\w+)`)],
			Mode: uint32(number(`Mode: +(\d+)`, 8)), UID: int(number(`User: +(\d+)`, 10)), GID: int(number(`Group: +(\d+)`, 10)),
			ModTime: number(`mtime: 0x([0-9a-f]+)`, 16), Target: find(`Fast link dest: "(.*)"`),
		}
		switch rec.Type {
		case '-':
			files[name] = find(`Inode: (\d+)`)
			rec.Content = layertest.Content(t, strings.NewReader(cat(t, debugfs, name, path)))
		case 'c', 'b':
			major, minor, _ := strings.Cut(find(`Device major/minor number: (\d+:\d+)`), ":")
			rec.Device = strings.TrimLeft(major, "0") + ":" + strings.TrimLeft(minor, "0")
		}
		for _, found := range regexp.MustCompile(`(?m)^  ([a-z]+\.[a-z._]+) \(\d+\) = "(.*)"$`).FindAllStringSubmatch(out, -1) {
			if rec.Xattrs == nil {
				rec.Xattrs = map[string]string{}
			}
			rec.Xattrs[found[1]] = found[2]
		}
		all[name] = rec
	}
	all.Same(files)
	return all
}

func cat(t *testing.T, debugfs, name, path string) string {
	t.Helper()
	out := layertest.Run(t, nil, debugfs, "-R", `cat "/`+name+`"`, path)
	_, content, _ := strings.Cut(out, "\n") // the first line is the version
	return content
}

// mounted has the kernel read an image.
func mounted(t *testing.T, kind, path string, offset int64) records {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := t.TempDir()
	mount := exec.CommandContext(t.Context(), "mount", "-t", kind, "-o", fmt.Sprintf("ro,loop,offset=%d", offset), path, dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("mounting is not allowed here, or there is no %s in the kernel: %v: %s", kind, err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return layertest.FromFolder(t, dir)
}

// unpacked has a tool unpack an archive into a folder as root.
func unpacked(t *testing.T, debianPackage string, stdin bool, path, name string, args ...string) records {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to unpack devices and owners")
	}
	dir := filepath.Join(layertest.Folder(t), "root")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var in []byte
	if stdin {
		var err error
		if in, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	tool := layertest.Tool(t, name, debianPackage)
	for i, arg := range args {
		args[i] = strings.NewReplacer("{path}", path, "{dir}", dir).Replace(arg)
	}
	layertest.Run(t, in, tool, args...)
	return layertest.FromFolder(t, dir)
}

// converted has a tool turn an archive into a tar archive.
func converted(t *testing.T, debianPackage, name string, args ...string) records {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), layertest.Tool(t, name, debianPackage), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var said strings.Builder // of names that are no UTF-8, too
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := layertest.FromTar(t, out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return all
}

// wanted are the records of the system that is exported.
func wanted(t *testing.T) records {
	t.Helper()
	return layertest.FromLayer(t, layertest.Images(t)[0])
}

// reader is a program of others that reads what is written here.
type reader struct {
	format, name string
	read         func(t *testing.T, path string) records
	// lacks removes what the format, or the reader, doesn't know of.
	lacks func(r record) (record, bool)
}

// folderReader is for what needs no program.
var folderReader = reader{format: "dir", name: "the kernel", read: layertest.FromFolder}

// readers are all of them, by format.
var readers = []reader{
	{format: "tar", name: "GNU tar", read: func(t *testing.T, path string) records {
		return unpacked(t, "tar", false, path, "tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", "{path}", "-C", "{dir}")
	}},
	{format: "tar.zst", name: "bsdtar", read: bsdtar},
	{format: "cpio.gz", name: "bsdtar", read: bsdtar, lacks: lacksXattrs},
	{format: "cpio", name: "GNU cpio", read: func(t *testing.T, path string) records {
		return unpacked(t, "cpio", true, path, "cpio", "--quiet", "-idm", "--no-absolute-filenames", "-D", "{dir}")
	}, lacks: lacksTimes},
	{format: "zip", name: "bsdtar", read: bsdtar, lacks: lacksUnix},
	{format: "zip", name: "unzip", read: func(t *testing.T, path string) records {
		return unpacked(t, "unzip", false, path, "unzip", "-qXK", "{path}", "-d", "{dir}")
	}, lacks: lacksLinkTimes},
	{format: "squashfs", name: "sqfs2tar", read: func(t *testing.T, path string) records {
		return converted(t, "squashfs-tools-ng", "sqfs2tar", path)
	}},
	{format: "squashfs", name: "unsquashfs", read: func(t *testing.T, path string) records {
		return unpacked(t, "squashfs-tools", false, path, "unsquashfs", "-quiet", "-no-progress", "-f", "-d", "{dir}", "{path}")
	}},
	{format: "squashfs", name: "the kernel", read: func(t *testing.T, path string) records { return mounted(t, "squashfs", path, 0) }},
	{format: "erofs", name: "fsck.erofs", read: func(t *testing.T, path string) records {
		return unpacked(t, "erofs-utils", false, path, "fsck.erofs", "--extract={dir}", "--overwrite", "{path}")
	}, lacks: lacksLinks},
	{format: "erofs", name: "the kernel", read: func(t *testing.T, path string) records { return mounted(t, "erofs", path, 0) }},
	{format: "ext4", name: "debugfs", read: fromDebugfs},
	{format: "ext4", name: "the kernel", read: func(t *testing.T, path string) records { return mounted(t, "ext4", path, 0) }},
	{format: "disk", name: "the kernel", read: func(t *testing.T, path string) records { return mounted(t, "ext4", path, gpt.Start) }},
	{format: "qcow2", name: "the kernel", read: func(t *testing.T, path string) records {
		raw := filepath.Join(t.TempDir(), "raw")
		layertest.Run(t, nil, layertest.Tool(t, "qemu-img", "qemu-utils"), "convert", "-O", "raw", path, raw)
		return mounted(t, "ext4", raw, gpt.Start)
	}},
}

func bsdtar(t *testing.T, path string) records {
	t.Helper()
	return converted(t, "libarchive-tools", "bsdtar", "-cf", "-", "--format", "pax", "@"+path)
}

func lacksXattrs(r record) (record, bool) {
	r.Xattrs = nil
	return r, true
}

// lacksTimes is for GNU cpio, which sets times of files alone.
func lacksTimes(r record) (record, bool) {
	if r.Type == 'd' || r.Type == 'l' {
		r.ModTime = 0
	}
	return lacksXattrs(r)
}

// lacksUnix leaves what zip archives hold.
func lacksUnix(r record) (record, bool) {
	r.Xattrs, r.Same = nil, ""
	return r, strings.IndexByte("-dl", r.Type) >= 0
}

// lacksLinkTimes is for unzip, which sets no times of symlinks.
func lacksLinkTimes(r record) (record, bool) {
	if r.Type == 'l' {
		r.ModTime = 0
	}
	return lacksUnix(r)
}

// lacksLinks is for fsck.erofs 1.5, which unpacks each name of a file as a
// file, and changes owners after modes, which takes setuid away.
func lacksLinks(r record) (record, bool) {
	if r.Same = ""; r.Type == '-' {
		r.Mode &= 0o777
	}
	return lacksXattrs(r)
}

// TestReaders compares what programs of others read with the records, name by
// name.
func TestReaders(t *testing.T) {
	for _, reader := range readers {
		t.Run(reader.format+" "+reader.name, func(t *testing.T) {
			want := wanted(t)
			path, err := export(t, map[string]any{"format": reader.format})
			if err != nil {
				t.Fatal(err)
			}
			got := reader.read(t, path)
			for _, own := range []string{"", ".", "lost+found", "dev/console"} {
				delete(got, own) // the format's own
			}
			for _, all := range []records{want, got} {
				for name, rec := range all {
					there := true
					if reader.lacks != nil {
						rec, there = reader.lacks(rec)
					}
					if all[name] = rec; !there {
						delete(all, name)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
