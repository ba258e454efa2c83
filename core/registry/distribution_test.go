package registry_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/testenv"
)

// distribution starts Debian's docker-registry, and returns its address.
func distribution(t *testing.T) string {
	t.Helper()
	program := testenv.Tool(t, "docker-registry", "docker-registry")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q, relativeurls: true}\n", filepath.Join(dir, "data"), host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "serve", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 300 {
		resp, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			resp.Body.Close()
			return host
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("docker-registry does not answer")
	return ""
}

// before puts a handler in front of a registry.
func before(t *testing.T, host string, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	s := httptest.NewServer(wrap(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestDistribution pushes to the registry that most others come from, and has
// skopeo read all of it back.
func TestDistribution(t *testing.T) {
	host := distribution(t)
	skopeo := testenv.Tool(t, "skopeo", "skopeo")
	for _, how := range []string{"gzip", "zstd", "none"} {
		path := layout(t, 3, map[string]any{"compression": how})
		image := host + "/team/mini:" + how
		done, err := push(t, registry.Pusher{}, path, registry.Request{Names: []string{image}})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(testenv.Output(t, skopeo, "inspect", "--tls-verify=false", "--override-arch", "sw64", "--format", "{{.Architecture}}", "docker://"+image)); got != "sw64" {
			t.Errorf("%s: skopeo sees %s", how, got)
		}
		testenv.Output(t, skopeo, "--insecure-policy", "copy", "-q", "--all", "--src-tls-verify=false", "docker://"+image, "oci:"+filepath.Join(t.TempDir(), "back")+":"+how)
		if got := pulledDigest(t, skopeo, image); got != done[0].Digest {
			t.Errorf("%s: skopeo sees %s, not %s", how, got, done[0].Digest)
		}
	}
}

// pulledDigest returns the digest of the manifest or index that a name means.
func pulledDigest(t *testing.T, skopeo, image string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest")
	raw := testenv.Output(t, skopeo, "inspect", "--tls-verify=false", "--raw", "docker://"+image)
	if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(testenv.Output(t, skopeo, "manifest-digest", file))
}

// TestMounts pushes to repositories that can take blobs over.
func TestMounts(t *testing.T) {
	var patches atomic.Int64
	host := before(t, distribution(t), counted(&patches, http.MethodPatch))
	path := layout(t, 3, nil)
	for _, test := range []struct {
		req     registry.Request
		patches int64
	}{
		{registry.Request{Names: []string{host + "/first:1"}}, 6},
		{registry.Request{Names: []string{host + "/first:2"}}, 0},
		{registry.Request{Names: []string{host + "/second:1"}, MountFrom: host + "/first"}, 0},
		{registry.Request{Names: []string{host + "/first:3", host + "/third:1", host + "/fourth:1"}}, 0},
		{registry.Request{Names: []string{host + "/fifth:1"}, MountFrom: host + "/none"}, 6},
		{registry.Request{Names: []string{host + "/sixth:1"}, MountFrom: "registry.example/first"}, 6},
	} {
		patches.Store(0)
		if _, err := push(t, registry.Pusher{}, path, test.req); err != nil {
			t.Fatal(err)
		}
		if got := patches.Load(); got != test.patches {
			t.Errorf("%v: %d blobs were sent, not %d", test.req, got, test.patches)
		}
		for _, image := range test.req.Names {
			pulled(t, image)
		}
	}
}

// TestDistributionBreaksOff ends connections to a registry that keeps what it
// got of a blob.
func TestDistributionBreaksOff(t *testing.T) {
	var n atomic.Int64
	n.Store(3)
	image := before(t, distribution(t), breaking(&n)) + "/mini:1"
	if _, err := push(t, registry.Pusher{}, layout(t, 3, nil), registry.Request{Names: []string{image}}); err != nil {
		t.Fatal(err)
	}
	pulled(t, image)
}
