package rootfs

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/core/config"
)

// Benchmarks read a folder that is made for them, or one that is there.
var (
	benchEntries = flag.Int("entries", 10_000, "how many entries the folder of benchmarks has")
	benchTree    = flag.String("tree", "", "a folder for benchmarks to read")
)

// benchFolder makes a folder as of a package manager: small files in many
// folders, and a symlink for each nine files.
func benchFolder(b *testing.B) string {
	b.Helper()
	if *benchTree != "" {
		return *benchTree
	}
	dir := b.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	in, content := "", make([]byte, 400)
	for i := range *benchEntries {
		if i%500 == 0 {
			in = filepath.Join(dir, fmt.Sprintf("data/%03d/package-%02d", i/50_000, i/500%100))
			if err := os.MkdirAll(in, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		name := filepath.Join(in, fmt.Sprintf("file-%d-%d.txt", i%500, random.Uint32()))
		err := error(nil)
		if i%10 == 9 {
			err = os.Symlink("../package-01", name)
		} else {
			for i := range content {
				content[i] = byte(random.Uint32())
			}
			err = os.WriteFile(name, content[:random.IntN(len(content))], 0o644)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkDigest makes the digest of a folder: one that isn't known, without a
// snapshot and with one, and one that didn't change.
func BenchmarkDigest(b *testing.B) {
	entries := []config.Entry{{Kind: config.Overlay, Path: "/", Source: benchFolder(b)}}
	digest := func(b *testing.B, f *Folders) {
		if _, err := f.Digest(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			digest(b, new(Folders))
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		temp := b.TempDir()
		for b.Loop() {
			f := new(Folders)
			release := f.Hold(temp)
			digest(b, f)
			release()
		}
	})
	b.Run("known", func(b *testing.B) {
		key, state := folderKey{dir: entries[0].Source}, newFolderState()
		for e, err := range scan(b.Context(), key.dir, states) {
			if err != nil {
				b.Fatal(err)
			}
			state.add(e.rel, e.state)
		}
		f := &Folders{known: map[folderKey]folderDigest{key: {"known", state.sum()}}}
		for b.Loop() {
			digest(b, f)
		}
	})
}

// BenchmarkLayer puts a folder into a layer: one that is to be read, and one
// that was read for its digest.
func BenchmarkLayer(b *testing.B) {
	dir := benchFolder(b)
	in := Input{Preset: "minimal", Entries: []config.Entry{{Kind: config.Overlay, Path: "/", Source: dir}}}
	b.Run("read", func(b *testing.B) { benchLayer(b, in) })
	in.Folders = new(Folders)
	defer in.Folders.Hold(b.TempDir())()
	if _, err := in.Folders.Digest(b.Context(), in.Entries); err != nil {
		b.Fatal(err)
	}
	b.Run("snapshot", func(b *testing.B) { benchLayer(b, in) })
}

// benchLayer makes a layer again and again.
func benchLayer(b *testing.B, in Input) {
	b.Helper()
	layer := filepath.Join(b.TempDir(), "layer.tar")
	for b.Loop() {
		records, err := Assemble(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := WriteLayer(b.Context(), layer, records, epoch); err != nil {
			b.Fatal(err)
		}
	}
}
