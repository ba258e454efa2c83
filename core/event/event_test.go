package event_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestJSON(t *testing.T) {
	zone := time.FixedZone("far", 8*3600)
	when := time.Date(2026, 2, 3, 12, 5, 6, 120_999_999, zone)
	tests := []struct {
		name  string
		event event.Event
		want  string
	}{
		{"zero", event.Event{Kind: event.Plan}, `{"kind":"plan"}`},
		{"progress",
			event.Event{Time: when, Kind: event.Progress, Step: "busybox", Arch: "aarch64", Phase: "compile", Done: 3, Total: 566, Elapsed: 1500 * time.Millisecond},
			`{"time":"2026-02-03T04:05:06.12Z","kind":"progress","step":"busybox","arch":"aarch64","phase":"compile","done":3,"total":566,"elapsed":1.5}`},
		{"microseconds are rounded",
			event.Event{Kind: event.Done, Elapsed: 1234567 * time.Microsecond},
			`{"kind":"done","elapsed":1.235}`},
		{"summary",
			event.Event{Kind: event.Summary, Result: event.ResultOK, Artifacts: []event.Artifact{{Path: "out/a", Format: "tar", Arch: "x86_64", SHA256: "ab", Size: 0, Elapsed: time.Second}}},
			`{"kind":"summary","result":"ok","artifacts":[{"path":"out/a","format":"tar","arch":"x86_64","sha256":"ab","size":0,"elapsed":1}]}`},
		{"diagnostic",
			event.Event{Kind: event.Failed, Diagnostics: []event.Diagnostic{{Severity: sdk.Error, Summary: "No", Range: &event.Range{File: "a.hcl", Line: 1, Column: 2, EndLine: 1, EndColumn: 4}}}},
			`{"kind":"failed","diagnostics":[{"severity":"error","summary":"No","range":{"file":"a.hcl","line":1,"column":2,"end_line":1,"end_column":4}}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := json.Marshal(test.event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := event.Event{
		Time: time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC), Kind: event.Done,
		Step: "export docker", Arch: "sw64", Key: "00ff", Phase: "p", Done: 1, Total: 2,
		Unit: event.Bytes, Level: "warn", Message: "小", Elapsed: 90*time.Second + time.Millisecond,
		Result:      event.ResultFailed,
		Steps:       []event.Step{{Number: 1, Step: "fetch", State: event.StateRun, Why: "new"}},
		Facts:       []sdk.Fact{{Name: "libc", Value: "glibc", Status: sdk.OK}},
		Artifacts:   []event.Artifact{{Path: "a b", Format: "oci", Size: 9, Elapsed: 3 * time.Millisecond, Run: []string{"x {path}"}, Cached: true}},
		Diagnostics: []event.Diagnostic{{Severity: sdk.Warning, Summary: "S", Detail: "D", Remedy: "R", Excerpt: []string{"e"}, Log: "l", Usage: true}},
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got event.Event
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event read back (-want +got):\n%s", diff)
	}
}

func TestDiagnose(t *testing.T) {
	failure := &fault.Error{
		Step: "busybox for sw64", Summary: "Busybox did not compile", Detail: "D.", Remedy: "R.",
		Range:   &fault.Range{File: "a.hcl", Start: fault.Position{Line: 3, Column: 1}, End: fault.Position{Line: 3, Column: 8}},
		Excerpt: []string{"x.c:1: error"}, Log: "/log", Usage: true,
	}
	fromFailure := event.Diagnostic{
		Severity: sdk.Error, Summary: "Busybox did not compile", Detail: "D.", Remedy: "R.",
		Range:   &event.Range{File: "a.hcl", Line: 3, Column: 1, EndLine: 3, EndColumn: 8},
		Excerpt: []string{"x.c:1: error"}, Log: "/log", Usage: true,
	}
	plainErr := errors.New("open x: denied")
	plain := event.Diagnostic{Severity: sdk.Error, Summary: "open x: denied"}
	tests := []struct {
		name string
		err  error
		want []event.Diagnostic
	}{
		{"nil", nil, nil},
		{"plain", plainErr, []event.Diagnostic{plain}},
		{"fault behind another error", fmt.Errorf("run step: %w", failure), []event.Diagnostic{fromFailure}},
		{"joined", errors.Join(failure, errors.Join(plainErr)), []event.Diagnostic{fromFailure, plain}},
		{"joined behind another error", fmt.Errorf("build: %w", errors.Join(failure, plainErr)), []event.Diagnostic{fromFailure, plain}},
		{"wrapped", fmt.Errorf("build: %w", plainErr), []event.Diagnostic{{Severity: sdk.Error, Summary: "build: open x: denied"}}},
		{"plugin", fmt.Errorf("probe: %w", sdk.Diagnostics{{Summary: "A"}, {Severity: sdk.Warning, Summary: "B"}}),
			[]event.Diagnostic{{Severity: sdk.Error, Summary: "A"}, {Severity: sdk.Warning, Summary: "B"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, event.Diagnose(test.err)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}
