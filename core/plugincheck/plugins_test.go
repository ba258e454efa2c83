package plugincheck_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/docker"
	"github.com/mkmini/mkmini/plugins/oci"
	"github.com/mkmini/mkmini/plugins/rootfs"
	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/x86_64"
)

// The test binary acts as a plugin when it is called like one.
func TestMain(m *testing.M) {
	name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), pluginhost.Prefix)
	if !ok {
		os.Exit(m.Run())
	}
	run, ok := behaviours[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such plugin:", name)
		os.Exit(2)
	}
	os.Exit(run(name))
}

// builtins are mkmini's own plugins, in a program of their own.
var builtins = map[string]sdk.Plugin{
	"docker": {Exporter: docker.New()},
	"oci":    {Exporter: oci.New()},
	"rootfs": {Exporter: rootfs.New()},
	"x86_64": {Toolchain: x86_64.New()},
}

// behaviours are the plugins by their names. The bad ones are bad in one way.
var behaviours = map[string]func(name string) int{
	"docker": builtin, "oci": builtin, "rootfs": builtin, "x86_64": builtin,
	"good": serve(func(*actor) {}),

	"html":      func(string) int { fmt.Println("<html>404</html>"); return 0 },
	"stranger":  serve(func(a *actor) { a.name = "somebody" }),
	"fickle":    serve(func(a *actor) { a.description = strconv.FormatInt(time.Now().UnixNano(), 10) }),
	"eager":     byHand(func() int { fmt.Println("Hello!"); return 1 }),
	"polite":    byHand(func() int { fmt.Fprintln(os.Stderr, "Hello!"); return 0 }),
	"mute":      byHand(func() int { return 1 }),
	"open":      raw,
	"two-faced": serve(func(a *actor) { a.other = "something else" }),
	"freezes":   serve(func(a *actor) { a.onDescribe = freeze }),
	"fragile":   serve(func(a *actor) { a.onDescribe = panicLater() }),
	"escapes":   serve(func(a *actor) { a.artifact = "../out.txt" }),
	"umask":     serve(func(a *actor) { a.chmod = false }),
	"clock":     serve(func(a *actor) { a.content = time.Now().String() }),
	"blind":     serve(func(a *actor) { a.reads = false }),
	"gruff":     serve(func(a *actor) { a.refusal = errors.New("bad tag") }),
	"vague":     serve(func(a *actor) { a.refusal = sdk.Diagnostics{{Summary: "Bad tag", Detail: "No."}} }),
	"punctual": serve(func(a *actor) {
		a.refusal = sdk.Diagnostics{{Summary: "Bad tag.", Path: []string{"attributes", "tag"}}}
	}),
	"topmost": serve(func(a *actor) {
		a.archive = func(img sdk.Image) string {
			if len(img.Layers) > 0 {
				return img.Layers[len(img.Layers)-1].Path
			}
			return img.Layer
		}
	}),
	"own": serve(func(a *actor) {
		a.during = func(req sdk.ExportRequest) { a.content = fmt.Sprint(len(req.Images[0].Layers), " layers") }
	}),
	"upside-down": func(name string) int {
		return sdk.ServeArgs(sdk.Plugin{Name: name, Version: "1.0.0", Exporter: upsideDown{docker.New()}}, os.Args[1:])
	},
	"litters": serve(func(a *actor) {
		a.during = func(req sdk.ExportRequest) {
			if req.Images[0].Size > 1<<20 {
				litter()
			}
		}
	}),
	"restless":   serve(func(a *actor) { a.during = writeOn }),
	"overcounts": serve(func(a *actor) { a.total = -1 }),
	"chatty":     serve(func(a *actor) { a.during = func(sdk.ExportRequest) { fmt.Println("working") } }),
	"daemon":     serve(func(a *actor) { a.atStart = litter }),
	"lingers": func(name string) int {
		code := serve(func(*actor) {})(name)
		if !describing() {
			time.Sleep(time.Hour)
		}
		return code
	},
	"homely": serve(func(a *actor) {
		a.during = func(sdk.ExportRequest) { touch(filepath.Join(os.Getenv("HOME"), ".cache")) }
	}),
	"nosy": serve(func(a *actor) {
		a.during = func(sdk.ExportRequest) {
			path := filepath.Join(os.Getenv("HOME"), "note")
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				panic(err)
			}
			os.Remove(path)
		}
	}),
	"vandal": serve(func(a *actor) {
		a.during = func(req sdk.ExportRequest) { touch(filepath.Join(filepath.Dir(req.Images[0].Layer), "index")) }
	}),

	"paper":     serveToolchain(func(*maker) {}),
	"credulous": serveToolchain(func(m *maker) { m.trusts = true }),
	"moody":     serveToolchain(func(m *maker) { m.moody = true }),
	"curious":   serveToolchain(func(m *maker) { m.nosy = true }),
	"empty":     serveToolchain(func(m *maker) { m.busybox = "box" }),
	"sloppy":    serveToolchain(func(m *maker) { m.chmod = false }),
	"terse":     serveToolchain(func(m *maker) { m.refusal = errors.New("no such setting") }),
	"orphans":   serveToolchain(func(m *maker) { m.onCancel = litter }),
}

