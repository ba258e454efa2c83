package sbom

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"iter"
	"slices"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// noAssertion says that nothing is known.
const noAssertion = "NOASSERTION"

// spdxDocument is a document in the making.
type spdxDocument struct {
	facts Facts
	doc   *v2_3.Document
	// files and relations are written one by one: an image may have millions.
	files     []func(emit func(*v2_3.File) error) error
	relations []func(emit func(relation) error) error
}

// relation says what a is to b, both by their identifiers.
type relation struct{ a, kind, b string }

// writeSPDX writes SPDX 2.3 as JSON.
// Source: the SPDX specification 2.3, chapters 6 to 11.
func writeSPDX(facts Facts, w io.Writer) error {
	facts = facts.sorted()
	namespace, err := facts.namespace()
	if err != nil {
		return err
	}
	d := &spdxDocument{facts: facts, doc: &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: facts.documentName(), DocumentNamespace: namespace,
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "mkmini-" + facts.Mkmini}},
			Created:  facts.Created.UTC().Format("2006-01-02T15:04:05Z"),
		},
	}}
	if facts.Supplier != "" {
		d.doc.CreationInfo.Creators = append(d.doc.CreationInfo.Creators, common.Creator{CreatorType: "Organization", Creator: facts.Supplier})
	}
	d.image()
	for _, e := range facts.elements() {
		d.element(e)
	}
	d.relations = append(d.relations, func(emit func(relation) error) error {
		for _, l := range facts.links() {
			if err := emit(relation{fileID(facts.Files[l.from].Path), "DYNAMIC_LINK", fileID(facts.Files[l.to].Path)}); err != nil {
				return err
			}
		}
		return nil
	})
	return d.write(w)
}

// write writes the document with its files and relationships.
func (d *spdxDocument) write(w io.Writer) error {
	mark := relation{"mark", "OTHER", "mark"}.json()
	d.doc.Relationships = []*spdx.Relationship{mark}
	relationships := stretch{mark, func(emit func(any) error) error {
		for _, each := range d.relations {
			if err := each(func(r relation) error { return emit(r.json()) }); err != nil {
				return err
			}
		}
		return nil
	}}
	stretches := []stretch{relationships}
	if len(d.files) > 0 {
		mark := &v2_3.File{FileName: "mark"}
		d.doc.Files = []*v2_3.File{mark}
		stretches = []stretch{{mark, func(emit func(any) error) error {
			for _, each := range d.files {
				if err := each(func(f *v2_3.File) error { return emit(f) }); err != nil {
					return err
				}
			}
			return nil
		}}, relationships}
	}
	var text bytes.Buffer
	if err := spdxjson.Write(d.doc, &text, spdxjson.Indent(pretty.indent), spdxjson.EscapeHTML(pretty.escapeHTML)); err != nil {
		return err
	}
	return splice(w, text.Bytes(), pretty, stretches...)
}

// json returns the relation as the document has it.
func (r relation) json() *spdx.Relationship {
	return &spdx.Relationship{
		RefA: common.MakeDocElementID("", r.a), RefB: common.MakeDocElementID("", r.b), Relationship: r.kind,
	}
}

// relate adds a relationship.
func (d *spdxDocument) relate(a, relationship, b string) {
	d.relations = append(d.relations, func(emit func(relation) error) error { return emit(relation{a, relationship, b}) })
}

