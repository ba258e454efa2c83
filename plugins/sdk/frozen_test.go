package sdk

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

// These tests hold today's host and SDK against the first plugins and hosts
// of version 1. Of those there is in testdata/v1 what was on the wire: the
// protocol as it was then, as a descriptor set, and for each call the request
// and the answers, each message with its length before it. None of that may
// ever change: when version 2 exists, this is what version 1 has to go on
// doing.

var record = flag.Bool("record", false, "record exchanges that are not in testdata/v1 yet")

const frozenDir = "testdata/v1"

// frozenProtocol returns version 1 as its first plugins knew it.
func frozenProtocol(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(frozenDir, "protocol.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(set.GetFile()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// frozenCall is one call of the exchange.
type frozenCall struct {
	// method is its full name: "/mkmini.plugin.v1.Toolchain/Probe".
	method string
	// call makes it with today's client, and compares what comes back.
	call func(*testing.T, *grpc.ClientConn)
}

// The values that cross the border. They have something in each field that
// version 1 began with.
var (
	frozenAttributes = []Attribute{
		{Name: "cpu", Type: "string", Default: json.RawMessage(`"core3"`), OneOf: []string{"core3", "core4"}, Doc: "The processor."},
		{Name: "flags", Type: "list(string)", Required: true, Doc: "Flags."},
	}
	frozenToolchain = ToolchainInfo{
		Arch: "sw64", Description: "Sunway", Triplets: []string{"sw_64*-linux*"}, HostMachines: []string{"sw_64"},
		ELF:      ELF{Bits: 64, BigEndian: true, Machines: []uint16{0x9916, 0x9036}, FlagsMask: 0x600, Flags: 0x400},
		Platform: Platform{OS: "linux", Architecture: "sw64", Variant: "v1"}, KernelArch: "sw_64",
		Packages: []string{"gcc-sw64"}, DebianArch: "sw64", Places: []string{"/usr/sw/bin"}, Emulators: []string{"qemu-sw64"},
		Lookalikes: map[string]string{"alpha*": "It is Alpha."}, CPUFlag: "-march=", CFlags: []string{"-O2"}, LDFlags: []string{"-s"},
		Settings: map[string]string{"SHA1_HWACCEL": "n"}, Musl: "sw_64",
		Boot:       &Boot{System: "qemu-system-sw64", Args: []string{"-M", "core3"}, Console: "ttyS0", MemoryMiB: 512, NoInitrd: true},
		Attributes: frozenAttributes,
	}
	frozenFacts       = []Fact{{Name: "libc", Value: "glibc 2.36", Status: Warn, Remedy: "Use another."}}
	frozenDiagnostics = Diagnostics{{
		Severity: Warning, Summary: "Old kernel headers", Detail: "They are from 4.4.", Remedy: "Install newer ones.",
		Path: []string{"attributes", "cpu"}, Excerpt: []string{"a", "b"}, Log: "/log",
	}}
	frozenCompiler = Compiler{
		CC: "/usr/sw/bin/gcc", Prefix: "/usr/sw/bin/", Libc: "/musl", Target: "sw_64-linux-gnu", Version: "gcc 8.3.0",
		Emulator: []string{"/usr/bin/qemu-sw64", "-L", "/"}, CanRun: true, Facts: frozenFacts, Files: []string{"/usr/sw/bin/gcc"},
	}
	frozenProbe = ProbeRequest{
		CC: "/usr/sw/bin/gcc", Prefix: "/usr/sw/bin/", Attributes: json.RawMessage(`{"cpu":"core4"}`), Libc: "/musl", WorkDir: "/work",
	}
	frozenBuild = BuildRequest{
		Compiler: frozenCompiler, Attributes: json.RawMessage(`{}`), Version: "1.36.1", SourceDir: "/source", WorkDir: "/work",
		OutDir: "/out", Config: "defconfig", Set: map[string]string{"ASH": "y"}, Only: []string{"ls"}, Without: []string{"telnetd"},
		Jobs: 8, Epoch: time.Unix(315532800, 0).UTC(),
	}
	frozenReport = Report{Phase: "compile", Done: 3, Total: 566, Message: "ls.c"}
	frozenBuilt  = BuildResult{
		Tree: "tree", Config: ".config", Log: "build.log", Applets: []string{"ls", "sh"}, Facts: frozenFacts, Warnings: frozenDiagnostics,
	}
	frozenLibc = LibcRequest{
		Compiler: frozenCompiler, Attributes: json.RawMessage(`{}`), Name: "musl", Version: "1.2.3", SourceDir: "/source",
		WorkDir: "/work", OutDir: "/out", Jobs: 8,
	}
	frozenLibcMade = LibcResult{Dir: "musl", Log: "musl.log", Facts: frozenFacts, Warnings: frozenDiagnostics}
	frozenExporter = ExporterInfo{Description: "a tape", MultiArch: true, Attributes: frozenAttributes}
	frozenExport   = ExportRequest{
		Name: "mini", Images: []Image{{
			Arch: "sw64", Platform: frozenToolchain.Platform, Layer: "/layer.tar", Digest: "sha256:00", Size: 1 << 40, Boot: frozenToolchain.Boot,
		}},
		Attributes: json.RawMessage(`{"tag":"mini:1"}`), WorkDir: "/work", OutDir: "/out", Jobs: 8, Epoch: time.Unix(315532800, 0).UTC(),
	}
	frozenExported = ExportResult{
		Artifacts: []Artifact{{Path: "mini.tape", Format: "tape", Arch: "sw64", Run: []string{"dd if={path} of=/dev/st0"}}},
		Warnings:  frozenDiagnostics,
	}
)

// frozenCalls are all calls of version 1. The version of the request chooses
// between success and failure, where both were recorded.
var frozenCalls = []frozenCall{
	{"/mkmini.plugin.v1.Toolchain/Describe", func(t *testing.T, conn *grpc.ClientConn) {
		got, err := newToolchainClient(conn).Describe(t.Context())
		same(t, frozenToolchain, got, err)
	}},
	{"/mkmini.plugin.v1.Toolchain/Probe", func(t *testing.T, conn *grpc.ClientConn) {
		got, err := newToolchainClient(conn).Probe(t.Context(), frozenProbe)
		var told Diagnostics
		if !errors.As(err, &told) {
			t.Fatalf("the failure is %v", err)
		}
		same(t, frozenDiagnostics, told, nil)
		same(t, frozenCompiler, got, nil)
	}},
	{"/mkmini.plugin.v1.Toolchain/Build", func(t *testing.T, conn *grpc.ClientConn) {
		var reports []Report
		got, err := newToolchainClient(conn).Build(t.Context(), frozenBuild, func(r Report) { reports = append(reports, r) })
		same(t, frozenBuilt, got, err)
		same(t, []Report{frozenReport}, reports, nil)
	}},
	{"/mkmini.plugin.v1.LibcBuilder/BuildLibc", func(t *testing.T, conn *grpc.ClientConn) {
		got, err := newToolchainClient(conn).BuildLibc(t.Context(), frozenLibc, nil)
		same(t, frozenLibcMade, got, err)
	}},
	{"/mkmini.plugin.v1.Exporter/Describe", func(t *testing.T, conn *grpc.ClientConn) {
		got, err := newExporterClient(conn).Describe(t.Context())
		same(t, frozenExporter, got, err)
	}},
	{"/mkmini.plugin.v1.Exporter/Export", func(t *testing.T, conn *grpc.ClientConn) {
		var reports []Report
		got, err := newExporterClient(conn).Export(t.Context(), frozenExport, func(r Report) { reports = append(reports, r) })
		same(t, frozenExported, got, err)
		same(t, []Report{frozenReport}, reports, nil)
	}},
}

func same[T any](t *testing.T, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// frozenPlugin is today's plugin for the exchange. It makes sure that it gets
// what the recorded host asked for.
func frozenPlugin(t *testing.T) stand {
	return stand{
		info: frozenToolchain,
		probe: func(_ context.Context, r ProbeRequest) (Compiler, error) {
			same(t, frozenProbe, r, nil)
			return frozenCompiler, frozenDiagnostics
		},
		build: func(_ context.Context, r BuildRequest, p Progress) (BuildResult, error) {
			same(t, frozenBuild, r, nil)
			p(frozenReport)
			return frozenBuilt, nil
		},
		libc: func(_ context.Context, r LibcRequest, _ Progress) (LibcResult, error) {
			same(t, frozenLibc, r, nil)
			return frozenLibcMade, nil
		},
		export: func(_ context.Context, r ExportRequest, p Progress) (ExportResult, error) {
			same(t, frozenExport, r, nil)
			p(frozenReport)
			return frozenExported, nil
		},
	}
}

type frozenExporterStand struct{ standExporter }

func (frozenExporterStand) Describe(context.Context) (ExporterInfo, error) {
	return frozenExporter, nil
}

// serveFrozen serves gRPC in this process and returns a connection.
func serveFrozen(t *testing.T, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///frozen",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// today returns a connection to a plugin that is served by today's SDK.
func today(t *testing.T) *grpc.ClientConn {
	p := frozenPlugin(t)
	running := newCalls()
	server := (&server{calls: running}).start(nil)
	pluginv1.RegisterToolchainServer(server, &toolchainServer{impl: p, calls: running})
	pluginv1.RegisterLibcBuilderServer(server, &libcServer{impl: p, calls: running})
	pluginv1.RegisterExporterServer(server, &exporterServer{impl: frozenExporterStand{standExporter{p}}, calls: running})
	return serveFrozen(t, server)
}

// frozenFile is where a call is recorded.
func frozenFile(method string) string {
	names := strings.Split(method, "/")
	service := strings.TrimPrefix(names[1], "mkmini.plugin.v1.")
	return filepath.Join(frozenDir, strings.ToLower(service+"_"+names[2])+".bin")
}

// readFrozen returns a recorded request and its answers.
func readFrozen(t testing.TB, method string) (request []byte, answers [][]byte) {
	t.Helper()
	b, err := os.ReadFile(frozenFile(method))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || uint64(len(b)-size) < n {
			t.Fatalf("%s is cut short", frozenFile(method))
		}
		all = append(all, b[size:size+int(n)])
		b = b[size+int(n):]
	}
	if len(all) < 2 {
		t.Fatalf("%s has %d messages", frozenFile(method), len(all))
	}
	return all[0], all[1:]
}

// message decodes bytes as the first version 1 did. What it did not know is
// left out.
func message(t testing.TB, desc protoreflect.MessageDescriptor, b []byte) proto.Message {
	t.Helper()
	m := dynamicpb.NewMessage(desc)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		t.Fatalf("%s can't read it: %v", desc.FullName(), err)
	}
	return m
}

func methodOf(t testing.TB, file protoreflect.FileDescriptor, method string) protoreflect.MethodDescriptor {
	t.Helper()
	names := strings.Split(method, "/")
	service := file.Services().ByName(protoreflect.FullName(names[1]).Name())
	if service == nil {
		t.Fatalf("version 1 had no service %s", names[1])
	}
	return service.Methods().ByName(protoreflect.Name(names[2]))
}

// TestFrozenPlugin has today's host call a plugin of the first version 1: it
// must ask as it asked then, and understand the answers.
func TestFrozenPlugin(t *testing.T) {
	file := frozenProtocol(t)
	for _, c := range frozenCalls {
		t.Run(c.method[1:], func(t *testing.T) {
			request, answers := readFrozen(t, c.method)
			input := methodOf(t, file, c.method).Input()
			server := grpc.NewServer(grpc.ForceServerCodec(verbatim{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
				var got []byte
				if err := stream.RecvMsg(&got); err != nil {
					return err
				}
				if method, _ := grpc.MethodFromServerStream(stream); method != c.method {
					return fmt.Errorf("called %s", method)
				}
				if want, got := message(t, input, request), message(t, input, got); !proto.Equal(want, got) {
					t.Errorf("today's host asks\n%v\nand it was\n%v", got, want)
				}
				for _, answer := range answers {
					if err := stream.SendMsg(answer); err != nil {
						return err
					}
				}
				return nil
			}))
			c.call(t, serveFrozen(t, server))
		})
	}
}

// TestFrozenHost has a host of the first version 1 call a plugin of today's
// SDK: it must understand the request, and answer as it answered then.
func TestFrozenHost(t *testing.T) {
	file := frozenProtocol(t)
	for _, c := range frozenCalls {
		t.Run(c.method[1:], func(t *testing.T) {
			request, answers := readFrozen(t, c.method)
			got := ask(t, today(t), c.method, request)
			if len(got) != len(answers) {
				t.Fatalf("today's plugin gives %d answers, and it were %d", len(got), len(answers))
			}
			output := methodOf(t, file, c.method).Output()
			for i := range got {
				if want, got := message(t, output, answers[i]), message(t, output, got[i]); !proto.Equal(want, got) {
					t.Errorf("today's plugin answers\n%v\nand it was\n%v", got, want)
				}
			}
		})
	}
}

// ask calls a method with bytes and returns the bytes of all answers.
func ask(t *testing.T, conn *grpc.ClientConn, method string, request []byte) [][]byte {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodec(verbatim{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(request); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var answers [][]byte
	for {
		var answer []byte
		err := stream.RecvMsg(&answer)
		if errors.Is(err, io.EOF) {
			return answers
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
}

// TestRecord records what isn't recorded yet: the request of today's client,
// and the answers of today's server, as far as the first version 1 knew them.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	recordManifest(t)
	file := frozenProtocol(t)
	for _, c := range frozenCalls {
		if _, err := os.Stat(frozenFile(c.method)); err == nil {
			continue // what is recorded stays
		}
		var request []byte
		server := grpc.NewServer(grpc.ForceServerCodec(verbatim{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			for _, answer := range ask(t, today(t), c.method, request) {
				if err := stream.SendMsg(answer); err != nil {
					return err
				}
			}
			return nil
		}))
		c.call(t, serveFrozen(t, server))
		method := methodOf(t, file, c.method)
		b := delimited(t, message(t, method.Input(), request))
		for _, answer := range ask(t, today(t), c.method, request) {
			b = append(b, delimited(t, message(t, method.Output(), answer))...)
		}
		if err := os.WriteFile(frozenFile(c.method), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// recordManifest writes a manifest with what the first version 1 knew.
func recordManifest(t *testing.T) {
	path := filepath.Join(frozenDir, "describe.json")
	if _, err := os.Stat(path); err == nil {
		return
	}
	info, exporter := frozenToolchain, frozenExporter
	b, err := json.MarshalIndent(Manifest{Name: "tape", Version: "1.0.0", Protocols: []int{1}, Toolchain: &info, Exporter: &exporter}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func delimited(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// TestFrozenProtocol compares today's protocol with the first one: services,
// methods, messages, fields and values that it had are what they were.
func TestFrozenProtocol(t *testing.T) {
	then, now := frozenProtocol(t), pluginv1.File_mkmini_v1_plugin_proto
	if now.Package() != then.Package() {
		t.Errorf("the package is %s, and was %s", now.Package(), then.Package())
	}
	for s := range parts(then.Services()) {
		today := now.Services().ByName(s.Name())
		for m := range parts(s.Methods()) {
			if today == nil || today.Methods().ByName(m.Name()) == nil {
				t.Errorf("%s is gone", m.FullName())
				continue
			}
			method := today.Methods().ByName(m.Name())
			was := fmt.Sprint(m.Input().FullName(), m.Output().FullName(), m.IsStreamingClient(), m.IsStreamingServer())
			is := fmt.Sprint(method.Input().FullName(), method.Output().FullName(), method.IsStreamingClient(), method.IsStreamingServer())
			if is != was {
				t.Errorf("%s is %s, and was %s", m.FullName(), is, was)
			}
		}
	}
	for m := range parts(then.Messages()) {
		today := now.Messages().ByName(m.Name())
		for f := range parts(m.Fields()) {
			if today == nil || today.Fields().ByNumber(f.Number()) == nil {
				t.Errorf("%s is gone", f.FullName())
			} else if is, was := field(today.Fields().ByNumber(f.Number())), field(f); is != was {
				t.Errorf("%s is %s, and was %s", f.FullName(), is, was)
			}
		}
	}
	for e := range parts(then.Enums()) {
		today := now.Enums().ByName(e.Name())
		for v := range parts(e.Values()) {
			if today == nil || today.Values().ByNumber(v.Number()) == nil || today.Values().ByNumber(v.Number()).Name() != v.Name() {
				t.Errorf("%s = %d is gone", v.FullName(), v.Number())
			}
		}
	}
}

// field says what of a field is on the wire, and its name.
func field(f protoreflect.FieldDescriptor) string {
	s := fmt.Sprintf("%d %s %s %s", f.Number(), f.Name(), f.Cardinality(), f.Kind())
	if m := f.Message(); m != nil {
		s += " " + string(m.FullName())
	}
	if o := f.ContainingOneof(); o != nil {
		s += " in " + string(o.Name())
	}
	return s
}

// parts yields the parts of a descriptor.
func parts[D any](list interface {
	Len() int
	Get(int) D
}) func(func(D) bool) {
	return func(yield func(D) bool) {
		for i := range list.Len() {
			if !yield(list.Get(i)) {
				return
			}
		}
	}
}

// TestFrozenManifest reads what a plugin of the first version 1 printed when
// it was asked to describe itself.
func TestFrozenManifest(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(frozenDir, "describe.json"))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(compact.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	info, exporter := frozenToolchain, frozenExporter
	same(t, Manifest{Name: "tape", Version: "1.0.0", Protocols: []int{1}, Toolchain: &info, Exporter: &exporter}, m, nil)
}

// Version 1 is spoken, whatever else is.
func TestVersion1(t *testing.T) {
	if !slices.Contains(ProtocolVersions(), 1) || HostPlugins()[1] == nil {
		t.Error("the host does not speak version 1")
	}
	p := Plugin{Name: "tape", Toolchain: frozenPlugin(t), Exporter: standExporter{frozenPlugin(t)}}
	if set := servedPlugins(p, newCalls())[1]; set[KindToolchain] == nil || set[KindExporter] == nil {
		t.Error("the SDK does not serve version 1")
	}
}

// verbatim passes messages on as the bytes that they are.
type verbatim struct{}

var _ encoding.Codec = verbatim{}

func (verbatim) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (verbatim) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(b)
	return nil
}

func (verbatim) Name() string { return "proto" }
