package sdk

import (
	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

func patchesRequestToProto(r PatchesRequest) *pluginv1.PatchesRequest {
	return &pluginv1.PatchesRequest{AttributesJson: r.Attributes, Name: r.Name, Version: r.Version, OutDir: r.OutDir}
}

func patchesRequestFromProto(r *pluginv1.PatchesRequest) PatchesRequest {
	return PatchesRequest{
		Attributes: rawJSON(r.GetAttributesJson()), Name: r.GetName(), Version: r.GetVersion(), OutDir: r.GetOutDir(),
	}
}

func emulatorRequestToProto(r EmulatorRequest) *pluginv1.EmulatorRequest {
	return &pluginv1.EmulatorRequest{AttributesJson: r.Attributes, Cc: r.CC}
}

func emulatorRequestFromProto(r *pluginv1.EmulatorRequest) EmulatorRequest {
	return EmulatorRequest{Attributes: rawJSON(r.GetAttributesJson()), CC: r.GetCc()}
}

func emulatorResultToProto(r EmulatorResult) *pluginv1.EmulatorResponse {
	return &pluginv1.EmulatorResponse{Command: r.Command, Files: r.Files}
}

func emulatorResultFromProto(r *pluginv1.EmulatorResponse) EmulatorResult {
	return EmulatorResult{Command: r.GetCommand(), Files: r.GetFiles()}
}

// validateRequestToProto adds which of a plugin's two parts is meant.
func validateRequestToProto(kind string, r ValidateRequest) *pluginv1.ValidateRequest {
	return &pluginv1.ValidateRequest{
		Kind: kind, AttributesJson: r.Attributes, Name: r.Name, Archs: r.Archs, Version: r.Version, Libc: r.Libc,
	}
}

func validateRequestFromProto(r *pluginv1.ValidateRequest) ValidateRequest {
	return ValidateRequest{
		Attributes: rawJSON(r.GetAttributesJson()), Name: r.GetName(), Archs: r.GetArchs(),
		Version: r.GetVersion(), Libc: r.GetLibc(),
	}
}
