package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// SourceFile is a file of a source package.
type SourceFile struct {
	// Name is its name, without a folder.
	Name string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
}

// SourceFiles returns the files of a source package in that very version: the
// description, the published tarball and the distribution's changes. The error
// is a *NotFoundError if no suite has that version; it names those there are.
func (f *Finder) SourceFiles(ctx context.Context, pkg, version string) ([]SourceFile, error) {
	if err := available(); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, f.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var files []SourceFile
	var others []string
	s := f.search(pkg, func(string, int64, int64) {})
	s.try = func(ctx context.Context, st *state) error {
		return st.read(ctx, func(r io.Reader) error {
			found, versions, err := sourceFiles(r, pkg, version)
			for _, v := range versions {
				if !slices.Contains(others, v) {
					others = append(others, v)
				}
			}
			files = found
			return err
		})
	}
	_, err = s.run(ctx)
	var none *NotFoundError
	if errors.As(err, &none) && len(others) > 0 {
		none.Tried = append(none.Tried, Miss{"all of them together", fmt.Sprintf("they have %s %s", pkg, strings.Join(others, ", "))})
	}
	return files, err
}

// sourceFiles reads a Sources index for one version of a package, and returns
// the other versions that are there.
func sourceFiles(r io.Reader, pkg, version string) (files []SourceFile, others []string, err error) {
	err = eachStanza(r, func(text []byte) bool {
		if !bytes.Contains(text, []byte(pkg)) {
			return true
		}
		s := parseStanza(string(text))
		if s["Package"] != pkg {
			return true
		}
		if s["Version"] != version {
			others = append(others, s["Version"])
			return true
		}
		for line := range strings.SplitSeq(s["Checksums-Sha256"], "\n") {
			if f := strings.Fields(line); len(f) == 3 && !strings.Contains(f[2], "/") {
				files = append(files, SourceFile{f[2], f[0]})
			}
		}
		return len(files) == 0
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the index of sources: %w", err)
	}
	if files == nil {
		return nil, others, errAbsent
	}
	return files, others, nil
}
