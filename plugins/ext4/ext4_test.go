package ext4

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/layer"
	"github.com/mkmini/mkmini/plugins/layer/layertest"
)

var uuid = [16]byte{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89}

// fromHeaders is a source of what headers say.
func fromHeaders(t *testing.T, headers []tar.Header) layer.Source {
	archive := layertest.Archive(t, headers)
	return func(visit func(e layer.Entry, content io.Reader) error) error {
		return layer.Read(bytes.NewReader(archive), visit)
	}
}

// fromEntries is a source of entries whose content is a pattern.
func fromEntries(entries []layer.Entry) layer.Source {
	return func(visit func(e layer.Entry, content io.Reader) error) error {
		for _, e := range entries {
			if e.ModTime.IsZero() {
				e.ModTime = layertest.Epoch
			}
			if err := visit(e, io.LimitReader(pattern{}, e.Size)); err != nil {
				return err
			}
		}
		return nil
	}
}

// pattern is content without an end.
type pattern struct{}

// holes leaves out what is pattern only, so that large files need no space.
type holes struct{ io.WriterAt }

func (h holes) WriteAt(p []byte, at int64) (int, error) {
	if len(p) >= BlockSize && p[0] == 'x' && bytes.Count(p, []byte("x")) == len(p) {
		return len(p), nil
	}
	return h.WriterAt.WriteAt(p, at)
}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// build writes an image, and has e2fsck check it.
func build(t *testing.T, source layer.Source, size int64) string {
	t.Helper()
	plan, err := Survey(source, layertest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.ext4")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 {
		size = plan.Size()
	}
	if err := errors.Join(file.Truncate(size), plan.Write(holes{file}, size, uuid), file.Close()); err != nil {
		t.Fatal(err)
	}
	if e2fsck := tool(t, "e2fsck"); e2fsck != "" {
		layertest.Run(t, nil, e2fsck, "-fn", path)
	}
	return path
}

// tool finds a tool of e2fsprogs, which is not in everybody's PATH.
func tool(t *testing.T, name string) string {
	t.Helper()
	if path := filepath.Join("/usr/sbin", name); unix.Access(path, unix.X_OK) == nil {
		return path
	}
	return layertest.Tool(t, name, "e2fsprogs")
}

// debugfs runs commands of debugfs.
func debugfs(t *testing.T, image string, commands ...string) string {
	t.Helper()
	return layertest.Run(t, []byte(strings.Join(commands, "\n")+"\n"), tool(t, "debugfs"), "-f", "-", image)
}

func TestDebugfsSeesRecords(t *testing.T) {
	headers := layertest.Headers()
	image := build(t, fromHeaders(t, headers), 0)
	kinds := map[byte]string{tar.TypeDir: "directory", tar.TypeReg: "regular", tar.TypeLink: "regular",
		tar.TypeSymlink: "symlink", tar.TypeChar: "character special", tar.TypeBlock: "block special"}
	for _, h := range headers {
		got := debugfs(t, image, `stat "/`+strings.TrimSuffix(h.Name, "/")+`"`)
		want := []string{
			"Type: " + kinds[h.Typeflag], fmt.Sprintf("Mode:  0%03o ", h.Mode),
			fmt.Sprintf("User: %5d   Group: %5d ", h.Uid, h.Gid),
			fmt.Sprintf("mtime: 0x%08x:00000000", layertest.Epoch.Unix()),
		}
		switch h.Typeflag {
		case tar.TypeChar, tar.TypeBlock:
			want = append(want, fmt.Sprintf("%02d:%02d", h.Devmajor, h.Devminor))
		case tar.TypeSymlink:
			want = append(want, fmt.Sprintf("Fast link dest: %q", h.Linkname))
		case tar.TypeReg:
			want = append(want, fmt.Sprintf("Size: %d", h.Size))
		}
		if strings.HasPrefix(h.Name, "bin/") && h.Typeflag != tar.TypeSymlink && h.Typeflag != tar.TypeDir {
			want = append(want, "Links: 2 ")
		}
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s lacks %q:\n%s", h.Name, text, got)
			}
		}
	}
}

