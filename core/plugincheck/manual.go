package plugincheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// describeCheck is the one without which there are no others.
const describeCheck = "describe"

// manual are the checks that start the executable without a host.
var manual = []check{
	{
		name:   describeCheck,
		remedy: `Run with the last argument "describe", a plugin prints its manifest, one JSON object, and ends with status 0.`,
		run:    describes,
	},
	{
		name:   "by_hand",
		remedy: "Without mkmini's cookie in its environment, a plugin says on standard error what it is, prints nothing on standard output, and ends with a status other than 0.",
		run:    runByHand,
	},
	{
		name:   "versions",
		remedy: "Of the versions in PLUGIN_PROTOCOL_VERSIONS a plugin serves the newest that it speaks; if it speaks none of them, it says so, or names one of its own.",
		run:    negotiates,
	},
	{
		name:   "tls",
		remedy: "A plugin's certificate is in its handshake, and it refuses everybody who has not the certificate in PLUGIN_CLIENT_CERT.",
		run:    refusesStrangers,
	},
	{
		name:   "sigterm",
		remedy: "A plugin that gets SIGTERM, as it does when mkmini dies, ends at once with all that it started.",
		run:    endsOnTerm,
	},
}

var nameSyntax = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// output runs the executable to its end, with the time that an answer may
// take.
func (s *subject) output(ctx context.Context, env []string, args ...string) (stdout, stderr []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	cmd := sdk.Command(ctx, s.exe, args...)
	cmd.Dir, cmd.Env = "/", append(s.plainEnvironment(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = sdk.Run(cmd)
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not end within %v", s.opts.StartTimeout)
	}
	return out.Bytes(), errs.Bytes(), err
}

// describes checks the manifest, and installs the plugin under its name.
func describes(ctx context.Context, s *subject) (string, error) {
	first, stderr, err := s.output(ctx, nil, "describe")
	if err != nil {
		return "", printed(err, stderr)
	}
	var manifest struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(first, &manifest); err != nil {
		return "", fmt.Errorf("it printed no JSON: %w: %s", err, short(first))
	}
	if !nameSyntax.MatchString(manifest.Name) {
		return "", fmt.Errorf("its name is %q; a name has small letters, digits, dots, dashes and underscores only", manifest.Name)
	}
	file := filepath.Base(s.opts.Path)
	called, isCalled := strings.CutPrefix(file, pluginhost.Prefix)
	if isCalled && called != manifest.Name && !strings.HasPrefix(called, manifest.Name+"_v") {
		return "", fmt.Errorf("the file is called %s, and its name is %q", file, manifest.Name)
	}
	second, _, err := s.output(ctx, nil, "describe")
	if err != nil || !bytes.Equal(first, second) {
		return "", errors.New("it prints something else each time")
	}
	s.manifest.Name = manifest.Name
	if err := s.install(); err != nil {
		return "", err
	}
	s.host = s.newHost(false)
	found, err := s.host.Find(ctx, manifest.Name)
	if err != nil {
		return "", err
	}
	s.manifest = found.Manifest
	return fmt.Sprintf("%s %s: %s", s.manifest.Name, s.manifest.Version, kinds(s.manifest)), nil
}

func kinds(m sdk.Manifest) string {
	var all []string
	if m.Toolchain != nil {
		all = append(all, "toolchain for "+m.Toolchain.Arch)
	}
	if m.Exporter != nil {
		all = append(all, "exporter")
	}
	return strings.Join(all, ", ")
}

func runByHand(ctx context.Context, s *subject) (string, error) {
	stdout, stderr, err := s.output(ctx, nil)
	var exit *exec.ExitError
	switch {
	case len(stdout) > 0:
		return "", fmt.Errorf("it printed on standard output: %s", short(stdout))
	case err == nil:
		return "", errors.New("it ended with status 0, as if it had done something")
	case !errors.As(err, &exit) || exit.ExitCode() < 0:
		return "", printed(err, stderr)
	case len(bytes.TrimSpace(stderr)) == 0:
		return "", errors.New("it printed nothing on standard error")
	}
	return short(stderr), nil
}

func negotiates(ctx context.Context, s *subject) (string, error) {
	const none = 1000
	ours := sdk.ProtocolVersions()
	newest := 0
	speaks := map[int]bool{}
	for _, v := range s.manifest.Protocols {
		speaks[v] = true
	}
	offers := []int{none}
	for _, v := range ours {
		offers = append(offers, v)
		if speaks[v] {
			newest = max(newest, v)
		}
	}
	run, err := s.start(ctx, offers)
	if err != nil {
		return "", err
	}
	run.end()
	if run.protocol != newest {
		return "", fmt.Errorf("offered the versions %v it serves version %d, and version %d was due", offers, run.protocol, newest)
	}
	run, err = s.start(ctx, []int{none})
	var refused *noHandshake
	switch {
	case errors.As(err, &refused) && refused.ended && refused.line == "":
		return fmt.Sprintf("version %d; without one it ends", newest), nil
	case err != nil:
		return "", fmt.Errorf("offered version %d only, %w", none, err)
	}
	run.end()
	if !speaks[run.protocol] {
		return "", fmt.Errorf("offered version %d only, it serves version %d, which it does not speak", none, run.protocol)
	}
	return fmt.Sprintf("version %d", newest), nil
}

func endsOnTerm(ctx context.Context, s *subject) (string, error) {
	run, err := s.start(ctx, sdk.ProtocolVersions())
	if err != nil {
		return "", err
	}
	defer run.end()
	if err := syscall.Kill(run.pid, syscall.SIGTERM); err != nil {
		return "", err
	}
	select {
	case <-run.ended:
		return "", s.childless()
	case <-time.After(patience):
		return "", fmt.Errorf("it still runs %v later", patience)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// printed adds the last line that a plugin wrote for people to an error.
func printed(err error, stderr []byte) error {
	lines := bytes.Split(bytes.TrimSpace(stderr), []byte{'\n'})
	if last := short(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}
