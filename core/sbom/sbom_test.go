package sbom_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdxlib"
	"github.com/spdx/tools-golang/utils"
	"github.com/xeipuuv/gojsonschema"

	"github.com/mkmini/mkmini/core/sbom"
)

// odd is a name that no JSON text holds as it is.
const odd = "etc/\xff \"<&>\"\n"

// facts are those of a small image, whose files are read from a layer.
func facts(t *testing.T) sbom.Facts {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	busybox := []byte("busybox")
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, busybox)
	add(tar.Header{Name: "bin/again", Typeflag: tar.TypeLink, Linkname: "bin/busybox"}, nil)
	add(tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	add(tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, nil)
	add(tar.Header{Name: odd, Typeflag: tar.TypeReg, Mode: 0o644}, []byte("x"))
	add(tar.Header{Name: "init", Typeflag: tar.TypeReg, Mode: 0o755}, []byte("#!/bin/sh\n"))
	add(tar.Header{Name: "usr/bin/app", Typeflag: tar.TypeReg, Mode: 0o755}, self)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, layer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	files, packages, err := sbom.ReadLayer(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 5 || files[4].Kind != sbom.ELF || files[3].Kind != sbom.Script || files[0].SHA1 != fmt.Sprintf("%x", sha1.Sum(busybox)) {
		t.Fatalf("the files are %+v", files)
	}
	files[4].Needed = []string{"again", "libnone.so"}
	files[1].Kind = sbom.ELF
	return sbom.Facts{
		Name: "mini", Arch: "aarch64", Platform: "linux/arm64", Layer: fmt.Sprintf("%x", sha256.Sum256(layer.Bytes())),
		Created: time.Unix(315532800, 0), Mkmini: "1.0.0", Supplier: "example.org",
		Busybox: sbom.Program{
			Name: "busybox", Version: "1.35.0", License: "GPL-2.0-only", Homepage: "https://busybox.net/", CPE: "a:busybox:busybox",
			SHA256: fmt.Sprintf("%x", sha256.Sum256(busybox)),
			Source: &sbom.Source{
				Tarball: "busybox-1.35.0.tar.bz2", URL: "https://busybox.net/downloads/busybox-1.35.0.tar.bz2",
				SHA256: strings.Repeat("a", 64), Config: strings.Repeat("c", 64),
				Patches: []sbom.Patch{{Name: "0001-a.patch", Text: []byte("--- a\n+++ b\n")}, {Name: "0002-b.patch", Text: []byte("\xff")}},
			},
		},
		Libc: &sbom.Program{
			Name: "musl", Version: "1.2.3", License: "MIT", Homepage: "https://musl.libc.org/", CPE: "a:musl-libc:musl",
			Source: &sbom.Source{Tarball: "musl-1.2.3.tar.gz", SHA256: strings.Repeat("b", 64)},
		},
		Compiler: sbom.Compiler{
			Name: "gcc", Version: "12.2.0", Target: "aarch64-linux-gnu", Fingerprint: "sha256:" + strings.Repeat("d", 64), From: "deb", Headers: "6.1.187",
			Parts: map[string]string{"gcc-12-aarch64-linux-gnu": "12.2.0-14cross1 sha256:" + strings.Repeat("e", 64), "suite": "bookworm"},
		},
		Applications: []sbom.Application{{Path: "usr/bin/app"}, {Path: "gone"}},
		Files:        files,
		Packages:     packages,
	}
}

const status = `Package: libc6
Status: install ok installed
Architecture: arm64
Version: 1:2.36-9+deb12u1
Description: GNU C Library
 Version: 0 is no field here

Package: gone
Status: deinstall ok config-files
Architecture: arm64
Version: 1

Package: base-files
Version: 12.4
`

// TestPackages reads what a distribution's database lists.
func TestPackages(t *testing.T) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, f := range [][2]string{
		{"etc/os-release", "NAME=\"X\"\nID=\"ubuntu\"\n"}, {"var/lib/dpkg/status", status}, {"var/lib/dpkg/status-old", "Package: old\nVersion: 1\n"},
		{"var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\n"}, {"var/lib/dpkg/status.d/tzdata.md5sums", "Package: x\nVersion: 1\n"},
	} {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f[1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, layer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	files, packages, err := sbom.ReadLayer(t.Context(), path)
	want := []sbom.Package{
		{Kind: "deb", Name: "base-files", Version: "12.4", Distribution: "ubuntu"},
		{Kind: "deb", Name: "libc6", Version: "1:2.36-9+deb12u1", Arch: "arm64", Distribution: "ubuntu"},
		{Kind: "deb", Name: "tzdata", Version: "2024a", Distribution: "ubuntu"},
	}
	if diff := cmp.Diff(want, packages); diff != "" || err != nil || len(files) != 5 {
		t.Fatalf("%v, %d files, packages (-want +got):\n%s", err, len(files), diff)
	}
	f := facts(t)
	f.Packages = packages
	doc, err := spdxjson.Read(bytes.NewReader(write(t, f, "spdx")))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(relationships(doc), "mini CONTAINS libc6") || !bytes.Contains(write(t, f, "cyclonedx"), []byte(`"purl": "pkg:deb/ubuntu/libc6@1%3A2.36-9%2Bdeb12u1?arch=arm64"`)) {
		t.Error("libc6 isn't documented")
	}
	result, err := schema(t).Validate(gojsonschema.NewBytesLoader(write(t, f, "cyclonedx")))
	if err != nil || !result.Valid() {
		t.Errorf("%v %v", err, result.Errors())
	}
}

// FuzzReadLayer feeds databases from who knows where.
func FuzzReadLayer(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte("Package: a\nVersion: \xff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var layer bytes.Buffer
		w := tar.NewWriter(&layer)
		if err := w.WriteHeader(&tar.Header{Name: "var/lib/dpkg/status", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "layer.tar")
		if err := os.WriteFile(path, layer.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		files, packages, err := sbom.ReadLayer(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		facts := sbom.Facts{Name: "mini", Arch: "a64", Busybox: sbom.Program{Name: "busybox"}, Files: files, Packages: packages}
		conforms(t, write(t, facts, "spdx"))
	})
}

// write returns a document, which has to be the same each time.
func write(t *testing.T, f sbom.Facts, name string) []byte {
	t.Helper()
	format, err := sbom.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := format.Write(f, &first); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(f.Files) // their order has no say in the text
	if err := format.Write(f, &second); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(f.Files)
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("%s differs from time to time", name)
	}
	return first.Bytes()
}

func TestSPDX(t *testing.T) {
	f := facts(t)
	text := write(t, f, "spdx")
	doc, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	conforms(t, text)
	if doc.CreationInfo.Created != "1980-01-01T00:00:00Z" || !strings.HasPrefix(doc.DocumentNamespace, "urn:uuid:") {
		t.Errorf("%+v in %s", doc.CreationInfo, doc.DocumentNamespace)
	}
	want := []string{
		"DOCUMENT DESCRIBES mini",
		"busybox CONTAINS ./bin/again", "busybox CONTAINS ./bin/busybox", "busybox GENERATED_FROM busybox-source",
		"busybox STATIC_LINK libgcc", "busybox STATIC_LINK musl",
		"gcc BUILD_TOOL_OF busybox", "gcc BUILD_TOOL_OF musl",
		"gcc-12-aarch64-linux-gnu BUILD_TOOL_OF busybox", "gcc-12-aarch64-linux-gnu BUILD_TOOL_OF musl",
		"linux-headers BUILD_DEPENDENCY_OF busybox", "mini CONTAINS app", "mini CONTAINS busybox", "mini CONTAINS gone",
		"mkmini BUILD_TOOL_OF mini", "musl GENERATED_FROM musl-source",
		"suite BUILD_TOOL_OF busybox", "suite BUILD_TOOL_OF musl",
		"./bin/again GENERATED_FROM busybox-source", "./bin/busybox GENERATED_FROM busybox-source",
		"./busybox-source/patches/0001-a.patch PATCH_FOR busybox-source", "./busybox-source/patches/0002-b.patch PATCH_FOR busybox-source",
		"./usr/bin/app DYNAMIC_LINK ./bin/again", "app CONTAINS ./usr/bin/app",
		"mini CONTAINS ./bin/again", "mini CONTAINS ./bin/busybox", `mini CONTAINS ./etc/\xff "<&>"` + "\n", "mini CONTAINS ./init", "mini CONTAINS ./usr/bin/app",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, relationships(doc)); diff != "" {
		t.Errorf("relationships (-want +got):\n%s", diff)
	}
}

// relationships returns what is what to what, by names.
func relationships(doc *spdx.Document) []string {
	names := map[common.ElementID]string{"DOCUMENT": "DOCUMENT"}
	for _, p := range doc.Packages {
		names[p.PackageSPDXIdentifier] = p.PackageName
		if p.PrimaryPackagePurpose == "SOURCE" && p.PackageFileName != "" {
			names[p.PackageSPDXIdentifier] += "-source"
		}
	}
	for _, f := range doc.Files {
		names[f.FileSPDXIdentifier] = f.FileName
	}
	var list []string
	for _, r := range doc.Relationships {
		list = append(list, fmt.Sprintf("%s %s %s", names[r.RefA.ElementRefID], r.Relationship, names[r.RefB.ElementRefID]))
	}
	slices.Sort(list)
	return list
}

// Rules of the specification that the library doesn't look after.
// Source: SPDX 2.3, chapters 6 to 8, and annex D.
var (
	spdxID      = regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	location    = regexp.MustCompile(`^(NOASSERTION|NONE|https?://\S+)$`)
	spdxLicense = regexp.MustCompile(`^(NOASSERTION|NONE|[A-Za-z0-9.-]+( WITH [A-Za-z0-9.-]+)?)$`)
)

// conforms holds a document to the rules.
func conforms(t *testing.T, text []byte) {
	t.Helper()
	var doc struct {
		SPDXVersion, DataLicense, SPDXID, Name, DocumentNamespace string
		CreationInfo                                              struct{ Created string }
		Packages                                                  []struct {
			SPDXID, Name, DownloadLocation, LicenseConcluded, LicenseDeclared, CopyrightText string
			FilesAnalyzed                                                                    bool
			PackageVerificationCode                                                          map[string]any
			Checksums                                                                        []struct{ Algorithm, ChecksumValue string }
		}
		Files []struct {
			SPDXID, FileName, LicenseConcluded, CopyrightText string
			Checksums                                         []struct{ Algorithm, ChecksumValue string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.SPDXID != "SPDXRef-DOCUMENT" || doc.Name == "" || strings.Contains(doc.DocumentNamespace, "#") {
		t.Errorf("the document is %+v", doc)
	}
	ids := map[string]bool{doc.SPDXID: true}
	unique := func(id string) {
		if !spdxID.MatchString(id) || ids[id] {
			t.Errorf("the identifier %q is wrong or there twice", id)
		}
		ids[id] = true
	}
	for _, p := range doc.Packages {
		unique(p.SPDXID)
		if p.Name == "" || !location.MatchString(p.DownloadLocation) || !spdxLicense.MatchString(p.LicenseConcluded) ||
			!spdxLicense.MatchString(p.LicenseDeclared) || p.FilesAnalyzed != (p.PackageVerificationCode != nil) {
			t.Errorf("the package is %+v", p)
		}
	}
	for _, f := range doc.Files {
		unique(f.SPDXID)
		if !strings.HasPrefix(f.FileName, "./") || len(f.Checksums) != 2 || f.Checksums[0].Algorithm != "SHA1" || len(f.Checksums[0].ChecksumValue) != 2*sha1.Size {
			t.Errorf("the file is %+v", f)
		}
	}
}

// TestOwnedFiles tells of packages whose files are known: of an rpm, and of one
// that the image lists too.
func TestOwnedFiles(t *testing.T) {
	f := facts(t)
	f.Busybox, f.Libc = sbom.Program{}, nil // of a system of the host's alone
	owned := f.Files[0]
	f.Packages = sbom.Together(
		[]sbom.Package{
			{Kind: "rpm", Name: "bash", Epoch: "1", Version: "5.2-3", Arch: "x86_64", Distribution: "fedora", Files: []string{owned.Path, "not/there"}},
			{Kind: "deb", Name: "libc6", Version: "2", Arch: "amd64", Files: []string{f.Files[1].Path}},
		},
		[]sbom.Package{{Name: "libc6", Version: "2", Arch: "amd64", Distribution: "debian"}, {Name: "tzdata", Version: "3"}},
	)
	if len(f.Packages) != 3 {
		t.Errorf("the packages are %+v", f.Packages)
	}
	text := write(t, f, "spdx")
	doc, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, text)
	names := map[string]*spdx.Package{}
	for _, p := range doc.Packages {
		names[p.PackageName] = p
	}
	sum := sha1.Sum([]byte(owned.SHA1))
	bash := names["bash"]
	if bash == nil || !bash.FilesAnalyzed || bash.PackageVerificationCode == nil || bash.PackageVerificationCode.Value != hex.EncodeToString(sum[:]) || bash.PackageVersion != "1:5.2-3" {
		t.Fatalf("bash is %+v", bash)
	}
	contains := 0
	for _, r := range doc.Relationships {
		if r.RefA.ElementRefID == bash.PackageSPDXIdentifier && r.Relationship == "CONTAINS" {
			contains++
		}
	}
	if contains != 1 || names["tzdata"].FilesAnalyzed {
		t.Errorf("bash contains %d files, tzdata is %+v", contains, names["tzdata"])
	}
	text = write(t, f, "cyclonedx")
	if purl := `"purl": "pkg:rpm/fedora/bash@5.2-3?arch=x86_64&epoch=1"`; !bytes.Contains(text, []byte(purl)) {
		t.Errorf("there is no %s", purl)
	}
	var bom struct {
		Components []struct {
			Name string
			Ref  string `json:"bom-ref"`
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	refs := map[string]string{}
	for _, c := range bom.Components {
		refs[c.Name] = c.Ref
	}
	found := false
	for _, d := range bom.Dependencies {
		found = found || d.Ref == refs["bash"] && slices.Equal(d.DependsOn, []string{refs["/"+owned.Path]})
	}
	if !found {
		t.Errorf("bash does not depend on its file: %+v", bom.Dependencies)
	}
	result, err := schema(t).Validate(gojsonschema.NewBytesLoader(text))
	if err != nil || !result.Valid() {
		t.Errorf("%v %v", err, result.Errors())
	}
}

// TestVerificationCode computes it as the specification says: from the files
// of the image alone, and not from patches.
func TestVerificationCode(t *testing.T) {
	f := facts(t)
	doc, err := spdxjson.Read(bytes.NewReader(write(t, f, "spdx")))
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	var files []*spdx.File
	for _, file := range f.Files {
		sums = append(sums, file.SHA1)
		files = append(files, &spdx.File{FileName: file.Path, Checksums: []common.Checksum{{Algorithm: common.SHA1, Value: file.SHA1}}})
	}
	slices.Sort(sums)
	sum := sha1.Sum([]byte(strings.Join(sums, "")))
	other, err := utils.GetVerificationCode(files, "")
	if got := doc.Packages[0].PackageVerificationCode.Value; err != nil || got != hex.EncodeToString(sum[:]) || got != other.Value {
		t.Errorf("got %s, want %x and %s (%v)", got, sum, other.Value, err)
	}
}

// schema is CycloneDX's own, as its library for Go comes with it.
func schema(t *testing.T) *gojsonschema.Schema {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatalf("find the schema: %v", err)
	}
	load := func(name string) gojsonschema.JSONLoader {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		return gojsonschema.NewBytesLoader(text)
	}
	l := gojsonschema.NewSchemaLoader()
	if err := l.AddSchemas(load("spdx.schema.json"), load("jsf-0.82.schemax.json")); err != nil {
		t.Fatal(err)
	}
	s, err := l.Compile(load("bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCycloneDX(t *testing.T) {
	f := facts(t)
	s := schema(t)
	for name, change := range map[string]func(*sbom.Facts){
		"all": func(*sbom.Facts) {},
		"bare": func(f *sbom.Facts) {
			*f = sbom.Facts{Name: "mini", Arch: "sw64", Layer: f.Layer, Busybox: sbom.Program{Name: "busybox"}}
		},
		"dynamic": func(f *sbom.Facts) { f.Dynamic, f.Libc.Source, f.Supplier = true, nil, "" },
	} {
		t.Run(name, func(t *testing.T) {
			f := f
			change(&f)
			text := write(t, f, "cyclonedx")
			result, err := s.Validate(gojsonschema.NewBytesLoader(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range result.Errors() {
				t.Error(e)
			}
			var bom cdx.BOM
			if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
				t.Fatal(err)
			}
			complete(t, &bom)
			doc := write(t, f, "spdx")
			conforms(t, doc)
		})
	}
	bad, err := s.Validate(gojsonschema.NewStringLoader(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"nothing","name":"x"}]}`))
	if err != nil || bad.Valid() {
		t.Errorf("the schema takes anything: %v", err)
	}
}

// complete looks whether all that a document refers to is there, once.
func complete(t *testing.T, bom *cdx.BOM) {
	t.Helper()
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, list := range [][]cdx.Component{*bom.Components, *(*bom.Formulation)[0].Components} {
		for _, c := range list {
			if refs[c.BOMRef] || c.BOMRef == "" {
				t.Errorf("%q is there twice or empty", c.BOMRef)
			}
			refs[c.BOMRef] = true
		}
	}
	seen := map[string]bool{}
	for _, d := range *bom.Dependencies {
		if seen[d.Ref] || !refs[d.Ref] {
			t.Errorf("%q depends twice, or isn't there", d.Ref)
		}
		seen[d.Ref] = true
		if d.Dependencies == nil {
			continue
		}
		for _, ref := range *d.Dependencies {
			if !refs[ref] {
				t.Errorf("%s depends on %q, which isn't there", d.Ref, ref)
			}
		}
	}
}

// TestIdentity changes the facts, and looks whether the documents take another
// name.
func TestIdentity(t *testing.T) {
	f := facts(t)
	name := func(f sbom.Facts) string {
		doc, err := spdxjson.Read(bytes.NewReader(write(t, f, "spdx")))
		if err != nil {
			t.Fatal(err)
		}
		return doc.DocumentNamespace
	}
	first := name(f)
	f.Busybox.Version = "1.36.1"
	if name(f) == first {
		t.Error("two documents have one name")
	}
	f.Namespace = "https://example.com/sbom/"
	if got := name(f); !strings.HasPrefix(got, "https://example.com/sbom/mini-aarch64-") {
		t.Errorf("the name is %s", got)
	}
}

func TestDamagedLayer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 1024)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sbom.ReadLayer(t.Context(), path); err == nil {
		t.Error("no error")
	}
}
