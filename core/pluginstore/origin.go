package pluginstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
)

// ArtifactType is that of releases in registries.
const ArtifactType = "application/vnd.mkmini.plugin.v1"

// scheme begins sources that are in a registry.
const scheme = "oci://"

// origin is somewhere that has files of releases: a folder, a server, a
// repository.
type origin interface {
	// listing returns the list of hashes, and its signature, nil if there is
	// none.
	listing(ctx context.Context) (sums, signature []byte, err error)
	// fetch returns the path of a file of that hash.
	fetch(ctx context.Context, name, sha256 string, progress Progress) (string, error)
	// String says where it is.
	String() string
}

// Progress is told of bytes that are fetched; total is 0 if it isn't known.
type Progress func(done, total int64)

// site is an origin whose files have URLs below a base that ends in a slash.
type site struct {
	store *Store
	base  string
	where string
}

func (s *site) String() string { return s.where }

func (s *site) listing(ctx context.Context) (sums, signature []byte, err error) {
	if sums, err = s.store.Fetcher.Small(ctx, s.base+SumsName, maxText); err != nil {
		return nil, nil, err
	}
	signature, err = s.store.Fetcher.Small(ctx, s.base+SignatureName, maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil, nil
	}
	return sums, signature, err
}

func (s *site) fetch(ctx context.Context, name, sha256 string, progress Progress) (string, error) {
	req := source.Request{Name: name, SHA256: sha256, URLs: []string{s.base + url.PathEscape(name)}}
	return s.store.Fetcher.Fetch(ctx, req, s.store.Blobs, func(p source.Progress) { progress(p.Done, p.Total) })
}

// folder returns the origin of a folder, which lists its archives itself if
// it has no list of hashes.
func (s *Store) folder(dir string) origin {
	base := (&url.URL{Scheme: "file", Path: strings.TrimSuffix(dir, "/") + "/"}).String()
	f := &site{store: s, base: base, where: dir}
	if _, err := os.Stat(filepath.Join(dir, SumsName)); err == nil {
		return f
	}
	return &unlisted{site: *f, dir: dir}
}

// unlisted is a folder of archives without a list of hashes.
type unlisted struct {
	site
	dir string
}

func (u *unlisted) listing(ctx context.Context) (sums, signature []byte, err error) {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]string{}
	for _, e := range entries {
		if _, err := ParseName(e.Name()); err != nil || !e.Type().IsRegular() {
			continue
		}
		if all[e.Name()], err = source.Hash(ctx, filepath.Join(u.dir, e.Name())); err != nil {
			return nil, nil, err
		}
	}
	if len(all) == 0 {
		return nil, nil, absentError(fmt.Sprintf("it has no %s and no archive called %sNAME_vVERSION_pPROTOCOL_OS_ARCH.tar.gz", SumsName, Prefix))
	}
	return FormatSums(all), nil, nil
}

// absentError says that what is looked for is not there.
type absentError string

func (e absentError) Error() string { return string(e) }

// Is makes it fs.ErrNotExist.
func (e absentError) Is(target error) bool { return target == fs.ErrNotExist }

// repository is an artifact in a registry.
type repository struct {
	store *Store
	ref   string
	tag   string
	repo  *oci.Repository
}

func (r *repository) String() string {
	if r.tag != "" {
		return scheme + r.ref + ":" + r.tag
	}
	return scheme + r.ref
}

// open connects to the registry, once.
func (r *repository) open(ctx context.Context) (*oci.Repository, error) {
	if r.repo == nil {
		repo, err := r.store.Registry.Repository(ctx, r.ref, r.store.Blobs)
		if err != nil {
			return nil, err
		}
		r.repo = repo
	}
	return r.repo, nil
}

