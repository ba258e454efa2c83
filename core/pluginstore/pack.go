package pluginstore

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/hashicorp/go-version"
	"github.com/klauspost/compress/gzip"

	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Pack is a release to be made.
type Pack struct {
	// Plugin is what the plugin says about itself.
	Plugin sdk.Manifest
	// Executables are paths by what they are made for.
	Executables map[Platform]string
	// Texts are paths of further files that each archive holds, such as a
	// licence.
	Texts []string
	// Zip makes .zip archives in place of .tar.gz.
	Zip bool
	// Epoch is the time in the archives.
	Epoch time.Time
}

// Make writes the files of the release into the folder dir, which is made if
// need be: an archive for each platform, the description, and last the list
// of hashes. It returns their names. The same executables give the same
// bytes.
func (p Pack) Make(ctx context.Context, dir string) ([]string, error) {
	if _, err := version.NewSemver(p.Plugin.Version); err != nil || strings.HasPrefix(p.Plugin.Version, "v") {
		return nil, fail(p.Plugin.Name, "can't be packed", fmt.Sprintf("Its version is %q, and a release needs a semantic one.", p.Plugin.Version),
			"Give it a version such as 1.2.0 in sdk.Plugin.", err)
	}
	if len(p.Plugin.Protocols) == 0 {
		return nil, fail(p.Plugin.Name, "can't be packed", "Its description names no protocol version.", "Build it with a newer SDK.", nil)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, p.unwritten(dir, err)
	}
	sums := map[string]string{}
	m := Manifest{
		Name: p.Plugin.Name, Version: p.Plugin.Version, Protocols: p.Plugin.Protocols, Mkmini: p.Plugin.Mkmini, Executables: map[string]string{},
	}
	for platform, path := range p.Executables {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		name := p.archive(platform).String()
		data, err := p.pack(path)
		if err == nil {
			m.Executables[name], err = hashFile(path)
		}
		if err == nil {
			err = store.WriteFile(filepath.Join(dir, name), data)
		}
		if err != nil {
			return nil, p.unwritten(dir, err)
		}
		sums[name] = hashOf(data)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the description of %s: %w", p.Plugin.Name, err)
	}
	text = append(text, '\n')
	file := manifestName(m.Name, m.Version)
	sums[file] = hashOf(text)
	err = errors.Join(store.WriteFile(filepath.Join(dir, file), text), store.WriteFile(filepath.Join(dir, SumsName), FormatSums(sums)))
	if err != nil {
		return nil, p.unwritten(dir, err)
	}
	var names []string
	for name := range sums {
		names = append(names, name)
	}
	slices.Sort(names)
	return append(names, SumsName), nil
}

func (p Pack) unwritten(dir string, err error) error {
	return fail(p.Plugin.Name, "can't be packed", fmt.Sprintf("Making the release in %s failed: %v.", dir, err), "Correct the path of the executable, or the folder's permissions.", err)
}

func (p Pack) archive(platform Platform) Archive {
	format := ".tar.gz"
	if p.Zip {
		format = ".zip"
	}
	return Archive{
		Plugin: p.Plugin.Name, Version: p.Plugin.Version, Protocol: slices.Max(p.Plugin.Protocols), Platform: platform, Format: format,
	}
}

// entry is a file in an archive.
type entry struct {
	name string
	mode int64
	data []byte
}

// pack returns an archive of an executable.
func (p Pack) pack(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	entries := []entry{{Prefix + p.Plugin.Name, 0o755, data}}
	for _, text := range slices.Sorted(slices.Values(p.Texts)) {
		if data, err = os.ReadFile(text); err != nil {
			return nil, err
		}
		entries = append(entries, entry{filepath.Base(text), 0o644, data})
	}
	var out bytes.Buffer
	if p.Zip {
		err = p.zip(&out, entries)
	} else {
		err = p.tar(&out, entries)
	}
	return out.Bytes(), err
}

func (p Pack) tar(out io.Writer, entries []entry) error {
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.data)), ModTime: p.Epoch, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(e.data); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), z.Close())
}

func (p Pack) zip(out io.Writer, entries []entry) error {
	w := zip.NewWriter(out)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: p.Epoch.UTC()}
		header.SetMode(os.FileMode(e.mode))
		f, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := f.Write(e.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// Push writes the release in a folder to a registry, as one artifact for all
// platforms, and returns its digest. A signature that is there goes with it.
func Push(ctx context.Context, registry *oci.Reader, ref, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, SumsName))
	if err != nil {
		return "", err
	}
	sums, err := ParseSums(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", SumsName, err)
	}
	var common []string
	for _, name := range []string{SumsName, SignatureName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			common = append(common, name)
		}
	}
	var archives []Archive
	for name := range sums {
		a, err := ParseName(name)
		if err != nil {
			common = append(common, name)
			continue
		}
		archives = append(archives, a)
	}
	slices.Sort(common)
	slices.SortFunc(archives, func(a, b Archive) int { return bytes.Compare([]byte(a.String()), []byte(b.String())) })
	var parts []oci.Part
	for _, a := range archives {
		part := oci.Part{Platform: v1.Platform{OS: a.Platform.OS, Architecture: a.Platform.Arch}}
		for _, name := range append([]string{a.String()}, common...) {
			part.Titles = append(part.Titles, name)
			part.Files = append(part.Files, filepath.Join(dir, name))
		}
		parts = append(parts, part)
	}
	return registry.Push(ctx, ref, ArtifactType, parts)
}
