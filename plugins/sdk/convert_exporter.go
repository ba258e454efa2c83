package sdk

import (
	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

func exporterInfoToProto(i ExporterInfo) *pluginv1.ExporterInfo {
	return &pluginv1.ExporterInfo{
		Description: text(i.Description),
		MultiArch:   i.MultiArch,
		Attributes:  each(i.Attributes, attributeToProto),
		Attachments: i.Attachments,
		Tools:       each(i.Tools, toolToProto),
	}
}

func exporterInfoFromProto(i *pluginv1.ExporterInfo) ExporterInfo {
	return ExporterInfo{
		Description: i.GetDescription(),
		MultiArch:   i.GetMultiArch(),
		Attributes:  each(i.GetAttributes(), attributeFromProto),
		Attachments: i.GetAttachments(),
		Tools:       each(i.GetTools(), toolFromProto),
	}
}

func toolToProto(t Tool) *pluginv1.Tool {
	return &pluginv1.Tool{Attribute: t.Attribute, Values: each(t.Values, text), Programs: each(t.Programs, programToProto)}
}

func toolFromProto(t *pluginv1.Tool) Tool {
	return Tool{Attribute: t.GetAttribute(), Values: t.GetValues(), Programs: each(t.GetPrograms(), programFromProto)}
}

func programToProto(p Program) *pluginv1.Program {
	return &pluginv1.Program{Name: text(p.Name), Package: text(p.Package)}
}

func programFromProto(p *pluginv1.Program) Program {
	return Program{Name: p.GetName(), Package: p.GetPackage()}
}

func exportRequestToProto(r ExportRequest) *pluginv1.ExportRequest {
	return &pluginv1.ExportRequest{
		Name:           r.Name,
		Images:         each(r.Images, imageToProto),
		AttributesJson: r.Attributes,
		WorkDir:        r.WorkDir,
		OutDir:         r.OutDir,
		Jobs:           int64(r.Jobs),
		Epoch:          epochToProto(r.Epoch),
	}
}

func exportRequestFromProto(r *pluginv1.ExportRequest) ExportRequest {
	return ExportRequest{
		Name:       r.GetName(),
		Images:     each(r.GetImages(), imageFromProto),
		Attributes: rawJSON(r.GetAttributesJson()),
		WorkDir:    r.GetWorkDir(),
		OutDir:     r.GetOutDir(),
		Jobs:       int(r.GetJobs()),
		Epoch:      epochFromProto(r.GetEpoch()),
	}
}

func imageToProto(i Image) *pluginv1.Image {
	return &pluginv1.Image{
		Arch:     i.Arch,
		Platform: platformToProto(i.Platform),
		Layer:    i.Layer,
		Digest:   i.Digest,
		Size:     i.Size,
		Boot:     bootToProto(i.Boot),

		Attachments: each(i.Attachments, attachmentToProto),
		Layers:      each(i.Layers, layerToProto),
	}
}

func imageFromProto(i *pluginv1.Image) Image {
	return Image{
		Arch:     i.GetArch(),
		Platform: platformFromProto(i.GetPlatform()),
		Layer:    i.GetLayer(),
		Digest:   i.GetDigest(),
		Size:     i.GetSize(),
		Boot:     bootFromProto(i.GetBoot()),

		Attachments: each(i.GetAttachments(), attachmentFromProto),
		Layers:      each(i.GetLayers(), layerFromProto),
	}
}

func attachmentToProto(a Attachment) *pluginv1.Attachment {
	return &pluginv1.Attachment{
		Name: a.Name, ArtifactType: a.ArtifactType, MediaType: a.MediaType,
		Path: a.Path, Digest: a.Digest, Size: a.Size, Annotations: a.Annotations,
	}
}

func attachmentFromProto(a *pluginv1.Attachment) Attachment {
	return Attachment{
		Name: a.GetName(), ArtifactType: a.GetArtifactType(), MediaType: a.GetMediaType(),
		Path: a.GetPath(), Digest: a.GetDigest(), Size: a.GetSize(), Annotations: a.GetAnnotations(),
	}
}

func layerToProto(l Layer) *pluginv1.Layer {
	return &pluginv1.Layer{Name: l.Name, Path: l.Path, Digest: l.Digest, Size: l.Size}
}

func layerFromProto(l *pluginv1.Layer) Layer {
	return Layer{Name: l.GetName(), Path: l.GetPath(), Digest: l.GetDigest(), Size: l.GetSize()}
}

func exportResultToProto(r ExportResult) *pluginv1.ExportResult {
	return &pluginv1.ExportResult{
		Artifacts: each(r.Artifacts, artifactToProto),
		Warnings:  each(r.Warnings, diagnosticToProto),
	}
}

func exportResultFromProto(r *pluginv1.ExportResult) ExportResult {
	return ExportResult{
		Artifacts: each(r.GetArtifacts(), artifactFromProto),
		Warnings:  diagnosticsFromProto(r.GetWarnings()),
	}
}

func artifactToProto(a Artifact) *pluginv1.Artifact {
	return &pluginv1.Artifact{Path: a.Path, Format: a.Format, Arch: a.Arch, Run: a.Run}
}

func artifactFromProto(a *pluginv1.Artifact) Artifact {
	return Artifact{Path: a.GetPath(), Format: a.GetFormat(), Arch: a.GetArch(), Run: a.GetRun()}
}
