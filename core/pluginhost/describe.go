package pluginhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// maxManifest bounds what a plugin may print when it describes itself.
const maxManifest = 4 << 20

// describe runs a plugin for its manifest.
func (h *Host) describe(ctx context.Context, f *Found) (sdk.Manifest, error) {
	var m sdk.Manifest
	limited, cancel := context.WithTimeout(ctx, h.opts.StartTimeout)
	defer cancel()
	bounds := limits{box: h.opts.Sandbox, memory: h.opts.Memory}
	var err error
	if bounds.temp, err = os.MkdirTemp("", "mkmini-plugin"); err != nil {
		return m, f.fail("can't be started", sentence(err), "Correct the folder for temporary files (TMPDIR).", err)
	}
	defer os.RemoveAll(bounds.temp)
	cmd := sdk.Command(limited, f.Path, append(slices.Clone(f.Args), "describe")...)
	cmd.Env = h.environment(bounds.temp)
	cmd.Dir = "/"
	stdout := &head{limit: maxManifest}
	stderr := &tail{}
	lines := newLines(stderr.add)
	cmd.Stdout, cmd.Stderr = stdout, lines

	command := strings.Join(append([]string{f.Path}, cmd.Args[1:]...), " ")
	err = bounds.run(cmd)
	lines.flush()
	switch {
	case ctx.Err() != nil:
		return m, ctx.Err()
	case errors.Is(err, sandbox.ErrConfine):
		return m, f.unconfined(err)
	case cmd.Process == nil:
		detail, remedy := explainExec(f.Path, err)
		return m, f.fail("can't be started", detail, remedy, err)
	case limited.Err() != nil:
		return m, f.fail("hangs", fmt.Sprintf("%s did not end within %v.", command, h.opts.StartTimeout),
			f.remedy(), limited.Err(), printed(stdout, stderr)...)
	case err != nil:
		return m, f.fail("can't describe itself", fmt.Sprintf("%s ended with %s.", command, stateText(cmd.ProcessState)),
			f.remedy(), err, printed(stdout, stderr)...)
	}
	if m, err = parseManifest(stdout.bytes()); err != nil {
		return m, f.fail("is not a plugin of mkmini", fmt.Sprintf("%s did not print its description in JSON: %v.", command, err),
			f.remedy(), err, printed(stdout, stderr)...)
	}
	return m, nil
}

// parseManifest reads what `describe` printed, which must be one JSON object
// and nothing else. Members that are not known belong to newer versions.
func parseManifest(b []byte) (m sdk.Manifest, err error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return m, errors.New("it printed nothing")
	}
	if b[0] != '{' {
		return m, errors.New("it printed something else")
	}
	var object json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&object); err != nil {
		return m, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("it printed something else after it")
	}
	// Without white space, so that defaults are the same bytes however they
	// were printed.
	var compact bytes.Buffer
	if err := json.Compact(&compact, object); err != nil {
		return m, err
	}
	return m, json.Unmarshal(compact.Bytes(), &m)
}

// environment returns the variables that all plugins get: none that could
// change what a build makes. temp is the plugin's folder for temporary files.
func (h *Host) environment(temp string) []string {
	env := []string{"LANG=C", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + temp}
	for _, name := range append([]string{"PATH", "HOME", "USER"}, alsoInherited...) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, h.opts.Env...)
}
