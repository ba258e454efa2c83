package sdk

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// stand is a Toolchain and an Exporter made of functions.
type stand struct {
	info   ToolchainInfo
	probe  func(context.Context, ProbeRequest) (Compiler, error)
	build  func(context.Context, BuildRequest, Progress) (BuildResult, error)
	export func(context.Context, ExportRequest, Progress) (ExportResult, error)
	libc   func(context.Context, LibcRequest, Progress) (LibcResult, error)
}

func (s stand) Describe(context.Context) (ToolchainInfo, error) { return s.info, nil }

func (s stand) Probe(ctx context.Context, r ProbeRequest) (Compiler, error) { return s.probe(ctx, r) }

func (s stand) Build(ctx context.Context, r BuildRequest, p Progress) (BuildResult, error) {
	return s.build(ctx, r, p)
}

func (s stand) BuildLibc(ctx context.Context, r LibcRequest, p Progress) (LibcResult, error) {
	return s.libc(ctx, r, p)
}

type standExporter struct{ stand }

func (s standExporter) Describe(context.Context) (ExporterInfo, error) {
	return ExporterInfo{MultiArch: true}, nil
}

func (s standExporter) Export(ctx context.Context, r ExportRequest, p Progress) (ExportResult, error) {
	return s.export(ctx, r, p)
}

// connect serves a stand in this process and returns its clients.
func connect(t *testing.T, s stand) (Toolchain, Exporter, *calls) {
	t.Helper()
	running := newCalls()
	listener := bufconn.Listen(1 << 16)
	server := (&server{calls: running}).start(nil)
	pluginv1.RegisterToolchainServer(server, &toolchainServer{impl: s, calls: running})
	pluginv1.RegisterLibcBuilderServer(server, &libcServer{impl: s, calls: running})
	pluginv1.RegisterExporterServer(server, &exporterServer{impl: standExporter{s}, calls: running})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///stand",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newToolchainClient(conn),
		newExporterClient(conn), running
}