// listing returns the list of hashes of the artifact, if that has one, or
// else one of its files. The two have to agree.
func (r *repository) listing(ctx context.Context) (sums, signature []byte, err error) {
	repo, err := r.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	files, err := repo.Files(ctx, r.tag, ArtifactType)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]string{}
	for _, f := range files {
		text := &signature
		switch f.Name {
		case SumsName:
			text = &sums
		case SignatureName:
		default:
			all[f.Name] = f.SHA256
			continue
		}
		if f.Size > maxText {
			return nil, nil, fmt.Errorf("its %s has more than %d bytes", f.Name, maxText)
		}
		path, err := repo.Blob(ctx, f.SHA256, nil)
		if err != nil {
			return nil, nil, err
		}
		if *text, err = os.ReadFile(path); err != nil {
			return nil, nil, err
		}
	}
	if sums == nil {
		return FormatSums(all), nil, nil
	}
	return sums, signature, agree(all, sums)
}

// agree compares an artifact's files with its list of hashes.
func agree(files map[string]string, text []byte) error {
	sums, err := ParseSums(text)
	if err != nil {
		return nil // it is told of where the list is read
	}
	for name, sum := range files {
		if listed, ok := sums[name]; ok && listed != sum {
			return fmt.Errorf("it holds a %s with the sha256 %s, and its %s says %s", name, sum, SumsName, listed)
		}
	}
	return nil
}

func (r *repository) fetch(ctx context.Context, _, sha256 string, progress Progress) (string, error) {
	repo, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	return repo.Blob(ctx, sha256, func(_ string, done, total int64, _ string) { progress(done, total) })
}

// origins returns the origins of a source, those with the newest versions
// first. Each is asked only if those before it have no release that will do.
func (s *Store) origins(ctx context.Context, req Request) ([]origin, error) {
	if ref, ok := strings.CutPrefix(req.Source, scheme); ok {
		return s.repositories(ctx, req, ref)
	}
	if !filepath.IsAbs(req.Source) {
		return []origin{&site{store: s, base: req.Source, where: req.Source}}, nil
	}
	info, err := os.Stat(req.Source)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		dir, name := filepath.Split(req.Source)
		if _, err := ParseName(name); err != nil {
			return nil, err
		}
		return []origin{&one{s.folder(dir), name}}, nil
	}
	if versions := mirrored(req.Source, req.Name); len(versions) > 0 {
		return s.versions(req, versions), nil
	}
	return []origin{s.folder(req.Source)}, nil
}

// one is an origin of which but one archive counts: the user named it.
type one struct {
	origin
	name string
}

// mirrored returns the versions of a plugin in a mirror, the newest first.
func mirrored(dir, name string) []string {
	lists, err := filepath.Glob(filepath.Join(escape(filepath.Join(dir, name)), "*", SumsName))
	if err != nil {
		return nil
	}
	var versions []string
	for _, list := range lists {
		versions = append(versions, filepath.Base(filepath.Dir(list)))
	}
	slices.SortFunc(versions, newer)
	return versions
}

// escape makes a path one that Glob takes as it is.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func (s *Store) versions(req Request, versions []string) []origin {
	var all []origin
	for _, v := range versions {
		if req.accepts(v) {
			all = append(all, s.folder(filepath.Join(req.Source, req.Name, v)))
		}
	}
	return all
}

// repositories returns an origin for each tag of a repository that is a
// version that will do, or the one that the reference names.
func (s *Store) repositories(ctx context.Context, req Request, ref string) ([]origin, error) {
	last := ref[strings.LastIndex(ref, "/")+1:]
	if strings.ContainsAny(last, ":@") && strings.Contains(ref, "/") {
		return []origin{&repository{store: s, ref: ref}}, nil
	}
	first := &repository{store: s, ref: ref}
	repo, err := first.open(ctx)
	if err != nil {
		return nil, err
	}
	tags, err := repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return !req.accepts(strings.TrimPrefix(tag, "v")) })
	slices.SortFunc(tags, func(a, b string) int { return newer(strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")) })
	var all []origin
	for _, tag := range tags {
		all = append(all, &repository{store: s, ref: ref, tag: tag, repo: repo})
	}
	return all, nil
}
