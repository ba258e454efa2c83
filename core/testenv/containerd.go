package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Containerd is a containerd of the test's own.
type Containerd struct{ socket, client string }

// StartContainerd starts a containerd whose images are gone when the test ends.
// It skips the test where none can be started.
func StartContainerd(t testing.TB) *Containerd {
	t.Helper()
	Root(t, "containerd")
	server, client := Tool(t, "containerd", "containerd"), Tool(t, "ctr", "containerd")
	// Not t.TempDir: the path of the socket must be short.
	dir, err := os.MkdirTemp("", "mkmini-containerd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &Containerd{socket: filepath.Join(dir, "sock"), client: client}
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), c.socket)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(server, "--config", config, "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	stop := start(t, cmd)
	t.Cleanup(func() { stop(syscall.SIGTERM, 10*time.Second) })
	for range 300 {
		if exec.CommandContext(t.Context(), client, "--address", c.socket, "version").Run() == nil {
			return c
		}
		time.Sleep(100 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	Skip(t, "containerd does not start here:\n%s", said)
	return nil
}

// Run runs a ctr command to its end and returns its standard output; the test
// fails if it fails.
func (c *Containerd) Run(t testing.TB, args ...string) string {
	t.Helper()
	return Output(t, c.client, append([]string{"--address", c.socket}, args...)...)
}

// Mount mounts an image for a platform, until the test ends, and returns where.
func (c *Containerd) Mount(t testing.TB, image, platform string) string {
	t.Helper()
	dir := t.TempDir()
	c.Run(t, "image", "mount", "--snapshotter", "native", "--platform", platform, image, dir)
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
