package inspect

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mkmini/mkmini/plugins/cpio"
)

// dir, file and the others make entries of archives.
func dir(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}
}

func file(name, content string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), Uname: content}
}

func symlink(name, target string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
}

func hardlink(name, target string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}
}

// tarOf writes an archive. The content of a file is in its Uname, which
// nobody reads.
func tarOf(t testing.TB, entries ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := *e
		h.Uname = ""
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(e.Uname)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newcOf writes a cpio archive of folders, files and symlinks.
func newcOf(entries ...*tar.Header) []byte {
	var b bytes.Buffer
	add := func(name string, ino, mode, uid, gid, mtime int, content string) {
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
			ino, mode, uid, gid, 1, mtime, len(content), 0, 0, 0, 0, len(name)+1, 0)
		b.WriteString(name + "\x00")
		b.Write(make([]byte, -b.Len()&3))
		b.WriteString(content)
		b.Write(make([]byte, -b.Len()&3))
	}
	types := map[byte]int{tar.TypeReg: 0o100000, tar.TypeDir: 0o040000, tar.TypeSymlink: 0o120000}
	for i, e := range entries {
		content := e.Uname
		if e.Typeflag == tar.TypeSymlink {
			content = e.Linkname
		}
		name := filepath.Clean(e.Name)
		add(name, i, types[e.Typeflag]|int(e.Mode), e.Uid, e.Gid, max(0, int(e.ModTime.Unix())), content)
	}
	add(cpio.Trailer, 0, 0, 0, 0, 0, "")
	return b.Bytes()
}

// put writes a file into the test's folder and returns its path.
func put(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

type fields map[string]any

// configOf is the configuration of an image with these layers.
func configOf(t testing.TB, arch string, layers ...[]byte) string {
	ids := []string{}
	for _, l := range layers {
		ids = append(ids, "sha256:"+hexOf(l))
	}
	return jsonOf(t, fields{
		"os": "linux", "architecture": arch, "config": fields{"Cmd": []string{"/bin/sh"}, "Env": []string{"A=b"}},
		"rootfs": fields{"type": "layers", "diff_ids": ids},
	})
}

// savedOf is what docker save writes of an image.
func savedOf(t testing.TB, layers ...[]byte) []byte {
	config := configOf(t, "arm64", layers...)
	name := hexOf([]byte(config)) + ".json"
	entries := []*tar.Header{file(name, config)}
	var names []string
	for i, l := range layers {
		names = append(names, fmt.Sprintf("%d/layer.tar", i))
		entries = append(entries, file(names[i], string(l)))
	}
	list := jsonOf(t, []fields{{"Config": name, "RepoTags": []string{"mini:1"}, "Layers": names}})
	return tarOf(t, append(entries, file("manifest.json", list))...)
}

// blobs are the files of an OCI layout by name.
type blobs map[string]string

// add adds a blob and returns its descriptor.
func (b blobs) add(data, mediaType string) fields {
	b["blobs/sha256/"+hexOf([]byte(data))] = data
	return fields{"mediaType": mediaType, "digest": "sha256:" + hexOf([]byte(data)), "size": len(data)}
}

// image adds an image and returns its descriptor.
func (b blobs) image(t testing.TB, arch string, layers ...[]byte) fields {
	var list []fields
	for _, l := range layers {
		list = append(list, b.add(string(l), "application/vnd.oci.image.layer.v1.tar"))
	}
	manifest := jsonOf(t, fields{
		"schemaVersion": 2, "config": b.add(configOf(t, arch, layers...), "application/vnd.oci.image.config.v1+json"), "layers": list,
	})
	return b.add(manifest, "application/vnd.oci.image.manifest.v1+json")
}

// index makes the blobs a layout.
func (b blobs) index(t testing.TB, manifests ...fields) {
	b["oci-layout"] = `{"imageLayoutVersion":"1.0.0"}`
	b["index.json"] = jsonOf(t, fields{"schemaVersion": 2, "manifests": manifests})
}

// write writes the layout as a folder.
func (b blobs) write(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range b {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// paths lists entries in short: path, and what it holds or leads to.
func paths(tree *Tree) []string {
	var all []string
	for _, e := range tree.Entries {
		line := e.Path
		switch {
		case e.Link != "":
			line += " = " + e.Link
		case e.Type == Symlink || e.Type == Broken:
			line += " -> " + e.Target
		case e.Type == File:
			line += fmt.Sprintf(" %d", e.Size)
		case e.Implied:
			line += " implied"
		}
		all = append(all, line)
	}
	return all
}
