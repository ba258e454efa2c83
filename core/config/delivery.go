package config

import "encoding/json"

// Delivery is what mkmini does with the images of an export once they are in
// their place. An exporter of images asks for it by describing attributes of
// these names and types: plugins have no network.
type Delivery struct {
	// Push are the names that the image gets in registries.
	Push []string
	// Load says that a docker engine gets the image.
	Load bool
}

// Delivery returns what the block says for an architecture, or for all of
// them under the empty string.
func (e Export) Delivery(arch string) Delivery {
	// Attributes of other types are the plugin's own.
	var all map[string]json.RawMessage
	var d Delivery
	if json.Unmarshal(e.Attributes[arch], &all) != nil {
		return d
	}
	if json.Unmarshal(all["push"], &d.Push) != nil {
		d.Push = nil
	}
	if json.Unmarshal(all["load"], &d.Load) != nil {
		d.Load = false
	}
	return d
}
