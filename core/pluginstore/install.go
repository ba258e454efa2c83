package pluginstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// What an archive of a plugin may unpack to: one executable, and a few texts.
const (
	maxEntries = 1000
	maxBytes   = 2 << 30
)

// Installed is a plugin that was put in its place.
type Installed struct {
	// Path is that of the executable, and SHA256 its hash.
	Path, SHA256 string
	// Manifest is what it says about itself.
	Manifest sdk.Manifest
}

// Install puts a release's executable into the folder dir, which is made if
// need be, in one step: there is the old one or the new one. It notes the
// executable's hash in the release. Errors are *fault.Error, apart from the
// end of ctx.
func (s *Store) Install(ctx context.Context, req Request, rel *Release, dir string, progress Progress) (*Installed, error) {
	archive, err := s.Fetch(ctx, req, rel, rel.archive.String(), progress)
	if err != nil {
		return nil, err
	}
	work, err := workDir(dir)
	if err != nil {
		return nil, notWritable(req, dir, err)
	}
	defer os.RemoveAll(work)
	path, err := s.unpack(ctx, req, rel, archive, work)
	if err != nil {
		return nil, err
	}
	got, err := s.examine(ctx, req, rel, path)
	if err != nil {
		return nil, err
	}
	final := filepath.Join(dir, Prefix+req.Name)
	if err := put(path, final); err != nil {
		return nil, notWritable(req, dir, err)
	}
	got.Path = final
	return got, nil
}

// Fetch returns the path of a file of a release, verified.
func (s *Store) Fetch(ctx context.Context, req Request, rel *Release, name string, progress Progress) (string, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	sum := rel.Archives[name]
	if path, ok := source.Present(s.Blobs, sum); ok {
		if now, err := hashFile(path); err == nil && now == sum {
			return path, nil
		}
	}
	path, err := rel.origin.fetch(ctx, name, sum, progress)
	switch {
	case err == nil:
		return path, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	if got, _, ok := source.Mismatch(err); ok {
		if req.Locked != nil && req.Locked.Archives[name] == sum {
			return "", changed(req, name, sum, got,
				"Don't use it before you know why a release was changed after it was made: ask whoever makes the plugin. If it is right, remove its block from the lock.")
		}
		return "", fail(req.Name, "has a wrong hash", fmt.Sprintf("%s at %s is not the file that %s names.", name, rel.Where, SumsName),
			"Tell whoever makes the plugin: the file is damaged, or somebody changed it.", err, SumsName+": "+sum, "the file:   "+got)
	}
	return "", s.unfetched(req, rel, name, err)
}

// unfetched explains an archive that could not be fetched.
func (s *Store) unfetched(req Request, rel *Release, name string, err error) error {
	detail, excerpt := inner(err)
	remedy := "Try again when it can be reached, or name another source."
	if errors.Is(err, source.ErrOffline) {
		detail, excerpt = "It was not fetched before, and the network is off.", nil
		remedy = "Run again without --offline, or name a mirror folder in the settings (plugins { mirror = \"…\" })."
	} else if len(excerpt) > 0 {
		detail = fmt.Sprintf("The archive %s of version %s was not got.", name, rel.Version)
	}
	return fail(req.Name, "can't be fetched", detail, remedy, err, excerpt...)
}

// workDir makes a folder in dir that nobody else can look into, and removes
// what runs that were killed left there.
func workDir(dir string) (string, error) {
	// mkmini runs plugins only from where nobody else can write.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err != nil {
		return "", err
	} else if info.Mode()&0o022 != 0 {
		return "", fmt.Errorf("%s can be written to by others (mode %04o): run chmod go-w %s", dir, info.Mode().Perm(), dir)
	}
	old, err := filepath.Glob(filepath.Join(escape(dir), workPrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(path)
		}
	}
	return os.MkdirTemp(dir, workPrefix)
}

const workPrefix = ".new-"

// unpack takes the executable out of an archive and returns its path.
func (s *Store) unpack(ctx context.Context, req Request, rel *Release, archive, work string) (string, error) {
	refuse := func(detail string, err error) error {
		return fail(req.Name, "is in an archive that can't be used", detail,
			fmt.Sprintf("Tell whoever makes the plugin: an archive holds one executable %s%s and no links. `mkmini plugin pack` makes one.", Prefix, req.Name), err)
	}
	tree := filepath.Join(work, "tree")
	left, err := source.UnpackTree(ctx, archive, tree, source.Tree{Limits: source.Limits{Entries: maxEntries, Bytes: maxBytes}})
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		var f *fault.Error
		if errors.As(err, &f) && f.Summary != "Archive not usable" {
			return "", err
		}
		detail, _ := inner(err)
		return "", refuse(strings.ReplaceAll(detail, archive, rel.archive.String()), err)
	case left.String() != "":
		return "", refuse("It holds "+left.String()+".", nil)
	}
	if name, err := link(tree); err != nil || name != "" {
		return "", refuse(fmt.Sprintf("It holds a link, %s.", name), err)
	}
	path := filepath.Join(tree, Prefix+req.Name)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", refuse(fmt.Sprintf("It holds no file %s%s at its top.", Prefix, req.Name), err)
	}
	return path, os.Chmod(path, 0o755)
}

// link returns the name of a link in a tree, "" if there is none.
func link(tree string) (string, error) {
	found := ""
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			found = filepath.Base(path)
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

// examine compares an executable with what is known of it, and then has it
// describe itself.
func (s *Store) examine(ctx context.Context, req Request, rel *Release, path string) (*Installed, error) {
	sum, err := hashFile(path)
	if err != nil {
		return nil, notWritable(req, path, err)
	}
	platform := rel.archive.Platform.String()
	if known := rel.Executables[platform]; known != "" && known != sum {
		return nil, fail(req.Name, "is another executable than the release says",
			fmt.Sprintf("The executable in %s has another hash than the lock or the release's description says.", rel.archive),
			"Don't use it; ask whoever makes the plugin.", nil, "known: "+known, "here:  "+sum)
	}
	m, err := s.Describe(ctx, filepath.Dir(path), req.Name)
	if err != nil {
		return nil, err
	}
	if m.Version != rel.Version {
		return nil, fail(req.Name, "has another version than its release",
			fmt.Sprintf("The release is %s, and the plugin in it says that it is %s.", rel.Version, m.Version),
			"Tell whoever makes the plugin; `mkmini plugin pack` takes the version from the plugin itself.", nil)
	}
	if rel.Executables == nil {
		rel.Executables = map[string]string{}
	}
	rel.Executables[platform] = sum
	return &Installed{SHA256: sum, Manifest: m}, nil
}

// put moves a file to its place for good.
func put(path, final string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path, final)
}

func notWritable(req Request, dir string, err error) error {
	return fail(req.Name, "can't be installed", fmt.Sprintf("Writing in %s failed: %v.", dir, err),
		"Correct the folder's permissions, or install it elsewhere.", err)
}
