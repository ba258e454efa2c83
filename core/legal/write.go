package legal

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/plugins/cancel"
)

//go:embed rebuild.sh
var rebuild []byte

// Names in the folder.
const (
	ManifestName  = "manifest.json"
	sumsName      = "SHA256SUMS"
	sourcesName   = "sources"
	licensesName  = "licenses"
	buildsName    = "builds"
	configureName = "configuration"
)

// folder is one in the making.
type folder struct {
	dir   string
	epoch time.Time
	// sums are the hashes of its files, by name.
	sums map[string]string
}

// Write fills an empty folder. The same facts give the same bytes, modes and
// times.
func Write(ctx context.Context, f Facts, dir string) error {
	w := &folder{dir: dir, epoch: f.Epoch, sums: map[string]string{}}
	for _, file := range f.Configuration {
		if err := w.copy(ctx, path.Join(configureName, file.Name), file, ""); err != nil {
			return err
		}
	}
	for _, p := range f.Programs {
		if err := w.program(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	for _, b := range f.Builds {
		if err := w.build(ctx, b, f.Epoch); err != nil {
			return fmt.Errorf("%s: %w", b.Arch, err)
		}
	}
	if err := w.add(ctx, "rebuild.sh", rebuild); err != nil {
		return err
	}
	if err := w.add(ctx, "README", readme(f)); err != nil {
		return err
	}
	if err := w.manifests(ctx, f); err != nil {
		return err
	}
	return w.finish()
}

// program adds the sources and licences of a program.
func (w *folder) program(ctx context.Context, p Program) error {
	for _, s := range p.Sources {
		if err := w.copy(ctx, path.Join(sourcesName, s.Name), s.File, s.SHA256); err != nil {
			return err
		}
	}
	for _, t := range p.Texts {
		if err := w.copy(ctx, path.Join(licensesName, p.folder(), t.Name), t, ""); err != nil {
			return err
		}
	}
	return nil
}

// folder is where a program's licences are. Two versions may differ in them.
func (p Program) folder() string { return p.Name + "-" + p.Version }

// build adds how an architecture was built.
func (w *folder) build(ctx context.Context, b Build, epoch time.Time) error {
	dir := path.Join(buildsName, b.Arch)
	if err := w.copy(ctx, path.Join(dir, "busybox.config"), b.Config, ""); err != nil {
		return err
	}
	for program, patches := range b.Patches {
		var series []string
		for _, p := range patches {
			if strings.ContainsAny(p.Name, "\n") {
				return fmt.Errorf("the name %q of a patch has more than one line", p.Name)
			}
			if err := w.copy(ctx, path.Join(dir, "patches", program, p.Name), p, ""); err != nil {
				return err
			}
			series = append(series, p.Name+"\n")
		}
		if series != nil {
			if err := w.add(ctx, path.Join(dir, "patches", program, "series"), []byte(strings.Join(series, ""))); err != nil {
				return err
			}
		}
	}
	return w.add(ctx, path.Join(dir, "build.env"), environment(b, epoch))
}

// add writes a small file.
func (w *folder) add(ctx context.Context, name string, data []byte) error {
	return w.copy(ctx, name, File{Data: data}, "")
}

// copy writes a file, whose sha256 has to be as said, unless that is empty. A
// file that is there already has to be the same.
func (w *folder) copy(ctx context.Context, name string, from File, want string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\n\\") {
		return fmt.Errorf("%q can't be the name of a file here", name)
	}
	var in io.Reader = strings.NewReader(string(from.Data))
	if from.Path != "" {
		file, err := os.Open(from.Path)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	target := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(target), ".new.*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), cancel.Reader(ctx, in))
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if want != "" && sum != want {
		return fmt.Errorf("%s has the sha256 %s, not %s", from.Path, sum, want)
	}
	if other, ok := w.sums[name]; ok && other != sum {
		return fmt.Errorf("there are two files %s, which differ", name)
	}
	w.sums[name] = sum
	return os.Rename(out.Name(), target)
}

// finish writes the list of hashes, and gives everything its mode and time.
func (w *folder) finish() error {
	var lines strings.Builder
	for _, name := range sorted(w.sums) {
		fmt.Fprintf(&lines, "%s  %s\n", w.sums[name], name)
	}
	if err := os.WriteFile(filepath.Join(w.dir, sumsName), []byte(lines.String()), 0o644); err != nil {
		return err
	}
	var names []string
	err := filepath.WalkDir(w.dir, func(name string, _ os.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(names) { // what is in a folder before it
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if info.IsDir() || filepath.Base(name) == "rebuild.sh" {
			mode = 0o755
		}
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
		at := unix.NsecToTimespec(w.epoch.Unix() * int64(time.Second))
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("set the time of %s: %w", name, err)
		}
	}
	return nil
}