func builtin(name string) int {
	p := builtins[name]
	p.Name, p.Version = name, "1.0.0"
	return sdk.ServeArgs(p, os.Args[1:])
}

func describing() bool { return slices.Contains(os.Args, "describe") }

// actor is an exporter that the test changes a part of.
type actor struct {
	name, description string
	// other is the description that calls get, if not empty.
	other      string
	onDescribe func()
	atStart    func()
	artifact   string
	content    string
	chmod      bool
	reads      bool
	refusal    error
	total      int
	during     func(sdk.ExportRequest)
	// archive says which file the artifact is a copy of.
	archive func(sdk.Image) string
}

// upsideDown is an exporter that takes layers from the top.
type upsideDown struct{ sdk.Exporter }

func (u upsideDown) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	for i := range req.Images {
		slices.Reverse(req.Images[i].Layers)
	}
	return u.Exporter.Export(ctx, req, progress)
}

func serve(change func(*actor)) func(string) int {
	return func(name string) int {
		a := &actor{
			name: name, description: "for tests", artifact: "out.txt", content: "content", chmod: true, reads: true, total: 2,
			refusal: sdk.Diagnostics{{Summary: "Bad tag", Detail: "It has other characters.", Path: []string{"attributes", "tag"}}},
		}
		change(a)
		if a.atStart != nil && !describing() {
			a.atStart()
		}
		return sdk.ServeArgs(sdk.Plugin{Name: a.name, Version: "1.0.0", Exporter: a}, os.Args[1:])
	}
}

// byHand does something when the plugin is run without a host.
func byHand(do func() int) func(string) int {
	return func(name string) int {
		if !describing() && os.Getenv(sdk.Handshake().MagicCookieKey) == "" {
			return do()
		}
		return serve(func(*actor) {})(name)
	}
}

func (a *actor) Describe(context.Context) (sdk.ExporterInfo, error) {
	info := sdk.ExporterInfo{
		Description: a.description,
		Attributes:  []sdk.Attribute{{Name: "tag", Type: "string", Default: []byte(`"latest"`), Doc: "A tag."}},
	}
	if !describing() && a.other != "" {
		info.Description = a.other
	}
	if !describing() && a.onDescribe != nil {
		a.onDescribe()
	}
	return info, nil
}

func (a *actor) Export(ctx context.Context, req sdk.ExportRequest, progress sdk.Progress) (sdk.ExportResult, error) {
	if a.reads {
		layer, err := os.ReadFile(req.Images[0].Layer)
		if err != nil {
			return sdk.ExportResult{}, err
		}
		if len(layer) < 512 || string(layer[257:262]) != "ustar" {
			return sdk.ExportResult{}, errors.New("the layer is no archive")
		}
	}
	if string(req.Attributes) != `{"tag":"latest"}` {
		return sdk.ExportResult{}, a.refusal
	}
	progress(sdk.Report{Phase: "write", Done: 1, Total: a.total})
	if a.during != nil {
		a.during(req)
	}
	if a.archive != nil {
		data, err := os.ReadFile(a.archive(req.Images[0]))
		if err != nil {
			return sdk.ExportResult{}, err
		}
		a.artifact, a.content = "out.tar", string(data)
	}
	path := filepath.Join(req.OutDir, a.artifact)
	if err := write(path, a.content, a.chmod); err != nil {
		return sdk.ExportResult{}, err
	}
	if req.Images[0].Size > 1<<20 {
		<-ctx.Done()
		return sdk.ExportResult{}, ctx.Err()
	}
	return sdk.ExportResult{Artifacts: []sdk.Artifact{{Path: a.artifact, Format: "txt"}}}, nil
}