// Extremes of what the format holds come out again.
func TestExtremes(t *testing.T) {
	entries := []layer.Entry{
		{Name: "dev", Type: layer.Directory, Mode: 0o755, ModTime: time.Unix(minTime, 0)},
		{Name: "dev/large", Type: layer.BlockDevice, Mode: 0o600, Major: 4095, Minor: 1048575, ModTime: time.Unix(maxTime, 0)},
		{Name: "dev/long", Type: layer.Symlink, Mode: 0o777, Target: strings.Repeat("/", BlockSize-1)},
		{Name: "dev/short", Type: layer.Symlink, Mode: 0o777, Target: strings.Repeat("s", inlineTarget-1)},
		{Name: "dev/over", Type: layer.Symlink, Mode: 0o777, Target: strings.Repeat("o", inlineTarget)},
		{Name: "fifo", Type: layer.Fifo, Mode: 0o622, UID: 1<<31 - 1, GID: 1<<31 - 2},
		{Name: "lost+found", Type: layer.Directory, Mode: 0o711, UID: 5},
		{Name: "lost+found/kept", Type: layer.File, Size: 1},
		{Name: "name\n\xff\"" + strings.Repeat("n", 248), Type: layer.File},
	}
	image := build(t, fromEntries(entries), 0)
	for name, want := range map[string][]string{
		"/dev":             {"mtime: 0x80000000:00000000"},
		"/dev/large":       {"4095:1048575", "mtime: 0x7fffffff:00000003"},
		"/dev/long":        {"Size: 4095"},
		"/dev/over":        {"Size: 60", "EXTENTS"},
		"/dev/short":       {strings.Repeat("s", inlineTarget-1)},
		"/fifo":            {"Type: FIFO", "User: 2147483647", "Group: 2147483646"},
		"/lost+found":      {"Inode: 11 ", "Mode:  0711", "User:     5"},
		"/lost+found/kept": {"Size: 1"},
	} {
		got := debugfs(t, image, "stat "+name)
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s lacks %q:\n%s", name, text, got)
			}
		}
	}
	if got := debugfs(t, image, "ls -p /"); !strings.Contains(got, "\xff\"nnn") {
		t.Errorf("the name is lost: %q", got)
	}
}

// Folders and inodes of many blocks and groups, and free space.
func TestLarge(t *testing.T) {
	entries := []layer.Entry{{Name: "many", Type: layer.Directory, Mode: 0o755}}
	for i := range 3000 {
		entries = append(entries, layer.Entry{Name: fmt.Sprintf("many/%0*d", 1+i%200, i), Type: layer.File, Size: int64(i % 7 * 1000)},
			layer.Entry{Name: fmt.Sprintf("many/folder-%d", i), Type: layer.Directory, Mode: 0o755})
	}
	for _, size := range []int64{0, 64 << 20, 300<<20 + 4096, 5 << 30} {
		image := build(t, fromEntries(entries), size)
		got := debugfs(t, image, "stat /many", "stat /many/folder-2999", "dump /many/0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001550 /dev/null")
		if !strings.Contains(got, "Links: 3002 ") {
			t.Errorf("%d bytes:\n%s", size, got)
		}
	}
}

// A file with more extents than an inode holds, in a sparse image.
func TestExtentTree(t *testing.T) {
	for _, size := range []int64{4*extentBlocks*BlockSize + 1, (extentsPerLeaf*extentBlocks + 1) * BlockSize} {
		n := newInode(layer.Entry{Type: layer.File}, 1)
		content := n.putContent(size, 100)
		if want := leaves(divide(size, BlockSize)) * BlockSize; int64(len(content)) != want || want == 0 {
			t.Errorf("%d bytes have %d bytes of extents, want %d", size, len(content), want)
		}
	}
	size := int64(4*extentBlocks*BlockSize + 5000)
	image := build(t, fromEntries([]layer.Entry{{Name: "big", Type: layer.File, Size: size}, {Name: "after", Type: layer.File, Size: 3}}), 0)
	if got := debugfs(t, image, "stat /big"); !strings.Contains(got, fmt.Sprintf("Size: %d", size)) || !strings.Contains(got, "(ETB0)") {
		t.Error(got)
	}
	if got := debugfs(t, image, "cat /after"); !strings.Contains(got, "xxx") {
		t.Error(got)
	}
}

// Extended attributes in the inode, in a block, and in both, as debugfs reads
// them.
func TestXattrs(t *testing.T) {
	x := func(name, value string) layer.Xattr { return layer.Xattr{Name: name, Value: value} }
	capability := string([]byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	large := strings.Repeat("v", 2000)
	entries := []layer.Entry{
		{Name: "both", Type: layer.File, Size: 9000, Xattrs: []layer.Xattr{
			x("security.capability", capability), x("user.empty", ""), x("user.large", large), x("user.other", large[:1500])}},
		{Name: "device", Type: layer.CharDevice, Major: 1, Minor: 3, Xattrs: []layer.Xattr{x("trusted.long", large)}},
		{Name: "folder", Type: layer.Directory, Mode: 0o755, Xattrs: []layer.Xattr{x("user.a", "b")}},
		{Name: "link", Type: layer.Symlink, Target: "both", Xattrs: []layer.Xattr{x("security.l", large)}},
		{Name: "lost+found", Type: layer.Directory, Mode: 0o700, Xattrs: []layer.Xattr{x("user.lost", large)}},
		{Name: "plain", Type: layer.File, Size: 1},
	}
	image := build(t, fromEntries(entries), 0)
	for _, e := range entries {
		got := debugfs(t, image, "ea_list /"+e.Name)
		for _, x := range e.Xattrs {
			if want := fmt.Sprintf("%s (%d)", x.Name, len(x.Value)); !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", e.Name, want, got)
			}
			out := filepath.Join(t.TempDir(), "value")
			debugfs(t, image, fmt.Sprintf("ea_get -f %s /%s %s", out, e.Name, x.Name))
			if value, err := os.ReadFile(out); err != nil || string(value) != x.Value {
				t.Errorf("%s has %s as %q, %v", e.Name, x.Name, value, err)
			}
		}
	}
	if got := debugfs(t, image, "stat /both"); !strings.Contains(got, "Size: 9000") || !strings.Contains(got, "Blockcount: 32") {
		t.Error(got)
	}
}

