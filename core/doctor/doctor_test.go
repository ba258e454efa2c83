package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// onPath makes PATH one folder with programs of these names, which do nothing.
func onPath(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		script(t, filepath.Join(dir, name), "exit 0")
	}
	t.Setenv("PATH", dir)
	return dir
}

func script(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// expect checks status, and parts of value and remedy, of one fact.
func expect(t *testing.T, facts []sdk.Fact, name string, status sdk.Status, value, remedy string) {
	t.Helper()
	for _, f := range facts {
		if f.Name != name {
			continue
		}
		if f.Status != status || !strings.Contains(f.Value, value) || !strings.Contains(f.Remedy, remedy) {
			t.Errorf("fact %+v; want status %s, value with %q, remedy with %q", f, status, value, remedy)
		}
		return
	}
	t.Errorf("there is no fact %s among %+v", name, facts)
}

func TestExamine(t *testing.T) {
	facts := Examine(t.Context(), Machine{Store: t.TempDir(), Getenv: env(), KVM: "/absent/kvm"})
	seen := map[string]bool{}
	for _, f := range facts {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if f.Value == "" || (f.Status == sdk.OK) != (f.Remedy == "") {
			t.Errorf("fact %+v", f)
		}
	}
	for _, name := range []string{"make", "gcc", "host_compiler", "store", "apt", "emulators", "system_emulators", "docker", "kvm"} {
		if !seen[name] {
			t.Errorf("there is no fact %s", name)
		}
	}
}

func TestHealthy(t *testing.T) {
	if !Healthy([]sdk.Fact{{Status: sdk.OK}, {Status: sdk.Warn}}) || Healthy([]sdk.Fact{{Status: sdk.OK}, {Status: sdk.Fail}}) {
		t.Error("only failures make a machine unhealthy")
	}
}

func TestBareMachine(t *testing.T) {
	onPath(t, "make")
	m := Machine{Getenv: env()}
	facts := m.programs(t.Context())
	expect(t, facts, "make", sdk.OK, "/make", "")
	expect(t, facts, "gcc", sdk.Fail, "not on PATH", "gcc, libc6-dev")
	expect(t, m.hostCompiler(t.Context()), "host_compiler", sdk.Fail, "no gcc", "cross compiler alone")
	expect(t, m.apt(t.Context()), "apt", sdk.Warn, "no apt-get", "`from` block")
	expect(t, m.docker(t.Context()), "docker", sdk.Warn, "no docker client", "docker.io")
}

func TestHostCompiler(t *testing.T) {
	tests := []struct {
		name, gcc string
		status    sdk.Status
		value     string
	}{
		{"fails", "echo no libc >&2; exit 1", sdk.Fail, "no libc"},
		{"makes what does not run", `printf '#!/bin/sh\nexit 1\n' >"$2"; chmod 755 "$2"`, sdk.Fail, "does not run"},
		{"works", `case $1 in -dump*) echo 99.1.0; exit;; esac; printf '#!/bin/sh\necho works\n' >"$2"; chmod 755 "$2"`, sdk.OK, "gcc 99.1.0"},
	}
	path := os.Getenv("PATH")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := onPath(t)
			t.Setenv("PATH", dir+":"+path)
			script(t, filepath.Join(dir, "gcc"), test.gcc)
			expect(t, Machine{}.hostCompiler(t.Context()), "host_compiler", test.status, test.value, "")
		})
	}
}

func TestDisk(t *testing.T) {
	expect(t, Machine{Store: filepath.Join(t.TempDir(), "absent")}.disk(t.Context()), "store", sdk.Fail, "can't be written", "--store")
	dir := t.TempDir()
	facts := Machine{Store: dir}.disk(t.Context())
	if !strings.Contains(facts[0].Value, " free") {
		t.Errorf("fact %+v", facts[0])
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind %v, %v", entries, err)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0.0 KiB", 1536: "1.5 KiB", 143 << 20: "143.0 MiB", 5 << 29: "2.5 GiB"} {
		if got := Size(n); got != want {
			t.Errorf("%d bytes are %s, want %s", n, got, want)
		}
	}
}

