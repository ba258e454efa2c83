package sbom

import (
	"fmt"
	"io"
	"slices"
)

// Format is a kind of document.
type Format struct {
	// Name is how the user calls it.
	Name string
	// Extension is the end of file names: ".spdx.json".
	Extension string
	// MediaType is what registries know it by.
	MediaType string

	write func(Facts, io.Writer) error
}

// formats are all there are. The media types are registered with IANA.
var formats = []Format{
	{Name: "spdx", Extension: ".spdx.json", MediaType: "application/spdx+json", write: writeSPDX},
	{Name: "cyclonedx", Extension: ".cdx.json", MediaType: "application/vnd.cyclonedx+json", write: writeCycloneDX},
}

// Names returns the names of the formats.
func Names() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// Find returns the format of a name.
func Find(name string) (Format, error) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, fmt.Errorf("there is no SBOM format %q", name)
	}
	return formats[i], nil
}

// Write writes a document about an image.
func (f Format) Write(facts Facts, w io.Writer) error {
	if err := f.write(facts, w); err != nil {
		return fmt.Errorf("write the SBOM as %s: %w", f.Name, err)
	}
	return nil
}
