package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mkmini/mkmini/core/config"
)

var epoch = time.Unix(315532800, 0)

// readTar reads records back, with the contents in memory.
func readTar(r io.Reader) ([]Record, error) {
	types := map[byte]Type{
		tar.TypeDir: Directory, tar.TypeReg: File, tar.TypeSymlink: Symlink,
		tar.TypeLink: Hardlink, tar.TypeChar: CharDevice, tar.TypeBlock: BlockDevice,
	}
	var records []Record
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Uname+h.Gname != "" || !h.ModTime.Equal(epoch) || strings.HasSuffix(h.Name, "/") != (h.Typeflag == tar.TypeDir) {
			return nil, fmt.Errorf("odd header %+v", h)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		record := Record{
			Path: strings.TrimSuffix(h.Name, "/"), Type: types[h.Typeflag], Mode: uint32(h.Mode), UID: h.Uid, GID: h.Gid,
			Major: uint32(h.Devmajor), Minor: uint32(h.Devminor), Target: h.Linkname,
		}
		if record.Type == File {
			record.Content = Content{Data: string(data), Size: h.Size}
		}
		records = append(records, record)
	}
}

func TestTarRoundTrip(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-z.]{0,3}[a-z]`), rapid.SampledFrom([]string{"lib", "tmp", "é", "a b", "line\nbreak", "\xff"}),
		rapid.StringMatching(`[a-z]{90,120}`))
	rapid.Check(t, func(rt *rapid.T) {
		var entries []config.Entry
		for range rapid.IntRange(0, 12).Draw(rt, "entries") {
			path := "/" + strings.Join(rapid.SliceOfN(name, 1, 4).Draw(rt, "path"), "/")
			entry := config.Entry{
				Kind: rapid.SampledFrom([]config.Kind{config.Directory, config.File, config.Symlink, config.Device}).Draw(rt, "kind"),
				Path: path, Content: rapid.StringN(0, 600, 2000).Draw(rt, "content"),
				Target: rapid.OneOf(name, rapid.Just("/usr"), rapid.Just("../..")).Draw(rt, "target"),
				Mode:   ptr(uint32(rapid.IntRange(0, 0o7777).Draw(rt, "mode"))),
				UID:    ptr(rapid.IntRange(0, 1<<32-2).Draw(rt, "uid")), GID: ptr(rapid.IntRange(0, 1<<32-2).Draw(rt, "gid")),
				Char:  rapid.Bool().Draw(rt, "char"),
				Major: uint32(rapid.IntRange(0, 4095).Draw(rt, "major")), Minor: uint32(rapid.IntRange(0, 1<<20-1).Draw(rt, "minor")),
			}
			if _, err := assemble(t.Context(), Input{Entries: append(slices.Clone(entries), entry)}); err == nil {
				entries = append(entries, entry)
			}
		}
		records, err := assemble(t.Context(), Input{Entries: entries})
		if err != nil {
			rt.Fatal(err)
		}
		checkTree(rt, records)
		var archive bytes.Buffer
		if err := WriteTar(t.Context(), &archive, slices.Values(records), epoch); err != nil {
			rt.Fatal(err)
		}
		got, err := readTar(&archive)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(records, got); diff != "" {
			rt.Fatalf("read back (-want +got):\n%s", diff)
		}
	})
}

// checkTree checks what holds for every list of records.
func checkTree(t interface{ Fatalf(string, ...any) }, records []Record) {
	types := make(map[string]Type)
	last := ""
	for _, r := range records {
		// What a folder holds follows it at once.
		if strings.ReplaceAll(r.Path, "/", "\x00") <= strings.ReplaceAll(last, "/", "\x00") {
			t.Fatalf("%q after %q", r.Path, last)
		}
		if dir := filepath.Dir(r.Path); dir != "." && types[dir] != Directory {
			t.Fatalf("%q is in %q, which is a %q", r.Path, dir, types[dir])
		}
		last, types[r.Path] = r.Path, r.Type
	}
}

func TestGNUTarReads(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("needs GNU tar (Debian package tar)")
	}
	long := "/" + strings.Repeat("d", 130) + "/" + strings.Repeat("f", 130)
	records, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{
		{Kind: config.File, Path: long, Content: "x", UID: ptr(3000000)},
		{Kind: config.Device, Path: "/dev/console", Char: true, Major: 5, Minor: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	digest, size, err := WriteLayer(t.Context(), path, slices.Values(records), epoch)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != size || len(digest) != len("sha256:")+64 {
		t.Errorf("got digest %s size %d, file has %v (%v)", digest, size, info, err)
	}
	cmd := exec.CommandContext(t.Context(), "tar", "--numeric-owner", "--utc", "-tvf", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	golden(t, "gnutar.golden", string(out))
}

func TestLayerIsTheSameEverywhere(t *testing.T) {
	digests := make(map[string]bool)
	for _, mask := range []int{0o022, 0o077, 0} {
		old := syscall.Umask(mask)
		dir := t.TempDir()
		records, err := assemble(t.Context(), Input{Tree: busybox(t), Entries: []config.Entry{
			{Kind: config.Overlay, Path: "/srv", Source: write(t, t.TempDir(), map[string]string{"a/b": "c"})},
		}})
		if err == nil {
			var digest string
			digest, _, err = WriteLayer(t.Context(), filepath.Join(dir, "layer.tar"), slices.Values(records),
				epoch.In(time.FixedZone("far", 3600*mask%12)).Add(time.Millisecond))
			digests[digest] = true
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(digests) != 1 {
		t.Errorf("got different layers: %v", digests)
	}
}

// failing takes n bytes and then fails.
type failing struct{ n int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.n {
		n := f.n
		f.n = 0
		return n, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestWriteErrorIsSeen(t *testing.T) {
	records, err := assemble(t.Context(), Input{Tree: busybox(t)})
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := WriteTar(t.Context(), &whole, slices.Values(records), epoch); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += 511 {
		if err := WriteTar(t.Context(), &failing{n}, slices.Values(records), epoch); !errors.Is(err, errFull) {
			t.Fatalf("after %d bytes of %d: got %v", n, whole.Len(), err)
		}
	}
}

func TestChangedFile(t *testing.T) {
	for _, now := range []string{"", "12345678901", "gone", "folder", "symlink", "fifo"} {
		dir := write(t, t.TempDir(), map[string]string{"f": "1234567890"})
		entries := []config.Entry{{Kind: config.Overlay, Path: "/srv", Source: dir}}
		records, err := assemble(t.Context(), Input{Entries: entries})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "f")
		os.Remove(path)
		switch now {
		case "gone":
		case "folder":
			err = os.Mkdir(path, 0o755)
		case "symlink":
			err = os.Symlink("/etc", path)
		case "fifo":
			err = syscall.Mkfifo(path, 0o600)
		default:
			err = os.WriteFile(path, []byte(now), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		_, _, err = WriteLayer(t.Context(), filepath.Join(out, "layer.tar"), slices.Values(records), epoch)
		if err == nil || !strings.Contains(err.Error(), "/srv/f") {
			t.Errorf("file became %q: got %v, want an error that names it", now, err)
		}
		if left, _ := os.ReadDir(out); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestContentOfOtherSize(t *testing.T) {
	for _, text := range []string{"123", "12345"} {
		err := copyContent(t.Context(), io.Discard, strings.NewReader(text), Content{Path: "f", Size: 4})
		if _, ok := errors.AsType[*changedError](err); !ok {
			t.Errorf("%q as 4 bytes: got %v", text, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := assemble(ctx, Input{Tree: busybox(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Assemble: %v", err)
	}
	if err := WriteTar(ctx, io.Discard, slices.Values([]Record{{Path: "a", Type: Directory}}), epoch); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteTar: %v", err)
	}
	if err := copyContent(ctx, io.Discard, strings.NewReader("1"), Content{Size: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("copyContent: %v", err)
	}
}
