package sbom

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeCycloneDX writes CycloneDX 1.6 as JSON.
// Source: the CycloneDX specification 1.6, bom-1.6.schema.json.
func writeCycloneDX(facts Facts, w io.Writer) error {
	facts = facts.sorted()
	id, err := facts.uuid("cyclonedx")
	if err != nil {
		return err
	}
	image := facts.component()
	mkmini := cdx.Component{BOMRef: mkminiID, Type: cdx.ComponentTypeApplication, Name: "mkmini", Version: facts.Mkmini}
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + id
	bom.Metadata = &cdx.Metadata{
		Timestamp:  facts.Created.UTC().Format("2006-01-02T15:04:05Z"),
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhaseBuild}},
		Tools:      &cdx.ToolsChoice{Components: &[]cdx.Component{mkmini}},
		Component:  &image,
	}
	if facts.Supplier != "" {
		bom.Metadata.Supplier = &cdx.OrganizationalEntity{Name: facts.Supplier}
	}
	var components, tools []cdx.Component
	for _, e := range facts.elements() {
		if e.kind == tool {
			tools = append(tools, facts.software(e))
		} else {
			components = append(components, facts.software(e))
		}
	}
	var stretches []stretch
	if len(facts.Files) > 0 { // they come one by one
		mark := cdx.Component{Type: cdx.ComponentTypeFile, Name: "mark"}
		components = append(components, mark)
		stretches = []stretch{{mark, func(emit func(any) error) error {
			for i := range facts.Files {
				if err := emit(facts.listed(facts.Files[i])); err != nil {
					return err
				}
			}
			return nil
		}}}
	}
	bom.Components = &components
	bom.Formulation = &[]cdx.Formula{{BOMRef: "formula", Components: &tools}}
	bom.Dependencies = facts.dependencies()
	// Every file of the image is here, and all that busybox was linked with.
	complete := cdx.Composition{Aggregate: cdx.CompositionAggregateComplete, Assemblies: &[]cdx.BOMReference{imageID}}
	if facts.Busybox.Name != "" {
		complete.Dependencies = &[]cdx.BOMReference{busyboxID}
	}
	bom.Compositions = &[]cdx.Composition{complete}
	var text bytes.Buffer
	encoder := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(pretty.escapeHTML)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return err
	}
	return splice(w, text.Bytes(), pretty, stretches...)
}

// component returns the image.
func (f Facts) component() cdx.Component {
	c := cdx.Component{
		BOMRef: imageID, Type: cdx.ComponentTypeOS, Name: f.Name, Version: "sha256:" + f.Layer,
		Description: "The root file system of " + f.Name + " for " + f.Platform + ".",
		Hashes:      &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.Layer}},
		Properties:  &[]cdx.Property{{Name: "mkmini:arch", Value: f.Arch}, {Name: "mkmini:platform", Value: f.Platform}},
	}
	if f.Supplier != "" {
		c.Supplier = &cdx.OrganizationalEntity{Name: f.Supplier}
	}
	return c
}

// software returns an element.
func (f Facts) software(e element) cdx.Component {
	c := cdx.Component{
		BOMRef: e.id, Type: cdx.ComponentTypeApplication, Name: e.Name, Version: e.Version, Description: e.comment,
		CPE: e.cpe(), Licenses: licenses(e.License),
	}
	switch e.kind {
	case library, headers:
		c.Type = cdx.ComponentTypeLibrary
	}
	if e.kind == headers {
		c.Scope = cdx.ScopeExcluded
	}
	if e.kind != tool {
		c.PackageURL = e.purl()
	}
	if sum := e.sha256 + e.SHA256; sum != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	}
	var references []cdx.ExternalReference
	if e.Homepage != "" {
		references = append(references, cdx.ExternalReference{Type: cdx.ERTypeWebsite, URL: e.Homepage})
	}
	if e.Source != nil {
		references = append(references, sourceReference(*e.Source))
		c.Pedigree = pedigree(*e.Source)
		c.Properties = properties(*e.Source)
	}
	if len(references) > 0 {
		c.ExternalReferences = &references
	}
	return c
}

