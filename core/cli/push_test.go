package cli

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/mkmini/mkmini/plugins/layer/layertest"
	"github.com/mkmini/mkmini/plugins/oci"
)

func TestPush(t *testing.T) {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	path, _ := layertest.Export(t, oci.New(), layertest.Request(t, layertest.Images(t), nil))
	image := strings.TrimPrefix(s.URL, "http://") + "/team/mini:1"
	for _, test := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{path, image}, exitOK, image + "@sha256:", "push"},
		{[]string{path, image, "--per-arch"}, exitOK, image + "-sw64@sha256:", ""},
		{[]string{path, image + "x", "--image", "latest-x"}, exitUsage, "", `no image "latest-x"`},
		{[]string{path}, exitUsage, "", "where to"},
		{[]string{path, "UPPER/x"}, exitUsage, "", "Unusable name"},
		{[]string{path + "x", image}, exitUsage, "", "There is no " + path + "x."},
		{[]string{path, image, "--offline"}, exitUsage, "", "The network is off"},
		{[]string{path, "127.0.0.1:1/mini"}, exitFailed, "", "can't be reached"},
	} {
		code, out, stderr := run(t, append([]string{"push"}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(stderr, test.err) || test.out == "" && out != "" {
			t.Errorf("%v: exit code %d\n%s%s", test.args, code, out, stderr)
		}
	}
}
