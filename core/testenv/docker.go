package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Engine is a docker engine of the test's own, without a network.
type Engine struct {
	// Host is its address, as DOCKER_HOST has it.
	Host   string
	client string
}

// Docker starts a docker engine whose images and containers are gone when the
// test ends. It skips the test where none can be started.
func Docker(t testing.TB) *Engine {
	t.Helper()
	Root(t, "a docker engine")
	dockerd := Tool(t, "dockerd", "docker.io")
	client := Tool(t, "docker", "docker.io")
	Tool(t, "runc", "runc")
	// Not t.TempDir: the path of the socket must be short.
	dir, err := os.MkdirTemp("", "mkmini-docker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e := &Engine{client: client, Host: "unix://" + filepath.Join(dir, "sock")}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(dockerd, "--iptables=false", "--bridge=none", "--host", e.Host,
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	stop := start(t, cmd)
	t.Cleanup(func() { stop(syscall.SIGTERM, 30*time.Second) })
	e.wait(t, log.Name())
	return e
}

// wait returns when the engine answers. One that doesn't start is a reason to
// skip: it depends on the kernel's cgroups and file systems.
func (e *Engine) wait(t testing.TB, log string) {
	t.Helper()
	for range 300 {
		if exec.CommandContext(t.Context(), e.client, "--host", e.Host, "version").Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(log)
	Skip(t, "the docker engine does not start here:\n%s", text)
}

// Run runs a docker command to its end and returns its standard output; the
// test fails if it fails.
func (e *Engine) Run(t testing.TB, args ...string) string {
	t.Helper()
	return Output(t, e.client, append([]string{"--host", e.Host}, args...)...)
}
