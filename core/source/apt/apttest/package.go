package apttest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Package is a Debian binary package made for a test.
type Package struct {
	Name, Version string
	// Fields are more lines of its description: "Depends: other\n".
	Fields string
	Files  []File
}

// File is a file of a package: executable, or a symbolic link if it has a
// target.
type File struct {
	Name, Content, Target string
}

// Member is a member of an ar archive.
type Member struct {
	Name string
	Data []byte
}

// Ar returns an ar archive, the format of Debian packages.
func Ar(members ...Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.Name, 0, 0, 0, "100644", len(m.Data))
		b.Write(m.Data)
		if len(m.Data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Deb returns the package as a file.
func (p Package) Deb(t *testing.T) []byte {
	t.Helper()
	control := []File{{Name: "./control", Content: p.control()}}
	return Ar(
		Member{"debian-binary", []byte("2.0\n")},
		Member{"control.tar.gz", Zip(t, Tar(t, control))},
		Member{"data.tar.gz", Zip(t, Tar(t, p.Files))},
	)
}

func (p Package) control() string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: test <test@example.test>\nInstalled-Size: 1\n%sDescription: made for a test\n",
		p.Name, p.Version, p.Fields)
}

// Tar returns a tar archive of files.
func Tar(t *testing.T, files []File) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(f.Content)), ModTime: time.Unix(1640000000, 0)}
		if f.Target != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.Target, 0
		}
		err := w.WriteHeader(h)
		if err == nil && f.Target == "" {
			_, err = w.Write([]byte(f.Content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Zip compresses data as gzip does.
func Zip(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Publish writes a suite of binary packages, signed if key is not nil, and
// returns where each file is in the repository, by package.
func Publish(t *testing.T, repo, suite string, key *Key, packages ...Package) map[string]string {
	t.Helper()
	var index strings.Builder
	pool := map[string]string{}
	for _, p := range packages {
		data := p.Deb(t)
		pool[p.Name] = fmt.Sprintf("pool/%s_%s_amd64.deb", p.Name, strings.ReplaceAll(p.Version, ":", "%3a"))
		WriteFile(t, filepath.Join(repo, pool[p.Name]), string(data))
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256: %x\n\n", p.control(), pool[p.Name], len(data), sha256.Sum256(data))
	}
	text := index.String()
	dir := filepath.Join(repo, "dists", suite)
	WriteFile(t, filepath.Join(dir, "main/binary-amd64/Packages"), text)
	WriteFile(t, filepath.Join(dir, "Release"), fmt.Sprintf(
		"Origin: Debian\nLabel: Debian\nSuite: %[1]s\nCodename: %[1]s\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n %x %d main/binary-amd64/Packages\n",
		suite, time.Now().UTC().Format(time.RFC1123), sha256.Sum256([]byte(text)), len(text)))
	if key != nil {
		key.Sign(t, filepath.Join(dir, "Release"), filepath.Join(dir, "InRelease"))
	}
	return pool
}