func write(path, content string, chmod bool) error {
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil || !chmod {
		return err
	}
	return os.Chmod(path, 0o644)
}

func touch(path string) {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func freeze() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	// Another thread may take the signal, and this one gets on a little before
	// it is stopped too: on a busy machine, far enough to answer.
	select {}
}

// panicLater returns a function that works once.
func panicLater() func() {
	calls := 0
	return func() {
		if calls++; calls > 1 {
			panic("twice is too often")
		}
	}
}

// litter starts a process that nothing ends, in a session of its own.
func litter() {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	go cmd.Wait()
}

// writeOn writes files whatever happens to the call.
func writeOn(req sdk.ExportRequest) {
	if req.Images[0].Size < 1<<20 {
		return
	}
	go func() {
		for i := range 1000 {
			touch(filepath.Join(req.WorkDir, strconv.Itoa(i)))
			time.Sleep(20 * time.Millisecond)
		}
	}()
}

// raw is a plugin that does the handshake, of a version that nobody asked
// for, and then lets everybody in and heeds no signal.
func raw(name string) int {
	if describing() || os.Getenv(sdk.Handshake().MagicCookieKey) == "" {
		return serve(func(*actor) {})(name)
	}
	signal.Ignore(syscall.SIGTERM)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "raw"))
	if err != nil {
		panic(err)
	}
	fmt.Printf("1|7|unix|%s|grpc|%s\n", listener.Addr(), base64.RawStdEncoding.EncodeToString(der))
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer conn.Close()
			c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
			_, _ = c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
			_, _ = c.Read(make([]byte, 64))
		}()
	}
}

// maker is a toolchain that compiles nothing, of which the test changes a
// part.
type maker struct {
	trusts, moody, nosy bool
	version             string
	busybox             string
	chmod               bool
	refusal             error
	onCancel            func()
}

func serveToolchain(change func(*maker)) func(string) int {
	return func(name string) int {
		m := &maker{version: "paper 1", busybox: "busybox", chmod: true}
		change(m)
		return sdk.ServeArgs(sdk.Plugin{Name: name, Version: "1.0.0", Toolchain: m}, os.Args[1:])
	}
}

func (m *maker) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return sdk.ToolchainInfo{
		Arch: "paper64", KernelArch: "paper", ELF: sdk.ELF{Bits: 64, Machines: []uint16{62}},
		Platform: sdk.Platform{OS: "linux", Architecture: "paper64"},
	}, nil
}

func (m *maker) Probe(_ context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	if m.nosy {
		path := filepath.Join(os.Getenv("HOME"), "note")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return sdk.Compiler{}, err
		}
		os.Remove(path)
	}
	if !m.trusts && filepath.Base(req.CC) != "paper-gcc" {
		return sdk.Compiler{}, sdk.Diagnostics{{Summary: "No compiler", Detail: req.CC + " is none.", Remedy: "Name another."}}
	}
	if m.moody {
		m.version = time.Now().String()
	}
	return sdk.Compiler{CC: req.CC, Prefix: req.Prefix, Version: m.version, Files: []string{req.CC}}, nil
}

func (m *maker) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	if m.refusal != nil && len(req.Set) > 0 {
		return sdk.BuildResult{}, m.refusal
	}
	progress(sdk.Report{Phase: "compile", Done: 1, Total: 2})
	bin := filepath.Join(req.OutDir, "tree", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return sdk.BuildResult{}, err
	}
	for _, dir := range []string{filepath.Dir(bin), bin} {
		if err := os.Chmod(dir, 0o755); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	for path, content := range map[string]string{filepath.Join(bin, m.busybox): "box", filepath.Join(req.OutDir, "config"): ""} {
		if err := write(path, content, m.chmod); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	select {
	case <-ctx.Done():
		if m.onCancel != nil {
			m.onCancel()
		}
		return sdk.BuildResult{}, ctx.Err()
	case <-time.After(200 * time.Millisecond):
	}
	return sdk.BuildResult{Tree: "tree", Config: "config"}, nil
}
