package sdk

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// gifted is a toolchain that can do all there is beside.
type gifted struct{ bare }

func (gifted) Patches(_ context.Context, r PatchesRequest) (PatchesResult, error) {
	if r.Version == "0" {
		return PatchesResult{}, Diagnostics{{Summary: "Too old"}}
	}
	return PatchesResult{Files: []string{r.Name + ".patch", r.OutDir}}, nil
}

func (gifted) Emulator(_ context.Context, r EmulatorRequest) (EmulatorResult, error) {
	return EmulatorResult{Command: []string{"/qemu", r.CC}, Files: []string{"/qemu"}}, nil
}

func (gifted) Boot(_ context.Context, r BootRequest) (*Boot, error) {
	if string(r.Attributes) == "{}" {
		return nil, nil
	}
	return &Boot{System: "qemu-system-x", Args: []string{string(r.Attributes)}, Console: "ttyS0", MemoryMiB: 64}, nil
}

func (gifted) Validate(_ context.Context, r ValidateRequest) error {
	return Diagnostics{{Severity: Warning, Summary: r.Name + r.Archs[0] + r.Version + r.Libc, Path: []string{"attributes", "cpu"}}}
}

// strict is an exporter that refuses everything.
type strict struct{ standExporter }

func (strict) Validate(context.Context, ValidateRequest) error { return errors.New("no") }

// serveInside serves a plugin in this process and returns its clients.
func serveInside(t *testing.T, p Plugin) (*toolchainClient, *exporterClient) {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := (&server{plugin: p, calls: newCalls()}).start(nil)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newToolchainClient(conn), newExporterClient(conn)
}

func TestAbilities(t *testing.T) {
	p := Plugin{Name: "gifted", Version: "1.0.0", Toolchain: gifted{bare{info: ToolchainInfo{Arch: "x"}}}, Exporter: strict{}}
	m, err := p.Manifest(t.Context())
	if diff := cmp.Diff([]string{"boot", "emulator", "patches", "validate"}, m.Abilities); diff != "" || err != nil {
		t.Errorf("abilities, %v (-want +got):\n%s", err, diff)
	}
	toolchain, exporter := serveInside(t, p)

	patches, err := toolchain.Patches(t.Context(), PatchesRequest{Name: "busybox", Version: "1.36.1", OutDir: "/out"})
	if diff := cmp.Diff([]string{"busybox.patch", "/out"}, patches.Files); diff != "" || err != nil {
		t.Errorf("patches, %v (-want +got):\n%s", err, diff)
	}
	_, err = toolchain.Patches(t.Context(), PatchesRequest{Version: "0"})
	if diff := cmp.Diff(Diagnostics{{Severity: Error, Summary: "Too old"}}, err); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
	emulator, err := toolchain.Emulator(t.Context(), EmulatorRequest{CC: "/cc"})
	if diff := cmp.Diff(EmulatorResult{Command: []string{"/qemu", "/cc"}, Files: []string{"/qemu"}}, emulator); diff != "" || err != nil {
		t.Errorf("emulator, %v (-want +got):\n%s", err, diff)
	}
	boot, err := toolchain.Boot(t.Context(), BootRequest{Attributes: []byte(`{"a":1}`)})
	if diff := cmp.Diff(&Boot{System: "qemu-system-x", Args: []string{`{"a":1}`}, Console: "ttyS0", MemoryMiB: 64}, boot); diff != "" || err != nil {
		t.Errorf("boot, %v (-want +got):\n%s", err, diff)
	}
	if boot, err := toolchain.Boot(t.Context(), BootRequest{Attributes: []byte(`{}`)}); boot != nil || err != nil {
		t.Errorf("boot %+v, %v", boot, err)
	}
	// One plugin's toolchain and exporter validate each for itself.
	err = toolchain.Validate(t.Context(), ValidateRequest{Name: "a", Archs: []string{"b"}, Version: "c", Libc: "d"})
	want := Diagnostics{{Severity: Warning, Summary: "abcd", Path: []string{"attributes", "cpu"}}}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("validate (-want +got):\n%s", diff)
	}
	if err := exporter.Validate(t.Context(), ValidateRequest{}); err == nil || err.Error() != "no" {
		t.Errorf("the exporter says %v", err)
	}
}

func TestNoAbilities(t *testing.T) {
	p := Plugin{Name: "plain", Version: "1.0.0", Toolchain: bare{}, Exporter: standExporter{}}
	m, err := p.Manifest(t.Context())
	if err != nil || len(m.Abilities) > 0 {
		t.Errorf("abilities %q, %v", m.Abilities, err)
	}
	toolchain, exporter := serveInside(t, p)
	if _, err := toolchain.Patches(t.Context(), PatchesRequest{}); err == nil {
		t.Error("it has patches")
	}
	if err := errors.Join(toolchain.Validate(t.Context(), ValidateRequest{}), exporter.Validate(t.Context(), ValidateRequest{})); err != nil {
		t.Errorf("it refuses: %v", err)
	}
}