// contain says that a package contains files.
func (d *spdxDocument) contain(id string, files iter.Seq[int]) {
	d.relations = append(d.relations, func(emit func(relation) error) error {
		for i := range files {
			if err := emit(relation{id, common.TypeRelationshipContains, fileID(d.facts.Files[i].Path)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func packageID(id string) string { return "Package-" + id }

// image adds the image with its files, and mkmini, which put it together.
func (d *spdxDocument) image() {
	f := d.facts
	p := &v2_3.Package{
		PackageName: f.Name, PackageSPDXIdentifier: common.ElementID(packageID(imageID)), PackageVersion: "sha256:" + f.Layer,
		PackageDownloadLocation: noAssertion, FilesAnalyzed: true, PrimaryPackagePurpose: "OPERATING-SYSTEM",
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: f.Layer}},
		PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageSummary: "The root file system of " + f.Name + " for " + f.Platform + ".",
		PackageComment: "The hash is that of the files as one uncompressed tar archive.",
	}
	if f.Supplier != "" {
		p.PackageSupplier = &common.Supplier{SupplierType: "Organization", Supplier: f.Supplier}
	}
	d.doc.Packages = append(d.doc.Packages, p)
	d.relate("DOCUMENT", common.TypeRelationshipDescribe, packageID(imageID))
	if len(f.Files) > 0 {
		d.files = append(d.files, func(emit func(*v2_3.File) error) error {
			for _, file := range f.Files {
				if err := emit(d.file(fileID(file.Path), "./"+shown(file.Path), file)); err != nil {
					return err
				}
			}
			return nil
		})
		d.contain(packageID(imageID), indices(len(f.Files)))
	}
	p.PackageVerificationCode = f.verification(slices.Collect(indices(len(f.Files))))
	d.doc.Packages = append(d.doc.Packages, &v2_3.Package{
		PackageName: "mkmini", PackageSPDXIdentifier: common.ElementID(packageID(mkminiID)), PackageVersion: f.Mkmini,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion,
		PackageCopyrightText: noAssertion, PrimaryPackagePurpose: "APPLICATION",
	})
	d.relate(packageID(mkminiID), common.TypeRelationshipBuildToolOf, packageID(imageID))
}

// indices returns the numbers below n.
func indices(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// file returns a file.
func (d *spdxDocument) file(id, name string, file File) *v2_3.File {
	one := &v2_3.File{
		FileName: name, FileSPDXIdentifier: common.ElementID(id),
		Checksums:        []common.Checksum{{Algorithm: common.SHA1, Value: file.SHA1}, {Algorithm: common.SHA256, Value: file.SHA256}},
		LicenseConcluded: noAssertion, FileCopyrightText: noAssertion,
	}
	switch file.Kind {
	case ELF:
		one.FileTypes = []string{"BINARY"}
	case Script:
		one.FileTypes = []string{"TEXT"}
	}
	if file.SHA256 == d.facts.Busybox.SHA256 && file.SHA256 != "" && d.facts.Busybox.License != "" {
		one.LicenseConcluded = d.facts.Busybox.License
	}
	return one
}

// purposes are what elements are for.
var purposes = map[elementKind]string{application: "APPLICATION", library: "LIBRARY", headers: "SOURCE", tool: "APPLICATION"}

// element adds a piece of software and what it is to the others.
func (d *spdxDocument) element(e element) {
	id := packageID(e.id)
	p := plainPackage(id, e.Program)
	p.PrimaryPackagePurpose, p.PackageComment = purposes[e.kind], e.comment
	if e.sha256 != "" {
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: e.sha256}}
	}
	if cpe := e.cpe(); cpe != "" {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &v2_3.PackageExternalReference{
			Category: common.CategorySecurity, RefType: common.TypeSecurityCPE23Type, Locator: cpe,
		})
	}
	if purl := e.purl(); purl != "" && e.kind != tool {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &v2_3.PackageExternalReference{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl,
		})
	}
	d.doc.Packages = append(d.doc.Packages, p)
	switch e.kind {
	case application:
		d.relate(packageID(imageID), common.TypeRelationshipContains, id)
	case library:
		if d.facts.Dynamic && e.id == libcID {
			d.relate(packageID(busyboxID), common.TypeRelationshipDynamicLink, id)
		} else {
			d.relate(packageID(busyboxID), common.TypeRelationshipStaticLink, id)
		}
	case headers:
		d.relate(id, common.TypeRelationshipBuildDependencyOf, packageID(busyboxID))
	case tool:
		for _, made := range e.of {
			d.relate(id, common.TypeRelationshipBuildToolOf, packageID(made))
		}
	}
	files := d.facts.filesOf(e)
	d.contain(id, slices.Values(files))
	if len(files) > 0 { // only then may it contain any
		p.FilesAnalyzed, p.PackageVerificationCode = true, d.facts.verification(files)
	}
	if e.Source != nil {
		d.source(id, e.Program)
	}
}

// verification returns the code by which a package's files are known.
// Source: the SPDX specification 2.3, section 7.9.
func (f Facts) verification(files []int) *common.PackageVerificationCode {
	sums := make([]string, len(files))
	for n, i := range files {
		sums[n] = f.Files[i].SHA1
	}
	slices.Sort(sums)
	sum := sha1.Sum([]byte(strings.Join(sums, "")))
	return &common.PackageVerificationCode{Value: hex.EncodeToString(sum[:])}
}

// plainPackage returns a package of which no files are listed.
func plainPackage(id string, program Program) *v2_3.Package {
	p := &v2_3.Package{
		PackageName: program.Name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: program.Version,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion,
		PackageCopyrightText: noAssertion, PackageHomePage: program.Homepage,
	}
	if program.License != "" {
		p.PackageLicenseConcluded, p.PackageLicenseDeclared = program.License, program.License
	}
	return p
}

// source adds what a program was built from.
func (d *spdxDocument) source(built string, program Program) {
	id, s := built+"-source", program.Source
	p := plainPackage(id, program)
	p.PrimaryPackagePurpose, p.PackageFileName = "SOURCE", s.Tarball
	p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: s.SHA256}}
	if s.URL != "" {
		p.PackageDownloadLocation = s.URL
	}
	if s.Config != "" {
		p.PackageSourceInfo = "It was compiled with a configuration whose sha256 is " + s.Config + "."
	}
	d.doc.Packages = append(d.doc.Packages, p)
	d.relate(built, common.TypeRelationshipGeneratedFrom, id)
	for _, i := range d.facts.filesOf(element{Program: program}) {
		d.relate(fileID(d.facts.Files[i].Path), common.TypeRelationshipGeneratedFrom, id)
	}
	for _, patch := range s.Patches {
		short, long := patch.sums()
		name := strings.TrimPrefix(id, "Package-") + "/patches/" + patch.Name
		d.files = append(d.files, func(emit func(*v2_3.File) error) error {
			return emit(d.file(fileID(name), "./"+shown(name), File{SHA1: short, SHA256: long, Kind: Script}))
		})
		d.relate(fileID(name), common.TypeRelationshipPatchFor, id)
	}
}
