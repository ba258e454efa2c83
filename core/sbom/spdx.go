package sbom

import (
	"crypto/sha1"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/utils"
)

// noAssertion says that nothing is known.
const noAssertion = "NOASSERTION"

// spdxDocument is a document in the making.
type spdxDocument struct {
	facts Facts
	doc   *v2_3.Document
}

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
	if err := d.image(); err != nil {
		return err
	}
	for _, e := range facts.elements() {
		d.element(e)
	}
	for _, l := range facts.links() {
		d.relate(fileID(facts.Files[l.from].Path), "DYNAMIC_LINK", fileID(facts.Files[l.to].Path))
	}
	return spdxjson.Write(d.doc, w, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
}

// relate adds a relationship.
func (d *spdxDocument) relate(a, relationship, b string) {
	d.doc.Relationships = append(d.doc.Relationships, &spdx.Relationship{
		RefA: common.MakeDocElementID("", a), RefB: common.MakeDocElementID("", b), Relationship: relationship,
	})
}

func packageID(id string) string { return "Package-" + id }

// image adds the image with its files, and mkmini, which put it together.
func (d *spdxDocument) image() error {
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
	for _, file := range f.Files {
		d.file(fileID(file.Path), "./"+shown(file.Path), file)
		d.relate(packageID(imageID), common.TypeRelationshipContains, fileID(file.Path))
	}
	code, err := utils.GetVerificationCode(d.doc.Files, "")
	if err != nil {
		return err
	}
	p.PackageVerificationCode = &code
	d.doc.Packages = append(d.doc.Packages, &v2_3.Package{
		PackageName: "mkmini", PackageSPDXIdentifier: common.ElementID(packageID(mkminiID)), PackageVersion: f.Mkmini,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion,
		PackageCopyrightText: noAssertion, PrimaryPackagePurpose: "APPLICATION",
	})
	d.relate(packageID(mkminiID), common.TypeRelationshipBuildToolOf, packageID(imageID))
	return nil
}

// file adds a file.
func (d *spdxDocument) file(id, name string, file File) {
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
	d.doc.Files = append(d.doc.Files, one)
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
	for _, i := range files {
		d.relate(id, common.TypeRelationshipContains, fileID(d.facts.Files[i].Path))
	}
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
		d.file(fileID(name), "./"+shown(name), File{SHA1: short, SHA256: long, Kind: Script})
		d.relate(fileID(name), common.TypeRelationshipPatchFor, id)
	}
}
