package sdk

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// roundTrip checks that a type arrives as it was sent, over the wire format.
// Values are drawn by reflection, so that a new field without a converter
// fails.
func roundTrip[T any, P proto.Message](t *testing.T, normal func(*T), to func(T) P, from func(P) T) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Make[T]().Draw(t, "value")
		normal(&want)
		b, err := proto.Marshal(to(want))
		if err != nil {
			t.Fatal(err)
		}
		message := to(*new(T)).ProtoReflect().New().Interface().(P)
		if err := proto.Unmarshal(b, message); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, from(message), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
	})
}

func severities(list Diagnostics) {
	for i := range list {
		if list[i].Severity != Warning {
			list[i].Severity = Error
		}
	}
}

// zeroField returns the name of a field that is zero, so that a test of all
// fields can't miss a new one.
func zeroField(v any) string {
	value := reflect.ValueOf(v)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			return value.Type().Field(i).Name
		}
	}
	return ""
}

func TestConvertersRoundTrip(t *testing.T) {
	t.Run("ToolchainInfo", func(t *testing.T) {
		roundTrip(t, func(*ToolchainInfo) {}, toolchainInfoToProto, toolchainInfoFromProto)
	})
	t.Run("ExporterInfo", func(t *testing.T) {
		roundTrip(t, func(*ExporterInfo) {}, exporterInfoToProto, exporterInfoFromProto)
	})
	t.Run("ProbeRequest", func(t *testing.T) {
		roundTrip(t, func(*ProbeRequest) {}, probeRequestToProto, probeRequestFromProto)
	})
	t.Run("PatchesRequest", func(t *testing.T) {
		roundTrip(t, func(*PatchesRequest) {}, patchesRequestToProto, patchesRequestFromProto)
	})
	t.Run("EmulatorRequest", func(t *testing.T) {
		roundTrip(t, func(*EmulatorRequest) {}, emulatorRequestToProto, emulatorRequestFromProto)
	})
	t.Run("EmulatorResult", func(t *testing.T) {
		roundTrip(t, func(*EmulatorResult) {}, emulatorResultToProto, emulatorResultFromProto)
	})
	t.Run("ValidateRequest", func(t *testing.T) {
		to := func(r ValidateRequest) *pluginv1.ValidateRequest { return validateRequestToProto(KindToolchain, r) }
		roundTrip(t, func(*ValidateRequest) {}, to, validateRequestFromProto)
	})
	t.Run("Compiler", func(t *testing.T) {
		roundTrip(t, func(*Compiler) {}, compilerToProto, compilerFromProto)
	})
	t.Run("BuildResult", func(t *testing.T) {
		roundTrip(t, func(r *BuildResult) { severities(r.Warnings) }, buildResultToProto, buildResultFromProto)
	})
	t.Run("LibcResult", func(t *testing.T) {
		roundTrip(t, func(r *LibcResult) { severities(r.Warnings) }, libcResultToProto, libcResultFromProto)
	})
	t.Run("Image", func(t *testing.T) {
		roundTrip(t, func(*Image) {}, imageToProto, imageFromProto)
	})
	t.Run("ExportResult", func(t *testing.T) {
		roundTrip(t, func(r *ExportResult) { severities(r.Warnings) }, exportResultToProto, exportResultFromProto)
	})
	t.Run("Report", func(t *testing.T) {
		roundTrip(t, func(*Report) {}, reportToProto, reportFromProto)
	})
}

func TestRequestsRoundTrip(t *testing.T) {
	epoch := time.Unix(315532800, 0).UTC()
	build := BuildRequest{
		Compiler:   Compiler{CC: "/usr/bin/gcc", CanRun: true},
		Attributes: []byte(`{"cpu":"ev67"}`),
		Version:    "1.36.1", SourceDir: "/s", WorkDir: "/w", OutDir: "/o", Config: "defconfig",
		Set: map[string]string{"FOO": "y"}, Only: []string{"ls"}, Without: []string{"telnetd"},
		Jobs: 3, Epoch: epoch, Dynamic: true,
	}
	if diff := cmp.Diff(build, buildRequestFromProto(buildRequestToProto(build))); diff != "" {
		t.Errorf("BuildRequest (-want +got):\n%s", diff)
	}
	export := ExportRequest{
		Name: "mini", Images: []Image{{Arch: "sw64", Size: 5, Boot: &Boot{System: "qemu"}}},
		Attributes: []byte(`{}`), WorkDir: "/w", OutDir: "/o", Jobs: 2, Epoch: epoch,
	}
	if diff := cmp.Diff(export, exportRequestFromProto(exportRequestToProto(export))); diff != "" {
		t.Errorf("ExportRequest (-want +got):\n%s", diff)
	}
	libc := LibcRequest{
		Compiler: Compiler{CC: "/usr/bin/gcc", CanRun: true}, Attributes: []byte(`{"cpu":"ev67"}`),
		Name: "musl", Version: "1.2.3", SourceDir: "/s", WorkDir: "/w", OutDir: "/o", Jobs: 3, Shared: true,
	}
	if diff := cmp.Diff(libc, libcRequestFromProto(libcRequestToProto(libc))); diff != "" {
		t.Errorf("LibcRequest (-want +got):\n%s", diff)
	}
	for _, empty := range []any{build, export, libc} {
		if field := zeroField(empty); field != "" {
			t.Errorf("%T: the test says nothing of field %s", empty, field)
		}
	}
}

func TestFailures(t *testing.T) {
	diagnostics := Diagnostics{{Severity: Error, Summary: "No such applet", Path: []string{"busybox", "applets"}}}
	tests := []struct {
		name string
		err  error
		want string
		as   Diagnostics
	}{
		{"diagnostics", diagnostics, diagnostics.Error(), diagnostics},
		{"wrapped diagnostics", fmt.Errorf("build: %w", diagnostics), diagnostics.Error(), diagnostics},
		{"plain", errors.New("disk on fire"), "disk on fire", nil},
		{"empty diagnostics", Diagnostics{}, "the plugin gives no reason", nil},
		{"not UTF-8", errors.New("bad \xff byte"), "bad � byte", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := proto.Marshal(failureToProto(test.err))
			if err != nil {
				t.Fatal(err)
			}
			var failure pluginv1.Failure
			if err := proto.Unmarshal(b, &failure); err != nil {
				t.Fatal(err)
			}
			got := failureFromProto(&failure)
			if got.Error() != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var as Diagnostics
			errors.As(got, &as)
			if diff := cmp.Diff(test.as, as); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
	if err := failureFromProto(nil); !errors.Is(err, errNoResult) {
		t.Errorf("neither result nor failure: %v", err)
	}
}
