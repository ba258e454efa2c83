package sdk

import "encoding/json"

// Attribute describes one attribute of a plugin's block. mkmini decodes the
// block by it, so that a plugin's attributes get the same messages as
// mkmini's own.
type Attribute struct {
	// Name is the attribute's name in HCL.
	Name string `json:"name"`
	// Type is a type in HCL's notation: "string", "bool", "number",
	// "list(string)", "map(string)".
	Type string `json:"type"`
	// Required attributes must be given; others are absent from the JSON
	// object if they have no Default.
	Required bool `json:"required,omitempty"`
	// Default is the value in JSON of an attribute that isn't given.
	Default json.RawMessage `json:"default,omitempty"`
	// OneOf, if not empty, are the values a string may have.
	OneOf []string `json:"one_of,omitempty"`
	// Doc is one sentence for people.
	Doc string `json:"doc"`
}
