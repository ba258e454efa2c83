package sdk

import (
	"context"
	"encoding/json"
	"time"
)

// Exporter writes root file systems in the formats that people ship. It may be
// a [Validator] beside.
type Exporter interface {
	// Describe returns the same data on every call, and does no work.
	Describe(ctx context.Context) (ExporterInfo, error)
	// Export writes files below req.OutDir, the same bytes for the same
	// request, and reads them back. What the user can mend is a
	// [Diagnostics] error.
	Export(ctx context.Context, req ExportRequest, progress Progress) (ExportResult, error)
}

// ExporterInfo describes an exporter.
type ExporterInfo struct {
	// Description is one line for people.
	Description string `json:"description,omitempty"`
	// MultiArch exporters get all architectures in one request; others are
	// called once for each.
	MultiArch bool `json:"multi_arch,omitempty"`
	// Attributes are what an `export` block of this plugin may hold.
	Attributes []Attribute `json:"attributes,omitempty"`
	// Attachments exporters have a format that carries documents about an
	// image beside it. Images of others come without.
	Attachments bool `json:"attachments,omitempty"`
	// Tools are programs of the machine that the exporter runs.
	Tools []Tool `json:"tools,omitempty"`
}

// Tool is a program of the machine that an [Exporter] runs, and that has a say
// in what it writes. mkmini looks for it before anything is built, and exports
// again when its executable or a library of it is another.
type Tool struct {
	// Attribute and Values say when it is run: if the attribute has one of
	// the values. An empty Attribute is always.
	Attribute string   `json:"attribute,omitempty"`
	Values    []string `json:"values,omitempty"`
	// Programs can do the same work: the first that is found in PATH is the
	// one that is run.
	Programs []Program `json:"programs"`
}

// Program is a program of the machine.
type Program struct {
	// Name is that of its executable, and Package that of the Debian package
	// it is in, for people who have to install it.
	Name    string `json:"name"`
	Package string `json:"package,omitempty"`
}

// ExportRequest asks for the artifacts of one `export` block.
type ExportRequest struct {
	// Name is the system's name, the first part of every artifact's name.
	Name string
	// Images are the root file systems: one, or with MultiArch all of them,
	// in the order of the configuration.
	Images []Image
	// Attributes are the attributes of the `export` block as a JSON object,
	// complete with defaults.
	Attributes json.RawMessage
	// WorkDir is an empty folder for the plugin's use, removed afterwards.
	WorkDir string
	// OutDir is an empty folder for the artifacts.
	OutDir string
	// Jobs is how many threads may work at once, 1 or more.
	Jobs int
	// Epoch is the time that goes into whatever carries one.
	Epoch time.Time
}

// Image is one root file system.
type Image struct {
	// Arch is the architecture's name in artifacts: "aarch64".
	Arch string
	// Platform is what an image of it declares.
	Platform Platform
	// Layer is the absolute path of the file system as an uncompressed,
	// sorted tar archive whose names have no leading "./". Headers are USTAR's,
	// with PAX records for what these can't hold, and for extended attributes:
	// "SCHILY.xattr.user.x". Names that are no UTF-8 have GNU's headers, which
	// hold any bytes.
	Layer string
	// Digest is the layer's "sha256:…", and Size its length in bytes.
	Digest string
	Size   int64
	// Boot is how QEMU starts it; nil if it can't.
	Boot *Boot
	// Attachments are documents about it, in an order that stays the same.
	Attachments []Attachment
	// Layers are the same file system in several archives, of which each goes
	// on top of those before; empty if it isn't split. They are for formats
	// that have layers: others need not look at them.
	Layers []Layer
}

// Attachment is a document about one image, such as an SBOM or a provenance.
// In an OCI layout it is an artifact manifest whose subject is the manifest of
// that image.
// Source: image-spec manifest.md, "Guidelines for Artifact Usage".
type Attachment struct {
	// Name is the name of the file for people: "mini-x86_64.spdx.json".
	Name string
	// ArtifactType is the media type that says what the whole is, by which
	// tools look for it: "application/spdx+json".
	ArtifactType string
	// MediaType is that of the file; ArtifactType if empty.
	MediaType string
	// Path is the absolute path of the file, Digest its "sha256:…", and Size
	// its length in bytes.
	Path   string
	Digest string
	Size   int64
	// Annotations are those of the artifact manifest; they may be nil.
	Annotations map[string]string
}

// Layer is one of several parts of a root file system. It holds the folders
// above all that is in it, with the owner and mode that they have in the whole.
// No two layers hold the same name, but for folders, and none takes away what
// another one holds. Hard links have their file in the same layer: a file with
// names in two layers is in both of them.
type Layer struct {
	// Name is for people and unique: "base", "app".
	Name string
	// Path is the absolute path of an archive in the form of Image.Layer.
	Path string
	// Digest is its "sha256:…", and Size its length in bytes.
	Digest string
	Size   int64
}

// ExportResult lists what an export wrote.
type ExportResult struct {
	Artifacts []Artifact
	// Warnings are diagnostics that did not stop the export.
	Warnings Diagnostics
}

// Artifact is a file or folder to ship.
type Artifact struct {
	// Path is relative to OutDir, with slashes.
	Path string
	// Format names what it is: "docker", "oci", "cpio.gz".
	Format string
	// Arch is empty if it holds several.
	Arch string
	// Run are shell commands that use it, in order; {path} stands for where
	// it ends up.
	Run []string
}
