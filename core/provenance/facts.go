// Package provenance says of artifacts what they were made from and how, as an
// in-toto Statement with SLSA's predicate for provenance. It reads and asks
// nothing: facts go in, a statement comes out.
package provenance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mkmini/mkmini/core/config"
)

// Names of the formats, of which mkmini's own are described in
// docs/supply-chain.md.
// Sources: in-toto attestation framework, "Statement v1" and "Envelope v1";
// SLSA, "Provenance v1".
const (
	PayloadType   = "application/vnd.in-toto+json"
	PredicateType = "https://slsa.dev/provenance/v1"
	BuildType     = "https://github.com/mkmini/mkmini/blob/main/docs/supply-chain.md#build-type-1"
	Builder       = "https://github.com/mkmini/mkmini/blob/main/docs/supply-chain.md#builder"
)

// Suffix is what the name of a provenance has behind that of the artifact.
const Suffix = ".intoto.jsonl"

// Digests hold digests in hexadecimal digits, by algorithm.
type Digests map[string]string

// SHA256 is the usual algorithm. The others are mkmini's own: of what identifies
// a compiler, and of an entry of a root file system with all that it reads.
const (
	SHA256   = "sha256"
	Compiler = "mkminiCompiler"
	Entry    = "mkminiEntry"
)

// Subject is what a statement is about.
type Subject struct {
	Name    string
	Digests Digests
}

// Material is something that an artifact is made from.
type Material struct {
	// Name is unique in a statement.
	Name string
	// URI says where it can be had; it may be empty.
	URI     string
	Digests Digests
	// Annotations say more about it; they may be nil.
	Annotations map[string]string
}

// File is a file of a configuration.
type File struct {
	// Name is that in the configuration's folder.
	Name string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
}

// Configuration is what a build was asked for.
type Configuration struct {
	// Files are in the order in which they count.
	Files []File
	// Variables are their values as JSON, but for those that are sensitive,
	// of which Sensitive holds the names, sorted.
	Variables map[string]json.RawMessage
	Sensitive []string
}

// Digest returns the sha256 of the list of files as sha256sum prints it.
func (c Configuration) Digest() string {
	h := sha256.New()
	for _, f := range c.Files {
		fmt.Fprintf(h, "%s  %s\n", f.SHA256, f.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// FromOrigin returns what a configuration was read from.
func FromOrigin(o config.Origin) Configuration {
	c := Configuration{Variables: o.Variables, Sensitive: o.Sensitive}
	for _, f := range o.Files {
		c.Files = append(c.Files, File(f))
	}
	return c
}

// Step is a step of the build, and the key that says what it was made from.
type Step struct{ ID, Key string }

// Facts are all that a statement says.
type Facts struct {
	// Subjects are never none.
	Subjects      []Subject
	Configuration Configuration
	// Architectures are those that the artifact holds, in the order of the
	// configuration.
	Architectures []string
	// Exporter is the plugin that wrote the artifact, Format what that calls
	// it, and Artifact its path in the output folder.
	Exporter, Format, Artifact string
	// Epoch is the time that goes into whatever carries one.
	Epoch time.Time
	// Steps and Materials are those that have a say in the artifact.
	Steps     []Step
	Materials []Material
	// Version is mkmini's, and Mkmini the sha256 of its executable.
	Version, Mkmini string
	// BuilderID is a URI of who builds; empty for Builder.
	BuilderID string
	// Invocation identifies the run, and Started and Finished say when it was;
	// all are zero for a statement that is the same each time.
	Invocation        string
	Started, Finished time.Time
}
