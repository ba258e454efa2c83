package layertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// xattrRecord begins the PAX records of extended attributes.
const xattrRecord = "SCHILY.xattr."

// randomName is one part of a path, with all that one may hold; plain ones
// have letters that every program shows as they are.
func randomName(plain bool) *rapid.Generator[string] {
	letters := rapid.StringMatching(`[a-zA-Z0-9_.+-]{1,12}[a-z]`)
	if plain {
		return letters
	}
	return rapid.OneOf(letters, rapid.StringMatching(`[a-z]{90,255}`),
		rapid.SampledFrom([]string{
			"new\nline", "quo\"te", "it's", "back\\slash", "co:lon", " space ", "tab\t", "-rf", "*", "[a]?", "$HOME", "é", "日本", "\xff\xfe", "%s", "#", "~",
			"\x01\x7f", "TRAILER!!!", "lost+found", "a,b=c", ".wh.x", "CON", "a.", "\u202e", ".hidden", "x\\012y",
		}),
		rapid.Custom(func(t *rapid.T) string {
			name := rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 40).Draw(t, "bytes")
			return string(bytes.ReplaceAll(name, []byte("/"), []byte(":")))
		}).Filter(func(name string) bool { return name != "." && name != ".." }),
	)
}

// RandomSystem is a root file system of 5 to 40 entries: headers, sorted as
// mkmini has them. Plain ones have names that every program shows as they are.
func RandomSystem(plain bool) *rapid.Generator[[]tar.Header] {
	return rapid.Custom(func(t *rapid.T) []tar.Header {
		folders, byName := []string{""}, map[string]*tar.Header{}
		kinds := []byte{tar.TypeDir, tar.TypeDir, tar.TypeReg, tar.TypeReg, tar.TypeReg, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeLink}
		for range rapid.IntRange(5, 40).Draw(t, "entries") {
			name := path.Join(rapid.SampledFrom(folders).Draw(t, "folder"), randomName(plain).Draw(t, "name"))
			if byName[name] != nil || len(name) > 3000 {
				continue
			}
			h := &tar.Header{
				Name: name, Typeflag: rapid.SampledFrom(kinds).Draw(t, "type"), Mode: rapid.Int64Range(0, 0o7777).Draw(t, "mode"),
				Uid: randomID().Draw(t, "uid"), Gid: randomID().Draw(t, "gid"),
				// From 1980, where zip begins, to 2038, where its times end.
				ModTime: time.Unix(rapid.Int64Range(315532800, 1<<31-1).Draw(t, "time"), 0),
			}
			switch h.Typeflag {
			case tar.TypeDir:
				folders = append(folders, name)
			case tar.TypeReg:
				h.Size = rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(4000, 4200), rapid.Int64Range(0, 300_000)).Draw(t, "size")
			case tar.TypeSymlink:
				h.Mode, h.Linkname = 0o777, strings.Repeat(randomName(plain).Draw(t, "target")+"/", rapid.IntRange(1, 4).Draw(t, "parts"))
			case tar.TypeChar, tar.TypeBlock:
				h.Devmajor, h.Devminor = rapid.Int64Range(1, 4095).Draw(t, "major"), rapid.Int64Range(0, 1<<20-1).Draw(t, "minor")
			}
			randomXattrs(t, h)
			byName[name] = h
		}
		return link(t, byName)
	})
}

func randomID() *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(0, 1000), rapid.SampledFrom([]int{65534, 65535, 65536, 1 << 21, 1<<31 - 1, 1 << 31, 1<<32 - 2}))
}

// randomXattrs gives a file or a folder extended attributes, no more than a
// block has room for.
func randomXattrs(t *rapid.T, h *tar.Header) {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir || rapid.IntRange(0, 2).Draw(t, "attributes") > 0 {
		return
	}
	left := 3000
	for range rapid.IntRange(1, 6).Draw(t, "xattrs") {
		name := rapid.SampledFrom([]string{"user.", "trusted.", "security.x"}).Draw(t, "space") + rapid.StringMatching(`[a-z][a-zA-Z0-9_.-]{0,40}`).Draw(t, "xattr")
		value := rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "value")
		if left -= 40 + len(name) + len(value); left < 0 {
			return
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+name] = string(value)
		if !utf8.ValidString(h.Name) {
			h.PAXRecords["hdrcharset"] = "BINARY" // as layers have it
		}
	}
}

// link makes hard links of what was to be one: to files that come before.
func link(t *rapid.T, byName map[string]*tar.Header) (list []tar.Header) {
	var files []*tar.Header
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	// What a folder holds follows it at once.
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	for _, name := range names {
		h := byName[name]
		switch h.Typeflag {
		case tar.TypeReg:
			files = append(files, h)
		case tar.TypeDir:
			h.Name += "/"
		case tar.TypeLink:
			if len(files) == 0 {
				continue
			}
			file := rapid.SampledFrom(files).Draw(t, "file")
			h.Linkname, h.Mode, h.Uid, h.Gid, h.ModTime = file.Name, file.Mode, file.Uid, file.Gid, file.ModTime
		}
		list = append(list, *h)
	}
	return list
}

// RandomImage writes a layer of such headers.
func RandomImage(t *testing.T, headers []tar.Header) sdk.Image {
	t.Helper()
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, h := range headers {
		content := make([]byte, h.Size)
		for i := range content {
			if i/5000%3 != 1 { // with holes
				content[i] = byte(i*i>>3 + len(h.Name))
			}
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(file, buffer.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return sdk.Image{
		Arch: "x86_64", Platform: sdk.Platform{OS: "linux", Architecture: "amd64"},
		Layer: file, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(buffer.Bytes())), Size: int64(buffer.Len()),
	}
}

// Compare compares what a reader found with what there is. Lacks removes what
// a format or a reader doesn't know of; nil for nothing.
func Compare(want, got Records, lacks func(r Record) (Record, bool)) string {
	for _, own := range []string{"", ".", "lost+found", "dev/console", "dev"} {
		if _, ours := want[own]; !ours {
			delete(got, own) // the format's own
		}
	}
	for _, all := range []Records{want, got} {
		for name, rec := range all {
			there := true
			if lacks != nil {
				rec, there = lacks(rec)
			}
			if all[name] = rec; !there {
				delete(all, name)
			}
		}
	}
	return cmp.Diff(want, got)
}

// NamesEntry says that an error names one of the entries.
func NamesEntry(err error, headers []tar.Header) bool {
	return slices.ContainsFunc(headers, func(h tar.Header) bool {
		name := strings.TrimSuffix(h.Name, "/")
		quoted := strings.Trim(strconv.Quote(name[:min(len(name), 100)]), `"`)
		return strings.Contains(err.Error(), name) || strings.Contains(err.Error(), quoted)
	})
}
