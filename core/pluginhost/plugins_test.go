package pluginhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// The test binary acts as a plugin when it is called like one: the tests link
// it under the names below. So every test has a real process on the other
// side.
func TestMain(m *testing.M) {
	name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), pluginhost.Prefix)
	if !ok {
		os.Exit(m.Run())
	}
	name, _, _ = strings.Cut(name, ".")
	run, ok := behaviours[name]
	if !ok {
		run = serve(func(p *actor) {})
	}
	os.Exit(run(os.Args[1:]))
}

// behaviours are the plugins that are not simply good.
var behaviours = map[string]func(args []string) int{
	"diagnoses": serve(func(a *actor) {
		a.probe = func(context.Context) error {
			return fmt.Errorf("probe: %w", sdk.Diagnostics{{Summary: "No compiler", Path: []string{"attributes", "cpu"}}})
		}
	}),
	"fails": serve(func(a *actor) {
		a.probe = func(context.Context) error { return fmt.Errorf("disk on fire") }
	}),
	"panics": serve(func(a *actor) {
		a.probe = func(context.Context) error {
			fmt.Fprintln(os.Stderr, "about to panic")
			panic("the cat is on the keyboard")
		}
	}),
	"breaks": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error {
			progress(sdk.Report{Phase: "compile", Done: 1})
			time.Sleep(200 * time.Millisecond)
			os.Exit(7)
			return nil
		}
	}),
	"oom": serve(func(a *actor) {
		a.probe = func(context.Context) error {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}),
	// compiles has a tree of processes, as make has.
	"compiles": serve(func(a *actor) {
		a.work = func(ctx context.Context, progress sdk.Progress) error {
			cmd := sdk.Command(ctx, "sh", "-c", "echo $$; sleep 1000 & echo $!; wait")
			return reportPids(cmd, progress, sdk.Run)
		}
	}),
	// deaf ignores its context, and starts processes carelessly.
	"deaf": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error {
			cmd := exec.Command("sh", "-c", "trap '' TERM; echo $$; sleep 1000 & echo $!; wait")
			return reportPids(cmd, progress, (*exec.Cmd).Run)
		}
	}),
	"litters": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error {
			if err := litter(progress); err != nil {
				return err
			}
			os.Exit(9)
			return nil
		}
	}),
	"abandons": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error { return litter(progress) }
	}),
	"idles": serve(func(a *actor) {
		a.work = func(context.Context, sdk.Progress) error {
			fmt.Fprintln(os.Stderr, "thinking")
			time.Sleep(time.Hour)
			return nil
		}
	}),
	"plods": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error {
			for i := range 40 {
				progress(sdk.Report{Phase: "plod", Done: i})
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}
	}),
	"eats": serve(func(a *actor) {
		a.work = func(context.Context, sdk.Progress) error {
			var all [][]byte
			for {
				all = append(all, bytes.Repeat([]byte{1}, 16<<20))
				if len(all) > 1<<10 {
					return fmt.Errorf("there was enough memory")
				}
			}
		}
	}),
	"floods": serve(func(a *actor) {
		a.work = func(context.Context, sdk.Progress) error {
			line := append(bytes.Repeat([]byte("flood "), 100), '\n')
			for range 40 << 20 / len(line) {
				_, _ = os.Stderr.Write(line)
				_, _ = os.Stdout.Write(line)
			}
			_, _ = os.Stderr.Write(bytes.Repeat([]byte{0xff}, 8<<20))
			return nil
		}
	}),
	"bloats": serve(func(a *actor) {
		a.work = func(_ context.Context, progress sdk.Progress) error {
			progress(sdk.Report{Message: strings.Repeat("x", 100<<20)})
			time.Sleep(time.Hour)
			return nil
		}
	}),
	"swells": serve(func(a *actor) {
		a.probe = func(context.Context) error { return errors.New(strings.Repeat("x", 100<<20)) }
	}),
	// reaches tries what TRY says, as a compile does, and reports what came of
	// it.
	"reaches": serve(func(a *actor) {
		a.work = func(ctx context.Context, progress sdk.Progress) error {
			out, err := sdk.Command(ctx, "sh", "-c", os.Getenv("TRY")).CombinedOutput()
			progress(sdk.Report{Message: fmt.Sprint(err)})
			fmt.Fprintf(os.Stderr, "%s", out)
			return nil
		}
	}),
	"marks": func(args []string) int {
		if err := os.WriteFile(os.Getenv("TRY"), nil, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return serve(func(*actor) {})(args)
	},
	// wrongcookie is a plugin of another program.
	"wrongcookie": func(args []string) int {
		if slices.Contains(args, "describe") {
			return serve(func(*actor) {})(args)
		}
		handshake := sdk.Handshake()
		handshake.MagicCookieValue = "somebody else's"
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, GRPCServer: plugin.DefaultGRPCServer})
		return 0
	},
	"freezes": serve(func(a *actor) {
		a.work = func(context.Context, sdk.Progress) error {
			err := syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			time.Sleep(time.Hour)
			return err
		}
	}),
	"escapes": serve(func(a *actor) {
		a.artifact = "../artifact.txt"
	}),
	"invents": serve(func(a *actor) {
		a.artifact = "nowhere.txt"
	}),
	"noisy":   onServe(func() { fmt.Println("Hello, I am a plugin!") }),
	"chatty":  onServe(func() { fmt.Fprintln(os.Stderr, `{"@message": 5}`); fmt.Fprintln(os.Stderr, "chat") }),
	"quits":   onServe(func() { fmt.Fprintln(os.Stderr, "no licence"); os.Exit(3) }),
	"sleeps":  onServe(func() { time.Sleep(time.Hour) }),
	"silent":  func([]string) int { return 0 },
	"wrong":   func([]string) int { fmt.Println("<html>404</html>"); return 0 },
	"sick":    func([]string) int { fmt.Fprintln(os.Stderr, "libfoo.so is missing"); return 127 },
	"slow":    func([]string) int { time.Sleep(time.Hour); return 0 },
	"host":    func([]string) int { return hostProgram() },
	"future":  printsManifest(func(m *sdk.Manifest) { m.Protocols, m.Mkmini = []int{2, 3}, "0.9.0" }),
	"past":    printsManifest(func(m *sdk.Manifest) { m.Protocols = []int{0} }),
	"other":   printsManifest(func(m *sdk.Manifest) { m.Name = "somebody" }),
	"trailer": func(args []string) int { printsManifest(func(*sdk.Manifest) {})(args); fmt.Println("done"); return 0 },
	"liar": printsManifest(func(m *sdk.Manifest) {
		m.Toolchain.Arch = "../etc"
		m.Toolchain.ELF.Bits = 16
		m.Toolchain.Attributes = []sdk.Attribute{{Name: "from", Type: "string"}, {Name: "x", Type: "list(strin"}, {Name: "x", Type: "bool"}}
	}),
}

