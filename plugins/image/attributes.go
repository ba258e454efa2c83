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
	Archive     bool              `json:"archive"`
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
	}
}

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
