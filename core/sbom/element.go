package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
)

// The licences of what every program has from its compiler.
// Source: COPYING.RUNTIME of gcc; LICENSES/exceptions/Linux-syscall-note of
// Linux.
const (
	libgccLicense  = "GPL-3.0-or-later WITH GCC-exception-3.1"
	headersLicense = "GPL-2.0-only WITH Linux-syscall-note"
	gccLicense     = "GPL-3.0-or-later"
)

// element is a piece of software in a document.
type element struct {
	id   string
	kind elementKind
	Program
	// url is its package URL, if that isn't a generic one.
	url string
	// sha256 is a hash of its own, and comment a sentence for people.
	sha256, comment string
	// files are the indices of files that are known to be its.
	files []int
	// of are the ids of the elements that it was a tool for.
	of []string
}

// elementKind is what an element is to the image.
type elementKind int

const (
	application elementKind = iota
	library
	headers
	tool
)

// purl returns the package URL of an element.
// Source: package-url/purl-spec, types-doc/generic.
func (e element) purl() string {
	if e.url != "" {
		return e.url
	}
	if e.Name == "" || e.Version == "" {
		return ""
	}
	return "pkg:generic/" + escaped(e.Name) + "@" + escaped(e.Version)
}

// escaped percent-encodes all that a package URL doesn't hold as it is.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c == '.' || c == '-' || c == '_' || c == '~' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// cpe returns the name by which databases of vulnerabilities know an element.
// Source: NISTIR 7695, section 6.2.
func (e element) cpe() string {
	if e.CPE == "" || e.Version == "" {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(e.Version) {
		if c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return "cpe:2.3:" + e.CPE + ":" + b.String() + ":*:*:*:*:*:*:*"
}

// The ids of elements that are there once.
const (
	busyboxID = "busybox"
	libcID    = "libc"
	libgccID  = "libgcc"
	headersID = "linux-headers"
	gccID     = "compiler"
	mkminiID  = "mkmini"
	imageID   = "image"
)

// Libgcc returns the part of gcc that is linked into what it compiles.
func Libgcc(version string) Program {
	return Program{Name: "libgcc", Version: version, License: libgccLicense, Homepage: "https://gcc.gnu.org/"}
}

// Headers returns the headers of Linux for programs.
func Headers(version string) Program {
	return Program{Name: "linux-headers", Version: version, License: headersLicense, Homepage: "https://www.kernel.org/"}
}

// elements returns the software in and behind an image, but for the image and
// for mkmini.
func (f Facts) elements() []element {
	if f.Busybox.Name == "" {
		return append(f.applications(), f.packaged()...) // nothing was compiled
	}
	list := []element{{id: busyboxID, kind: application, Program: f.Busybox}}
	made := []string{busyboxID}
	if f.Libc != nil {
		list = append(list, element{id: libcID, kind: library, Program: *f.Libc})
		if f.Libc.Source != nil {
			made = append(made, libcID)
		}
	}
	if f.Compiler.Name == "gcc" {
		list = append(list, element{id: libgccID, kind: library, Program: Libgcc(f.Compiler.Version), comment: "The part of gcc that is linked into what it compiles."})
	}
	if f.Compiler.Headers != "" {
		list = append(list, element{id: headersID, kind: headers, Program: Headers(f.Compiler.Headers), comment: "The headers of Linux for programs, which busybox and the C library were compiled with."})
	}
	list = append(list, f.applications()...)
	list = append(list, f.packaged()...)
	return append(list, f.tools(made)...)
}

// applications returns the user's programs.
func (f Facts) applications() []element {
	var list []element
	for _, a := range f.Applications {
		e := element{id: "program-" + strings.TrimPrefix(fileID(a.Path), "File-"), kind: application, Program: Program{Name: shown(path.Base(a.Path))}}
		if i, ok := f.file(a.Path); ok {
			e.SHA256 = f.Files[i].SHA256
		}
		list = append(list, e)
	}
	return list
}

// tools returns the compiler, and the packages that it came in.
func (f Facts) tools(made []string) []element {
	c := f.Compiler
	e := element{id: gccID, kind: tool, of: made, Program: Program{Name: cmp.Or(c.Name, "compiler"), Version: c.Version}}
	if c.Name == "gcc" {
		e.License, e.Homepage = gccLicense, "https://gcc.gnu.org/"
	}
	e.comment = "It makes code for " + cmp.Or(c.Target, f.Arch) + ". The " + c.Fingerprint + " is that of all files that have a say in what it makes."
	list := []element{e}
	for _, name := range slices.Sorted(maps.Keys(c.Parts)) {
		part := element{id: "part-" + slug(name), kind: tool, of: made, Program: Program{Name: name}, comment: "The compiler came with it."}
		for _, field := range strings.Fields(c.Parts[name]) {
			if sum, ok := strings.CutPrefix(field, "sha256:"); ok && len(sum) == hex.EncodedLen(sha256.Size) {
				part.sha256 = sum
			} else {
				part.Version = strings.TrimSpace(part.Version + " " + field)
			}
		}
		list = append(list, part)
	}
	return list
}

// file returns the index of the file at a path.
func (f Facts) file(name string) (int, bool) {
	return slices.BinarySearchFunc(f.Files, name, func(a File, b string) int { return cmp.Compare(a.Path, b) })
}

// filesOf returns the indices of the files that are an element's.
func (f Facts) filesOf(e element) []int {
	list := e.files
	if e.SHA256 == "" {
		return list
	}
	for i, file := range f.Files {
		if file.SHA256 == e.SHA256 {
			list = append(list, i)
		}
	}
	return list
}

// link is a file that loads another one when it starts.
type link struct{ from, to int }

// links returns which files of the image load which, as far as names tell.
func (f Facts) links() []link {
	byName := map[string]int{}
	for i, file := range f.Files {
		if _, taken := byName[path.Base(file.Path)]; !taken && file.Kind == ELF {
			byName[path.Base(file.Path)] = i
		}
	}
	var list []link
	for i, file := range f.Files {
		for _, name := range file.Needed {
			if to, ok := byName[path.Base(name)]; ok && to != i {
				list = append(list, link{i, to})
			}
		}
	}
	return list
}

// sums returns the hashes of a patch in hexadecimal digits.
func (p Patch) sums() (short, long string) {
	a, b := sha1.Sum(p.Text), sha256.Sum256(p.Text)
	return hex.EncodeToString(a[:]), hex.EncodeToString(b[:])
}

// text returns a patch as JSON can hold it; false if it can't.
func (p Patch) text() (string, bool) {
	return string(p.Text), bytes.Equal([]byte(strings.ToValidUTF8(string(p.Text), "?")), p.Text)
}

// sorted makes sure that files are in the order that file relies on.
func (f Facts) sorted() Facts {
	f.Files = slices.Clone(f.Files)
	slices.SortFunc(f.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	f.Packages = Together(f.Packages)
	return f
}
