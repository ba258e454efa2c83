package image

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// searchPath is PATH unless env sets it, as other base images have it.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Attributes are what an export block may say about an image.
type Attributes struct {
	Tag         string            `json:"tag"`
	Tags        []string          `json:"tags"`
	Cmd         []string          `json:"cmd"`
	Entrypoint  []string          `json:"entrypoint"`
	Env         map[string]string `json:"env"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	User        string            `json:"user"`
	Workdir     string            `json:"workdir"`
	Author      string            `json:"author"`
	History     []string          `json:"history"`
	Archive     bool              `json:"archive"`
	// Compression is that of layers: "gzip", "zstd" or "none"; empty for gzip.
	Compression string `json:"compression"`

	ExposedPorts []string `json:"exposed_ports"`
	Volumes      []string `json:"volumes"`
	StopSignal   string   `json:"stop_signal"`

	Healthcheck            []string `json:"healthcheck"`
	HealthcheckInterval    string   `json:"healthcheck_interval"`
	HealthcheckTimeout     string   `json:"healthcheck_timeout"`
	HealthcheckStartPeriod string   `json:"healthcheck_start_period"`
	HealthcheckRetries     float64  `json:"healthcheck_retries"`
}

// Describe returns the attributes that all images have.
func Describe() []sdk.Attribute {
	return []sdk.Attribute{
		{Name: "tag", Type: "string", Doc: "Name of the image; further ones go into tags."},
		{Name: "tags", Type: "list(string)", Doc: "Names of the image."},
		{Name: "cmd", Type: "list(string)", Doc: `What a container runs, or the arguments of the entrypoint; ["/bin/sh"] unless there is an entrypoint.`},
		{Name: "entrypoint", Type: "list(string)", Doc: "What a container always runs."},
		{Name: "env", Type: "map(string)", Doc: "The environment; PATH is set to the usual folders if it isn't given."},
		{Name: "labels", Type: "map(string)", Doc: "Labels of the image."},
		{Name: "user", Type: "string", Doc: "User, or user:group, that a container runs as; names need an /etc/passwd."},
		{Name: "workdir", Type: "string", Doc: "Absolute path of the folder that a container starts in."},
		{Name: "author", Type: "string", Doc: "Author of the image."},
		{Name: "annotations", Type: "map(string)", Doc: "Annotations of the manifests, and of the index over them."},
		{Name: "history", Type: "list(string)", Doc: "Lines about how the image came about, as docker history shows them, the oldest first."},
		{Name: "exposed_ports", Type: "list(string)", Doc: `Ports that a container listens on: "80", "80/tcp", "53/udp".`},
		{Name: "volumes", Type: "list(string)", Doc: "Absolute paths of folders whose content outlives a container."},
		{Name: "stop_signal", Type: "string", Doc: `The signal that ends a container: "SIGTERM", or its number.`},
		{Name: "healthcheck", Type: "list(string)", Doc: "The command that tells whether a container is well, by its exit code; an extension of docker."},
		{Name: "healthcheck_interval", Type: "string", Doc: `The time between two checks: "30s".`},
		{Name: "healthcheck_timeout", Type: "string", Doc: "The time after which a check has failed."},
		{Name: "healthcheck_start_period", Type: "string", Doc: "The time in which failures don't count yet."},
		{Name: "healthcheck_retries", Type: "number", Doc: "How many failures in a row mean that a container isn't well."},
		{
			Name: "compression", Type: "string", Default: []byte(`"gzip"`), OneOf: Compressions(),
			Doc: "How layers are compressed; zstd is smaller, and some tools do not read it.",
		},
		{Name: "push", Type: "list(string)", Doc: "Names in registries that mkmini gives the image after the export."},
	}
}

// Compressions are the values of the attribute compression.
func Compressions() []string { return []string{"gzip", "zstd", "none"} }

// Decode reads the attributes of a request and checks them. Errors are
// sdk.Diagnostics.
func Decode(raw json.RawMessage) (Attributes, error) {
	var a Attributes
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a); err != nil {
			return a, bad("The attributes can't be decoded: "+err.Error()+".", "Give them in the types that the documentation names.", "attributes")
		}
	}
	if a.Workdir != "" && !path.IsAbs(a.Workdir) {
		return a, bad(fmt.Sprintf("%q is no absolute path.", a.Workdir), `Begin workdir with a "/".`, "attributes", "workdir")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(a.Env[name], "\x00") {
			return a, bad(fmt.Sprintf("The environment can't have a variable %q.", name),
				"Leave out NUL bytes, and in names the equals sign.", "attributes", "env", name)
		}
	}
	if _, err := a.container(); err != nil {
		return a, err
	}
	if _, ok := a.Annotations[""]; ok {
		return a, bad("An annotation has no name.", "Give it one, such as \"org.opencontainers.image.source\".", "attributes", "annotations")
	}
	// A default in the description would also be given to an entrypoint.
	if a.Cmd == nil && len(a.Entrypoint) == 0 {
		a.Cmd = []string{"/bin/sh"}
	}
	return a, nil
}

// environment returns the environment as sorted NAME=value.
func (a Attributes) environment() []string {
	env := map[string]string{"PATH": searchPath}
	maps.Copy(env, a.Env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// tags returns tag and tags with the places where they are written.
func (a Attributes) tags() (tags []string, paths [][]string) {
	if a.Tag != "" {
		tags, paths = append(tags, a.Tag), append(paths, []string{"attributes", "tag"})
	}
	for i, tag := range a.Tags {
		tags, paths = append(tags, tag), append(paths, []string{"attributes", "tags", fmt.Sprint(i)})
	}
	return tags, paths
}

// bad is the error of an attribute.
func bad(detail, remedy string, path ...string) sdk.Diagnostics {
	return sdk.Diagnostics{{
		Severity: sdk.Error, Summary: "Unusable " + path[min(1, len(path)-1)], Detail: detail, Remedy: remedy, Path: path,
	}}
}