func TestCalls(t *testing.T) {
	info := ToolchainInfo{Arch: "sw64", ELF: ELF{Bits: 64, Machines: []uint16{0x9916}}}
	compiler := Compiler{CC: "/cc", Facts: []Fact{{Name: "target", Status: OK}}}
	result := BuildResult{Tree: "tree", Applets: []string{"ls"}}
	library := LibcResult{Dir: "musl", Facts: []Fact{{Name: "libc", Value: "musl 1.2.3", Status: OK}}}
	artifacts := ExportResult{Artifacts: []Artifact{{Path: "a.tar", Format: "tar"}}}
	toolchain, exporter, _ := connect(t, stand{
		info:  info,
		probe: func(context.Context, ProbeRequest) (Compiler, error) { return compiler, nil },
		build: func(_ context.Context, r BuildRequest, p Progress) (BuildResult, error) {
			p(Report{Phase: "compile", Done: 1, Total: 2, Message: r.Version})
			return result, nil
		},
		export: func(context.Context, ExportRequest, Progress) (ExportResult, error) { return artifacts, nil },
		libc: func(_ context.Context, r LibcRequest, p Progress) (LibcResult, error) {
			p(Report{Phase: "compile", Message: r.Version})
			return library, nil
		},
	})

	if got, err := toolchain.Describe(t.Context()); err != nil || !cmp.Equal(got, info) {
		t.Errorf("Describe = %+v, %v", got, err)
	}
	if got, err := exporter.Describe(t.Context()); err != nil || !got.MultiArch {
		t.Errorf("Describe = %+v, %v", got, err)
	}
	if got, err := toolchain.Probe(t.Context(), ProbeRequest{}); err != nil || !cmp.Equal(got, compiler) {
		t.Errorf("Probe = %+v, %v", got, err)
	}
	var reports []Report
	got, err := toolchain.Build(t.Context(), BuildRequest{Version: "1.36.1"}, func(r Report) { reports = append(reports, r) })
	if err != nil || !cmp.Equal(got, result) {
		t.Errorf("Build = %+v, %v", got, err)
	}
	if diff := cmp.Diff([]Report{{Phase: "compile", Done: 1, Total: 2, Message: "1.36.1"}}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	reports = nil
	musl, err := toolchain.(LibcBuilder).BuildLibc(t.Context(), LibcRequest{Version: "1.2.3"}, func(r Report) { reports = append(reports, r) })
	if err != nil || !cmp.Equal(musl, library) {
		t.Errorf("BuildLibc = %+v, %v", musl, err)
	}
	if diff := cmp.Diff([]Report{{Phase: "compile", Message: "1.2.3"}}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if got, err := exporter.Export(t.Context(), ExportRequest{}, nil); err != nil || !cmp.Equal(got, artifacts) {
		t.Errorf("Export = %+v, %v", got, err)
	}
}

func TestCallsFail(t *testing.T) {
	diagnostics := Diagnostics{{Severity: Error, Summary: "No compiler"}}
	toolchain, exporter, _ := connect(t, stand{
		probe: func(context.Context, ProbeRequest) (Compiler, error) {
			return Compiler{CC: "/gcc", Facts: []Fact{{Name: "libc", Status: Fail}}}, diagnostics
		},
		build: func(context.Context, BuildRequest, Progress) (BuildResult, error) {
			return BuildResult{}, diagnostics
		},
		libc: func(context.Context, LibcRequest, Progress) (LibcResult, error) {
			return LibcResult{}, diagnostics
		},
		export: func(context.Context, ExportRequest, Progress) (ExportResult, error) {
			return ExportResult{}, errors.New("disk on fire")
		},
	})
	examined, probe := toolchain.Probe(t.Context(), ProbeRequest{})
	if examined.CC != "/gcc" || len(examined.Facts) != 1 {
		t.Errorf("of a compiler that is refused nothing is told but %+v", examined)
	}
	_, build := toolchain.Build(t.Context(), BuildRequest{}, nil)
	_, libc := toolchain.(LibcBuilder).BuildLibc(t.Context(), LibcRequest{}, nil)
	for name, err := range map[string]error{"Probe": probe, "Build": build, "BuildLibc": libc} {
		var got Diagnostics
		if !errors.As(err, &got) || !cmp.Equal(got, diagnostics) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := exporter.Export(t.Context(), ExportRequest{}, nil)
	if _, transport := status.FromError(err); transport || err.Error() != "disk on fire" {
		t.Errorf("Export: %v", err)
	}
}

// A cancelled call must not return while the plugin still works in its
// folders.
func TestCancelWaitsForTheEnd(t *testing.T) {
	var ended atomic.Bool
	started := make(chan struct{})
	toolchain, _, _ := connect(t, stand{
		build: func(ctx context.Context, _ BuildRequest, _ Progress) (BuildResult, error) {
			close(started)
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond)
			ended.Store(true)
			return BuildResult{}, ctx.Err()
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	_, err := toolchain.Build(ctx, BuildRequest{}, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrStillRunning) {
		t.Errorf("got %v", err)
	}
	if !ended.Load() {
		t.Error("returned while the plugin was at work")
	}
}

// One that doesn't heed the cancellation must not hold up the host.
func TestCancelGivesUp(t *testing.T) {
	release, started := make(chan struct{}), make(chan struct{})
	defer close(release)
	toolchain, _, _ := connect(t, stand{
		probe: func(context.Context, ProbeRequest) (Compiler, error) {
			close(started)
			<-release
			return Compiler{}, nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if _, err := toolchain.Probe(ctx, ProbeRequest{}); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrStillRunning) {
		t.Errorf("got %v", err)
	}
}

func TestStopCancelsCalls(t *testing.T) {
	started := make(chan struct{})
	toolchain, _, running := connect(t, stand{
		build: func(ctx context.Context, _ BuildRequest, _ Progress) (BuildResult, error) {
			close(started)
			<-ctx.Done()
			return BuildResult{}, ctx.Err()
		},
	})
	var group sync.WaitGroup
	group.Go(func() {
		_, err := toolchain.Build(t.Context(), BuildRequest{}, nil)
		if status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	})
	<-started
	running.cancel()
	if !running.drain(10 * time.Second) {
		t.Error("the call still runs")
	}
	group.Wait()
	if _, err := toolchain.Describe(t.Context()); status.Code(err) != codes.Unavailable {
		t.Errorf("a stopped plugin took a call: %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	running := newCalls()
	_, leave, err := running.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if running.drain(time.Millisecond) {
		t.Error("drained although a call runs")
	}
	leave()
	if !running.drain(10 * time.Second) {
		t.Error("a call is left")
	}
}
