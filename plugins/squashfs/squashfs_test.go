package squashfs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	"github.com/mkmini/mkmini/plugins/squashfs"
)

var epoch = time.Unix(315532800, 0).UTC()

// entry is an entry with its content.
type entry struct {
	layer.Entry
	content []byte
}

func source(entries []entry) layer.Source {
	return func(visit func(e layer.Entry, content io.Reader) error) error {
		for _, e := range entries {
			if err := visit(e.Entry, bytes.NewReader(e.content)); err != nil {
				return err
			}
		}
		return nil
	}
}

func folder(name string) entry {
	return entry{Entry: layer.Entry{Name: name, Type: layer.Directory, Mode: 0o755, ModTime: epoch}}
}

func file(name string, content []byte) entry {
	return entry{layer.Entry{Name: name, Type: layer.File, Mode: 0o644, Size: int64(len(content)), ModTime: epoch}, content}
}

// noise returns bytes that don't compress, and text some that do.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	random.Read(b)
	return b
}

func text(n int) []byte { return []byte(strings.Repeat("all work and no play ", n/21+1)[:n]) }

// write writes entries to a file.
func write(t *testing.T, entries []entry, compression string, jobs int) (path string, made squashfs.Image) {
	t.Helper()
	plan, err := squashfs.Survey(source(entries), epoch)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	made, err = plan.Write(out, source(entries), compression, jobs)
	if err == nil {
		err = out.Truncate(made.Size)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Name(), made
}

// image is the path of what write writes.
func image(t *testing.T, entries []entry, compression string, jobs int) string {
	t.Helper()
	path, _ := write(t, entries, compression, jobs)
	return path
}

const block = squashfs.BlockSize

// various has contents of all kinds: of whole blocks, less and more, holes,
// the same twice, and nothing; and folders in an order of their own.
func various() []entry {
	hole := make([]byte, 5*block)
	list := []entry{
		folder("a"), folder("b"), folder("b/empty"),
		file("a/nothing", nil), file("a/short", text(100)), file("a/same", text(100)), file("a/noise", noise(1, 1000)),
		file("b/block", text(block)), file("b/noisy block", noise(2, block)), file("b/again", text(block)),
		file("a/blocks", append(noise(3, 2*block), text(block+5)...)),
		file("b/other", append(noise(4, 2*block), text(block+5)...)),
		file("b/copy", append(noise(3, 2*block), text(block+5)...)),
		file("b/behind", noise(5, block+1)),
		file("a/hole", hole), file("a/holes", append(append(append([]byte{}, hole...), "end"...), hole...)),
		file("a/another hole", hole),
		{Entry: layer.Entry{Name: "a/link", Type: layer.Symlink, Mode: 0o777, Target: "../b", UID: 1000, GID: 5, ModTime: epoch.Add(time.Hour)}},
	}
	// More than a part, a block of the table, and what a short list can be.
	for i := range 3000 {
		list = append(list, file(fmt.Sprintf("b/%s%d", strings.Repeat("name", 5), i), nil))
	}
	return append(list, file("last", text(7)), entry{Entry: layer.Entry{Name: "b/hard", Type: layer.Hardlink, Target: "a/blocks", ModTime: epoch}})
}

// far has many entries more: names that are next to each other in a folder have
// inodes whose numbers are far from each other.
func far() []entry {
	list := various()
	for i := range 40_000 {
		name := fmt.Sprintf("a/pipe%d", (i+20_000)%40_000)
		list = append(list, entry{Entry: layer.Entry{Name: name, Type: layer.Fifo, Mode: 0o600, ModTime: epoch}})
	}
	return append(list, file("a/pipe00", text(9)))
}

// facts describes an entry in a line.
func facts(kind layer.Type, size int64, target string, content []byte) string {
	return fmt.Sprintf("%s %d %q %x", kind, size, target, sha256.Sum256(content))
}

// expected is what a reader finds.
func expected(entries []entry) map[string]string {
	want, contents := make(map[string]string), make(map[string][]byte)
	for _, e := range entries {
		if e.Type == layer.Hardlink {
			e.Type, e.content, e.Target = layer.File, contents[e.Target], ""
			e.Size = int64(len(e.content))
		}
		contents[e.Name] = e.content
		want[e.Name] = facts(e.Type, e.Size, e.Target, e.content)
	}
	return want
}

// TestSqfs2tarReads has another program read all that was written.
func TestSqfs2tarReads(t *testing.T) {
	t.Parallel()
	for _, compression := range squashfs.Compressions() {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			sqfs2tar := layertest.Tool(t, "sqfs2tar", "squashfs-tools-ng")
			archive := layertest.Run(t, nil, sqfs2tar, "--no-skip", "--no-hard-links", image(t, various(), compression, 3))
			got := make(map[string]string)
			err := layer.Read(strings.NewReader(archive), func(e layer.Entry, r io.Reader) error {
				var content []byte
				if e.Type == layer.File {
					content, _ = io.ReadAll(r)
				}
				got[e.Name] = facts(e.Type, e.Size, e.Target, content)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected(various()), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// mounted has the kernel mount an image.
func mounted(t *testing.T, path string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := t.TempDir()
	mount := exec.CommandContext(t.Context(), "mount", "-t", "squashfs", "-o", "ro,loop", path, dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("mounting is not allowed here, or the kernel lacks squashfs or the compression: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// kernelReads looks every name up and reads what is behind it.
func kernelReads(t *testing.T, dir string, entries []entry) {
	t.Helper()
	for _, e := range entries {
		path := filepath.Join(dir, e.Name)
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != layer.File {
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, e.content) || info.Size() != e.Size {
			t.Errorf("%s has other content: %v", e.Name, err)
		}
	}
}

func TestKernelReads(t *testing.T) {
	for _, compression := range squashfs.Compressions() {
		t.Run(compression, func(t *testing.T) {
			dir := mounted(t, image(t, various(), compression, 2))
			kernelReads(t, dir, various())
			first, errFirst := os.Stat(filepath.Join(dir, "a/blocks"))
			second, errSecond := os.Stat(filepath.Join(dir, "b/hard"))
			if err := errors.Join(errFirst, errSecond); err != nil || !os.SameFile(first, second) {
				t.Errorf("b/hard is another file: %v", err)
			}
		})
	}
}

// TestLongLists has the kernel find names in long lists, which it does by their
// index.
func TestLongLists(t *testing.T) {
	dir := mounted(t, image(t, far(), "gzip", 2))
	kernelReads(t, dir, far())
	if names, err := os.ReadDir(filepath.Join(dir, "a")); err != nil || len(names) != 40_010 {
		t.Errorf("%d names in a: %v", len(names), err)
	}
}

// TestShares writes what is the same once, and leaves holes out.
func TestShares(t *testing.T) {
	t.Parallel()
	size := func(entries ...entry) int64 {
		info, err := os.Stat(image(t, entries, "gzip", 2))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	short, long := noise(1, 9000), noise(2, 3*block+9000)
	for _, content := range [][]byte{short, long} {
		one := size(file("a", content))
		if two := size(file("a", content), file("b", content)); two != one {
			t.Errorf("%d bytes for one of %d, and %d for two", one, len(content), two)
		}
	}
	if n := size(file("a", make([]byte, 100*block))); n != 4096 {
		t.Errorf("a hole takes %d bytes", n)
	}
}

// TestSameBytes compares images by their number of threads.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	var first []byte
	for _, jobs := range []int{0, 1, 2, 9} {
		b, err := os.ReadFile(image(t, various(), "gzip", jobs))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Errorf("%d threads give other bytes", jobs)
		}
	}
}

// limited takes so many bytes.
type limited struct{ left int }

var errFull = errors.New("no space left")

func (l *limited) WriteAt(p []byte, _ int64) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrors(t *testing.T) {
	t.Parallel()
	plan, err := squashfs.Survey(source(various()), epoch)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 1000, 200_000, 500_000} {
		if _, err := plan.Write(&limited{room}, source(various()), "gzip", 2); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
	shorter, longer, other := various()[:20], append(various(), folder("c")), various()
	other[4].content = other[4].content[:50]
	for name, entries := range map[string][]entry{"fewer": shorter, "more": longer, "short": other} {
		if _, err := plan.Write(&limited{1 << 30}, source(entries), "gzip", 2); err == nil {
			t.Errorf("%s: a source that changed is no error", name)
		}
	}
	if _, err := plan.Write(&limited{1 << 30}, source(various()), "lzo", 2); err == nil {
		t.Error("lzo is no error")
	}
	var owners []entry
	for i := range 1 << 16 {
		e := folder(fmt.Sprint(i))
		e.UID = i
		owners = append(owners, e)
	}
	if _, err := squashfs.Survey(source(owners), epoch); err == nil || !strings.Contains(err.Error(), "65535 owners") {
		t.Errorf("with too many owners: %v", err)
	}
}

// TestCheck reads damaged images back.
func TestCheck(t *testing.T) {
	t.Parallel()
	path, made := write(t, various()[:15], "gzip", 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Check(bytes.NewReader(whole)); err != nil {
		t.Error(err)
	}
	for _, at := range []int{0, 40, 96, len(whole) / 2, len(whole) - 1} {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if made.Check(bytes.NewReader(damaged)) == nil {
			t.Errorf("a damaged byte at %d isn't seen", at)
		}
	}
	if made.Check(bytes.NewReader(whole[:len(whole)-1])) == nil {
		t.Error("a missing byte isn't seen")
	}
}
