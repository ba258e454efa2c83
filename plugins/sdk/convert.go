package sdk

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// Each type that crosses the border has one pair of converters, in this and
// the next two files. Empty slices and maps arrive as nil.

// each converts a slice.
func each[A, B any](list []A, convert func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, one := range list {
		out[i] = convert(one)
	}
	return out
}

// text makes a message fit for a proto string. What compilers print need not
// be UTF-8, and protobuf refuses to send anything else. Paths don't pass
// through it: a changed path would be wrong.
func text(s string) string { return strings.ToValidUTF8(s, "�") }

func texts(list []string) []string { return each(list, text) }

func failureToProto(err error) *pluginv1.Failure {
	if diagnostics := (Diagnostics)(nil); errors.As(err, &diagnostics) && len(diagnostics) > 0 {
		return &pluginv1.Failure{Diagnostics: each(diagnostics, diagnosticToProto)}
	}
	return &pluginv1.Failure{Message: text(err.Error())}
}

func failureFromProto(f *pluginv1.Failure) error {
	switch {
	case len(f.GetDiagnostics()) > 0:
		return diagnosticsFromProto(f.GetDiagnostics())
	case f.GetMessage() != "":
		return errors.New(f.GetMessage())
	case f != nil:
		return errors.New("the plugin gives no reason")
	}
	return errNoResult
}

func diagnosticToProto(d Diagnostic) *pluginv1.Diagnostic {
	severity := pluginv1.Severity_SEVERITY_ERROR
	if d.Severity == Warning {
		severity = pluginv1.Severity_SEVERITY_WARNING
	}
	return &pluginv1.Diagnostic{
		Severity: severity,
		Summary:  text(d.Summary),
		Detail:   text(d.Detail),
		Remedy:   text(d.Remedy),
		Path:     texts(d.Path),
		Excerpt:  texts(d.Excerpt),
		Log:      d.Log,
	}
}

func diagnosticFromProto(d *pluginv1.Diagnostic) Diagnostic {
	severity := Error
	if d.GetSeverity() == pluginv1.Severity_SEVERITY_WARNING {
		severity = Warning
	}
	return Diagnostic{
		Severity: severity,
		Summary:  d.GetSummary(),
		Detail:   d.GetDetail(),
		Remedy:   d.GetRemedy(),
		Path:     d.GetPath(),
		Excerpt:  d.GetExcerpt(),
		Log:      d.GetLog(),
	}
}

func diagnosticsFromProto(list []*pluginv1.Diagnostic) Diagnostics {
	return each(list, diagnosticFromProto)
}

func reportToProto(r Report) *pluginv1.Report {
	return &pluginv1.Report{Phase: text(r.Phase), Done: int64(r.Done), Total: int64(r.Total), Message: text(r.Message)}
}

func reportFromProto(r *pluginv1.Report) Report {
	return Report{Phase: r.GetPhase(), Done: int(r.GetDone()), Total: int(r.GetTotal()), Message: r.GetMessage()}
}

func attributeToProto(a Attribute) *pluginv1.Attribute {
	return &pluginv1.Attribute{
		Name:        a.Name,
		Type:        a.Type,
		Required:    a.Required,
		DefaultJson: a.Default,
		OneOf:       a.OneOf,
		Doc:         text(a.Doc),
	}
}

func attributeFromProto(a *pluginv1.Attribute) Attribute {
	return Attribute{
		Name:     a.GetName(),
		Type:     a.GetType(),
		Required: a.GetRequired(),
		Default:  rawJSON(a.GetDefaultJson()),
		OneOf:    a.GetOneOf(),
		Doc:      a.GetDoc(),
	}
}

// rawJSON returns nil for no bytes, which an empty message would not be.
func rawJSON(b []byte) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	return b
}

func platformToProto(p Platform) *pluginv1.Platform {
	return &pluginv1.Platform{Os: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

func platformFromProto(p *pluginv1.Platform) Platform {
	return Platform{OS: p.GetOs(), Architecture: p.GetArchitecture(), Variant: p.GetVariant()}
}

func bootToProto(b *Boot) *pluginv1.Boot {
	if b == nil {
		return nil
	}
	return &pluginv1.Boot{
		System:    b.System,
		Args:      b.Args,
		Console:   b.Console,
		MemoryMib: int64(b.MemoryMiB),
		NoInitrd:  b.NoInitrd,
	}
}

func bootFromProto(b *pluginv1.Boot) *Boot {
	if b == nil {
		return nil
	}
	return &Boot{
		System:    b.GetSystem(),
		Args:      b.GetArgs(),
		Console:   b.GetConsole(),
		MemoryMiB: int(b.GetMemoryMib()),
		NoInitrd:  b.GetNoInitrd(),
	}
}

// epochToProto drops fractions of seconds, which SOURCE_DATE_EPOCH has none
// of.
func epochToProto(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func epochFromProto(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