// hostProgram is no plugin but a host in a process of its own, which starts
// a compile and tells its processes.
func hostProgram() int {
	ctx := context.Background()
	host := pluginhost.New(pluginhost.Options{Dirs: []string{filepath.Dir(os.Args[0])}})
	toolchain, err := host.Toolchain(ctx, "compiles")
	if err == nil {
		_, err = toolchain.Build(ctx, sdk.BuildRequest{}, func(r sdk.Report) { fmt.Println(r.Message) })
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// actor is a toolchain that the test changes a part of.
type actor struct {
	name     string
	artifact string
	probe    func(context.Context) error
	work     func(context.Context, sdk.Progress) error
}

// plugin returns the plugin that the executable's name asks for.
func (a *actor) plugin() sdk.Plugin {
	return sdk.Plugin{Name: a.name, Version: "1.0.0", Toolchain: a, Exporter: actorExporter{a}}
}

func newActor() *actor {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), pluginhost.Prefix)
	return &actor{name: name, artifact: "artifact.txt"}
}

func serve(change func(*actor)) func([]string) int {
	return func(args []string) int {
		a := newActor()
		change(a)
		return sdk.ServeArgs(a.plugin(), args)
	}
}

// onServe does something before the plugin serves, but not when it describes
// itself.
func onServe(do func()) func([]string) int {
	return func(args []string) int {
		if !slices.Contains(args, "describe") {
			do()
		}
		return sdk.ServeArgs(newActor().plugin(), args)
	}
}