func TestEmulators(t *testing.T) {
	info := func(arch, emulator string, packages ...string) sdk.ToolchainInfo {
		return sdk.ToolchainInfo{
			Arch: arch, HostMachines: []string{arch}, Emulators: []string{emulator + "-static", emulator}, Packages: packages,
			Boot: &sdk.Boot{System: "qemu-system-" + arch},
		}
	}
	here, arm, risc, vendors := info("x86_64", "qemu-x86_64", "p"), info("arm", "qemu-arm", "p"), info("riscv64", "qemu-riscv64", "p"), info("sw64", "qemu-sw64")
	onPath(t, "qemu-arm", "qemu-system-riscv64", "apt-get")
	m := Machine{Uname: "x86_64", Toolchains: []sdk.ToolchainInfo{here, arm, vendors}}
	expect(t, m.emulators(t.Context()), "emulators", sdk.OK, "x86_64 arm; that for sw64 is the vendor's", "")
	m.Toolchains = append(m.Toolchains, risc)
	expect(t, m.emulators(t.Context()), "emulators", sdk.Warn, "x86_64 arm; none for riscv64", "qemu-user-static`")
	expect(t, m.systemEmulators(t.Context()), "system_emulators", sdk.Warn, "riscv64; none for x86_64 arm", "`apt-get install qemu-system-arm qemu-system-x86`")
}

func TestOffered(t *testing.T) {
	dir := onPath(t)
	if got := Offered(t.Context(), []string{"gcc"}); got != nil {
		t.Errorf("without apt: %v", got)
	}
	script(t, filepath.Join(dir, "apt-cache"), `printf 'gcc:\n  Installed: (none)\n  Candidate: 4:12.2.0-3\n  Version table:\n     4:12.2.0-3 500\ngone:\n  Installed: (none)\n  Candidate: (none)\n'`)
	got := Offered(t.Context(), []string{"gcc", "gone", "unknown"})
	if len(got) != 1 || !got["gcc"] {
		t.Errorf("offered: %v", got)
	}
}

func TestDocker(t *testing.T) {
	onPath(t, "docker")
	dir, err := os.MkdirTemp("", "mkmini-") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	serve := func(name, answer string) string {
		path := filepath.Join(dir, name)
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/version" {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write([]byte(answer))
		})}
		go func() { _ = server.Serve(listener) }() // ends with Close
		t.Cleanup(func() { server.Close() })
		return path
	}
	good := serve("docker.sock", `{"Version":"20.10.24","Os":"linux","Arch":"amd64"}`)
	odd := serve("odd", `not JSON`)
	tests := []struct {
		name          string
		getenv        func(string) string
		status        sdk.Status
		value, remedy string
	}{
		{"answers", env("DOCKER_HOST", "unix://"+good), sdk.OK, "20.10.24 for linux/amd64, at " + good, ""},
		{"answers nonsense", env("DOCKER_HOST", "unix://"+odd), sdk.Warn, "does not answer", "restart"},
		{"is not there", env("DOCKER_HOST", "unix://"+dir+"/absent"), sdk.Warn, "no socket", "dockerd"},
		{"is elsewhere", env("DOCKER_HOST", "tcp://192.0.2.1:2375"), sdk.Warn, "not asked", "docker version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expect(t, Machine{Getenv: test.getenv}.docker(t.Context()), "docker_engine", test.status, test.value, test.remedy)
		})
	}
	t.Run("podman", func(t *testing.T) {
		onPath(t, "podman")
		expect(t, Machine{Getenv: env()}.docker(t.Context()), "docker", sdk.OK, "podman", "")
	})
}

func TestKVM(t *testing.T) {
	expect(t, Machine{KVM: "/absent/kvm"}.kvm(t.Context()), "kvm", sdk.Warn, "there is no /absent/kvm", "modprobe")
	file := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, Machine{KVM: file}.kvm(t.Context()), "kvm", sdk.Warn, "KVM_GET_API_VERSION", "tcg")
	if os.Geteuid() != 0 {
		if err := os.Chmod(file, 0); err != nil {
			t.Fatal(err)
		}
		expect(t, Machine{KVM: file}.kvm(t.Context()), "kvm", sdk.Warn, "may not use", "usermod")
	}
}

// TestKVMGuest runs the guest where there is a device for it.
func TestKVMGuest(t *testing.T) {
	file, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no KVM here: %v", err)
	}
	file.Close()
	modules := t.TempDir()
	facts := Machine{Modules: modules}.kvm(t.Context())
	if facts[0].Status != sdk.OK {
		t.Skipf("KVM does not work here: %+v", facts[0])
	}
	if err := os.Mkdir(filepath.Join(modules, "kvm_pvm"), 0o755); err != nil {
		t.Fatal(err)
	}
	expect(t, Machine{Modules: modules}.kvm(t.Context()), "kvm", sdk.Warn, "kvm_pvm", "tcg")
}

func TestGuestThatHangs(t *testing.T) {
	hanging := func(_ int, enough *atomic.Bool) (string, error) {
		for !enough.Load() {
			time.Sleep(time.Millisecond)
		}
		return "", errHangs
	}
	if _, err := tryGuest(t.Context(), -1, hanging, time.Millisecond); !errors.Is(err, errHangs) {
		t.Errorf("err = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tryGuest(ctx, -1, hanging, time.Hour); !errors.Is(err, errHangs) {
		t.Errorf("err = %v, cancelled", err)
	}
}
