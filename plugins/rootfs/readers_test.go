package rootfs

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/gpt"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

// record is all that a format says of one name.
type record struct {
	Type     byte // as ls has it
	Mode     uint32
	UID, GID int
	ModTime  int64
	// Content is the digest of a file's content.
	Content string
	Target  string
	Device  string
	// Same is the first of a file's names, if it has several.
	Same   string
	Xattrs map[string]string
}

// records are those of a whole system, by name.
type records map[string]record

// same fills in Same by what identifies the files.
func (r records) same(files map[string]string) {
	first := map[string]string{}
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if id := files[name]; count[id] == 0 {
			first[id] = name
		}
		count[files[name]]++
	}
	for name, id := range files {
		if rec := r[name]; count[id] > 1 {
			rec.Same = first[id]
			r[name] = rec
		}
	}
}

func contentOf(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:6])
}

// fromTar reads a tar archive.
func fromTar(t *testing.T, r io.Reader) records {
	t.Helper()
	letters := map[byte]byte{tar.TypeReg: '-', tar.TypeDir: 'd', tar.TypeSymlink: 'l', tar.TypeChar: 'c', tar.TypeBlock: 'b', tar.TypeFifo: 'p'}
	all, files := records{}, map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		if h.Typeflag == tar.TypeLink {
			target := strings.TrimPrefix(h.Linkname, "./")
			all[name], files[name], files[target] = all[target], target, target
			continue
		}
		rec := record{Type: letters[h.Typeflag], Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.Unix(), Target: h.Linkname}
		switch rec.Type {
		case '-':
			rec.Content = contentOf(t, archive)
		case 'c', 'b':
			rec.Device = fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)
		}
		for key, value := range h.PAXRecords {
			if attribute, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
				if rec.Xattrs == nil {
					rec.Xattrs = map[string]string{}
				}
				rec.Xattrs[attribute] = value
			}
		}
		all[name] = rec
	}
	all.same(files)
	return all
}

// fromFolder reads a folder as the kernel shows it.
func fromFolder(t *testing.T, dir string) records {
	t.Helper()
	letters := map[uint32]byte{unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b', unix.S_IFIFO: 'p'}
	all, files := records{}, map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err := errors.Join(err, unix.Lstat(path, &st)); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rec := record{Type: letters[st.Mode&unix.S_IFMT], Mode: st.Mode & 0o7777, UID: int(st.Uid), GID: int(st.Gid), ModTime: st.Mtim.Sec}
		switch rec.Type {
		case '-':
			files[name] = fmt.Sprint(st.Ino)
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			rec.Content = contentOf(t, file)
		case 'l':
			if rec.Target, err = os.Readlink(path); err != nil {
				return err
			}
		case 'c', 'b':
			rec.Device = fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
		}
		rec.Xattrs = xattrsOf(t, path)
		all[name] = rec
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all.same(files)
	return all
}

func xattrsOf(t *testing.T, path string) (all map[string]string) {
	t.Helper()
	list, value := make([]byte, 1<<16), make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, list)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(string(list[:max(n, 0)]), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.selinux") {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[name] = string(value[:n])
	}
	return all
}

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
			rec.Content = contentOf(t, strings.NewReader(cat(t, debugfs, name, path)))
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
	all.same(files)
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
	return fromFolder(t, dir)
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
	return fromFolder(t, dir)
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
	all := fromTar(t, out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return all
}

// wanted are the records of the system that is exported.
func wanted(t *testing.T) records {
	t.Helper()
	file, err := os.Open(layertest.Images(t)[0].Layer)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return fromTar(t, file)
}

// reader is a program of others that reads what is written here.
type reader struct {
	format, name string
	read         func(t *testing.T, path string) records
	// lacks removes what the format, or the reader, doesn't know of.
	lacks func(r record) (record, bool)
}

// folderReader is for what needs no program.
var folderReader = reader{format: "dir", name: "the kernel", read: fromFolder}

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
		return converted(t, tar2sqfsPackage, "sqfs2tar", path)
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
