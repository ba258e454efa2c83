package sdk

// Plugin is what an executable serves.
type Plugin struct {
	// Name is the label of the blocks that use it; the executable is
	// mkmini-plugin-NAME.
	Name string
	// Version is the plugin's own, a semantic version.
	Version string
	// Toolchain and Exporter are what it can do; at least one is set.
	Toolchain Toolchain
	Exporter  Exporter
}

// Manifest is what `mkmini-plugin-NAME describe` prints as JSON: all that
// mkmini needs to know to plan, without a call over gRPC.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Protocols are the versions of mkmini's plugin protocol it speaks.
	Protocols []int `json:"protocols"`
	// Mkmini is the version of the first mkmini that speaks the newest of
	// them, for one that is too old to know.
	Mkmini string `json:"mkmini,omitempty"`
	// Abilities name the optional interfaces that it implements, sorted:
	// [AbilityPatches] and so on. [LibcBuilder] is told by
	// [ToolchainInfo.Musl].
	Abilities []string       `json:"abilities,omitempty"`
	Toolchain *ToolchainInfo `json:"toolchain,omitempty"`
	Exporter  *ExporterInfo  `json:"exporter,omitempty"`
}
