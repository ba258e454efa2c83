package sdk

import (
	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

func libcRequestToProto(r LibcRequest) *pluginv1.LibcRequest {
	return &pluginv1.LibcRequest{
		Compiler:       compilerToProto(r.Compiler),
		AttributesJson: r.Attributes,
		Name:           r.Name,
		Version:        r.Version,
		SourceDir:      r.SourceDir,
		WorkDir:        r.WorkDir,
		OutDir:         r.OutDir,
		Jobs:           int64(r.Jobs),
		Shared:         r.Shared,
	}
}

func libcRequestFromProto(r *pluginv1.LibcRequest) LibcRequest {
	return LibcRequest{
		Compiler:   compilerFromProto(r.GetCompiler()),
		Attributes: rawJSON(r.GetAttributesJson()),
		Name:       r.GetName(),
		Version:    r.GetVersion(),
		SourceDir:  r.GetSourceDir(),
		WorkDir:    r.GetWorkDir(),
		OutDir:     r.GetOutDir(),
		Jobs:       int(r.GetJobs()),
		Shared:     r.GetShared(),
	}
}

func libcResultToProto(r LibcResult) *pluginv1.LibcResult {
	return &pluginv1.LibcResult{
		Dir:      r.Dir,
		Log:      r.Log,
		Facts:    each(r.Facts, factToProto),
		Warnings: each(r.Warnings, diagnosticToProto),
		Loader:   r.Loader,
	}
}

func libcResultFromProto(r *pluginv1.LibcResult) LibcResult {
	return LibcResult{
		Dir:      r.GetDir(),
		Log:      r.GetLog(),
		Facts:    each(r.GetFacts(), factFromProto),
		Warnings: diagnosticsFromProto(r.GetWarnings()),
		Loader:   r.GetLoader(),
	}
}