func printsManifest(change func(*sdk.Manifest)) func([]string) int {
	return func([]string) int {
		m, err := newActor().plugin().Manifest(context.Background())
		if err != nil {
			panic(err)
		}
		change(&m)
		if err := json.NewEncoder(os.Stdout).Encode(m); err != nil {
			panic(err)
		}
		return 0
	}
}

func (a *actor) Describe(context.Context) (sdk.ToolchainInfo, error) {
	return sdk.ToolchainInfo{
		Arch: "sw64", KernelArch: "sw_64", Triplets: []string{"sw_64*-linux*"},
		ELF:      sdk.ELF{Bits: 64, Machines: []uint16{0x9916}},
		Platform: sdk.Platform{OS: "linux", Architecture: "sw64"},
		Attributes: []sdk.Attribute{
			{Name: "cpu", Type: "string", Default: []byte(`"core3"`), OneOf: []string{"core3", "core4"}},
		},
	}, nil
}

// Probe tells of the process: the environment as facts.
func (a *actor) Probe(ctx context.Context, req sdk.ProbeRequest) (sdk.Compiler, error) {
	if a.probe != nil {
		if err := a.probe(ctx); err != nil {
			return sdk.Compiler{}, err
		}
	}
	fmt.Fprintln(os.Stderr, "probing", req.CC)
	compiler := sdk.Compiler{CC: req.CC, Version: strconv.Itoa(os.Getpid()), Files: []string{req.CC}}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		compiler.Facts = append(compiler.Facts, sdk.Fact{Name: name, Value: value, Status: sdk.OK})
	}
	return compiler, nil
}

func (a *actor) Build(ctx context.Context, req sdk.BuildRequest, progress sdk.Progress) (sdk.BuildResult, error) {
	if a.work != nil {
		if err := a.work(ctx, progress); err != nil {
			return sdk.BuildResult{}, err
		}
	}
	progress(sdk.Report{Phase: "compile", Done: 1, Total: 1})
	if err := os.Mkdir(filepath.Join(req.OutDir, "tree"), 0o755); err != nil {
		return sdk.BuildResult{}, err
	}
	if err := os.WriteFile(filepath.Join(req.OutDir, "config"), nil, 0o644); err != nil {
		return sdk.BuildResult{}, err
	}
	return sdk.BuildResult{Tree: "tree", Config: "config"}, nil
}

type actorExporter struct{ *actor }

func (a actorExporter) Describe(context.Context) (sdk.ExporterInfo, error) {
	return sdk.ExporterInfo{Description: "for tests"}, nil
}

func (a actorExporter) Export(_ context.Context, req sdk.ExportRequest, _ sdk.Progress) (sdk.ExportResult, error) {
	if err := os.WriteFile(filepath.Join(req.OutDir, "artifact.txt"), []byte(req.Name), 0o644); err != nil {
		return sdk.ExportResult{}, err
	}
	return sdk.ExportResult{Artifacts: []sdk.Artifact{{Path: a.artifact, Format: "txt"}}}, nil
}

// litter leaves processes behind in sessions of their own: one that holds the
// plugin's standard error, and one without the plugin's environment. It
// returns when they have been reported.
func litter(progress sdk.Progress) error {
	var pids []string
	for _, env := range [][]string{os.Environ(), {"X=1"}} {
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.Env = env
		cmd.Stderr = os.NewFile(2, "stderr")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		pids = append(pids, strconv.Itoa(cmd.Process.Pid))
	}
	progress(sdk.Report{Message: strings.Join(pids, " ")})
	time.Sleep(200 * time.Millisecond)
	return nil
}

// reportPids runs a command that prints numbers of processes, and reports
// them with the plugin's own.
func reportPids(cmd *exec.Cmd, progress sdk.Progress, run func(*exec.Cmd) error) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = w
	go func() {
		var shell, child int
		if _, err := fmt.Fscan(r, &shell, &child); err == nil {
			progress(sdk.Report{Message: fmt.Sprint(os.Getpid(), shell, child)})
		}
	}()
	return run(cmd)
}