func TestSizes(t *testing.T) {
	plan, err := Survey(fromHeaders(t, layertest.Headers()), layertest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	small := plan.Size() - BlockSize
	var tooSmall *SizeError
	if err := plan.Write(nil, small, uuid); !errors.As(err, &tooSmall) || tooSmall.Size != small || tooSmall.Need != plan.Size() {
		t.Errorf("got %v, want a need of %d", err, plan.Size())
	}
	for _, more := range []int64{0, 1, BlockSize, 5 * BlockSize, 1 << 20} {
		build(t, fromHeaders(t, layertest.Headers()), plan.Size()+more)
	}
}

func TestRefuses(t *testing.T) {
	for want, e := range map[string]layer.Entry{
		"256 bytes":       {Name: strings.Repeat("n", 256), Type: layer.File},
		"4096 bytes":      {Name: "link", Type: layer.Symlink, Target: strings.Repeat("t", BlockSize)},
		"no device":       {Name: "dev", Type: layer.CharDevice, Major: 4096},
		"no device 1:10":  {Name: "dev", Type: layer.CharDevice, Major: 1, Minor: 1 << 20},
		"time":            {Name: "old", Type: layer.File, ModTime: time.Unix(minTime-1, 0)},
		"after 2446":      {Name: "new", Type: layer.File, ModTime: time.Unix(maxTime+1, 0)},
		"to be a folder":  {Name: "lost+found", Type: layer.File},
		"can't hold a fi": {Name: "huge", Type: layer.File, Size: 1 << 40},
		"of 5000 bytes":   {Name: "x", Type: layer.File, Xattrs: []layer.Xattr{{Name: "user.x", Value: strings.Repeat("v", 5000)}}},
		"acl_access":      {Name: "x", Type: layer.File, Xattrs: []layer.Xattr{{Name: "system.posix_acl_access", Value: "v"}}},
		"room for some": {Name: "x", Type: layer.File, Xattrs: []layer.Xattr{
			{Name: "user.x", Value: strings.Repeat("v", 3000)}, {Name: "user.y", Value: strings.Repeat("v", 1500)}}},
	} {
		if _, err := Survey(fromEntries([]layer.Entry{e}), layertest.Epoch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The kernel sees each record, and can write to what is free.
func TestKernelMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	headers := layertest.Headers()
	image, dir := build(t, fromHeaders(t, headers), 8<<20), t.TempDir()
	if err := mount(t, image, dir); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	want := make(map[string]unix.Stat_t)
	for _, h := range headers {
		var got unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, h.Name), &got); err != nil {
			t.Fatal(err)
		}
		if int64(got.Mode&0o7777) != h.Mode && h.Typeflag != tar.TypeSymlink || int(got.Uid) != h.Uid && h.Typeflag != tar.TypeLink ||
			int(got.Gid) != h.Gid || got.Mtim.Sec != layertest.Epoch.Unix() ||
			int64(unix.Major(got.Rdev)) != h.Devmajor || int64(unix.Minor(got.Rdev)) != h.Devminor ||
			h.Typeflag == tar.TypeReg && got.Size != h.Size {
			t.Errorf("%s came out as %+v", h.Name, got)
		}
		want[h.Name] = got
		if h.Typeflag == tar.TypeLink && got.Ino != want[h.Linkname].Ino {
			t.Errorf("%s is no link to %s", h.Name, h.Linkname)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "bin/ash"))
	if archive := layertest.Archive(t, headers); err != nil || len(content) != layertest.Size || !bytes.Contains(archive, content) {
		t.Errorf("another content of %d bytes: %v", len(content), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "srv/new"), make([]byte, 1<<20), 0o644); err != nil {
		t.Error(err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	layertest.Run(t, nil, tool(t, "e2fsck"), "-fn", image)
}

// mount mounts an image by mount(8), which finds a loop device.
func mount(t *testing.T, image, dir string) error {
	cmd := exec.CommandContext(t.Context(), "mount", "-o", "loop", "-t", "ext4", image, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	// Not an error once the test itself has done it.
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return nil
}

// An image of any size can grow later.
func TestGrows(t *testing.T) {
	image := build(t, fromHeaders(t, layertest.Headers()), 0)
	for _, size := range []string{"100M", "3G"} {
		layertest.Run(t, nil, tool(t, "resize2fs"), "-f", image, size)
		layertest.Run(t, nil, tool(t, "e2fsck"), "-fn", image)
	}
}

func TestSameBytes(t *testing.T) {
	first, err := os.ReadFile(build(t, fromHeaders(t, layertest.Headers()), 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(build(t, fromHeaders(t, layertest.Headers()), 1<<20))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two images differ: %v %s", err, cmp.Diff(len(first), len(second)))
	}
}
