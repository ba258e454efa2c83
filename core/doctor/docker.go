package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/distro"
)

// docker says whether images can be loaded and run here.
func (m Machine) docker(ctx context.Context) []sdk.Fact {
	client := look("docker")
	if client == "" {
		if podman := look("podman"); podman != "" {
			return ok("docker", "none, but "+podman)
		}
		return warn("docker", "there is no docker client", distro.Here().Install("one to run the images here", "docker.io"))
	}
	return append(ok("docker", client), m.engine(ctx)...)
}

// engine asks the docker engine that the client would: over a socket of this
// machine, never over a network.
func (m Machine) engine(ctx context.Context) []sdk.Fact {
	const name = "docker_engine"
	host := m.Getenv("DOCKER_HOST")
	socket, isSocket := strings.CutPrefix(host, "unix://")
	if host != "" && !isSocket {
		return warn(name, "not asked: DOCKER_HOST is "+host, "Try `docker version`, as mkmini asks no engine over a network.")
	}
	sockets := []string{socket}
	if host == "" {
		sockets = []string{"/var/run/docker.sock"}
		if dir := m.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
			sockets = append(sockets, filepath.Join(dir, "docker.sock")) // of a rootless engine
		}
	}
	var problems []error
	for _, socket := range sockets {
		version, err := ask(ctx, socket)
		if err == nil {
			return ok(name, fmt.Sprintf("%s, at %s", version, socket))
		}
		problems = append(problems, err)
	}
	problem := problems[0]
	switch {
	case errors.Is(problem, fs.ErrNotExist):
		return warn(name, "there is no socket "+sockets[0], "Start it with `systemctl start docker`, or as root with `dockerd`.")
	case errors.Is(problem, fs.ErrPermission):
		return warn(name, "this user may not use "+sockets[0], "Add the user to the group docker with `usermod -aG docker USER` and log in anew.")
	}
	return warn(name, "does not answer: "+problem.Error(), "Start it anew with `systemctl restart docker`, and read `journalctl -u docker`.")
}

// ask returns what an engine says of itself.
// Source: Docker Engine API, GET /version.
func ask(ctx context.Context, socket string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/version", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Version, Os, Arch string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil {
		return "", fmt.Errorf("read its answer: %w", err)
	}
	if response.StatusCode != http.StatusOK || answer.Version == "" {
		return "", fmt.Errorf("its answer is %q", response.Status)
	}
	return fmt.Sprintf("%s for %s/%s", answer.Version, answer.Os, answer.Arch), nil
}