// sourceReference says where a source is.
func sourceReference(s Source) cdx.ExternalReference {
	r := cdx.ExternalReference{
		Type: cdx.ERTypeSourceDistribution, URL: s.URL, Comment: s.Tarball,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: s.SHA256}},
	}
	if r.URL == "" { // a relative reference is one as well
		r.URL = escaped(s.Tarball)
	}
	return r
}

// pedigree lists the patches of a source; nil if there are none.
func pedigree(s Source) *cdx.Pedigree {
	var patches []cdx.Patch
	for _, p := range s.Patches {
		text := &cdx.AttachedText{ContentType: "text/x-patch"}
		var plain bool
		if text.Content, plain = p.text(); !plain {
			text.Content, text.Encoding = base64.StdEncoding.EncodeToString(p.Text), "base64"
		}
		patches = append(patches, cdx.Patch{Type: cdx.PatchTypeUnofficial, Diff: &cdx.Diff{Text: text}})
	}
	if patches == nil {
		return nil
	}
	return &cdx.Pedigree{Patches: &patches}
}

func properties(s Source) *[]cdx.Property {
	if s.Config == "" {
		return nil
	}
	return &[]cdx.Property{{Name: "mkmini:config:sha256", Value: s.Config}}
}

// licenses returns an expression as a list of licences. A single one goes by
// its id, which tools like better.
func licenses(expression string) *cdx.Licenses {
	switch {
	case expression == "":
		return nil
	case strings.Contains(expression, " "):
		return &cdx.Licenses{{Expression: expression}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: expression}}}
}

// fileRef names a file in a document, by its path where that is text.
func fileRef(name string) string {
	if !utf8.ValidString(name) {
		return fileID(name)
	}
	return "file:/" + name
}

// listed returns a file.
func (f Facts) listed(file File) cdx.Component {
	c := cdx.Component{
		BOMRef: fileRef(file.Path), Type: cdx.ComponentTypeFile, Name: "/" + shown(file.Path),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA1, Value: file.SHA1}, {Algorithm: cdx.HashAlgoSHA256, Value: file.SHA256}},
	}
	if file.SHA256 == f.Busybox.SHA256 && file.SHA256 != "" {
		c.Licenses = licenses(f.Busybox.License)
	}
	return c
}

// dependencies says what needs what: the image its software, busybox what it
// was linked with, and files the files that they load.
func (f Facts) dependencies() *[]cdx.Dependency {
	var image, libraries []string
	var list []cdx.Dependency
	for _, e := range f.elements() {
		switch e.kind {
		case application:
			image = append(image, e.id)
			var files []string
			for _, i := range f.filesOf(e) {
				files = append(files, fileRef(f.Files[i].Path))
			}
			if e.id != busyboxID && files != nil {
				list = append(list, cdx.Dependency{Ref: e.id, Dependencies: &files})
			}
		case library:
			libraries = append(libraries, e.id)
		}
	}
	list = append(list, cdx.Dependency{Ref: imageID, Dependencies: &image})
	if f.Busybox.Name != "" {
		list = append(list, cdx.Dependency{Ref: busyboxID, Dependencies: &libraries})
	}
	needs := map[int][]string{}
	var order []int
	for _, l := range f.links() {
		if needs[l.from] == nil {
			order = append(order, l.from)
		}
		if ref := fileRef(f.Files[l.to].Path); !slices.Contains(needs[l.from], ref) {
			needs[l.from] = append(needs[l.from], ref)
		}
	}
	for _, i := range order {
		refs := needs[i]
		list = append(list, cdx.Dependency{Ref: fileRef(f.Files[i].Path), Dependencies: &refs})
	}
	return &list
}
