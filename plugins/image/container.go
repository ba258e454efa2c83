package image

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// maxRetries is the most failures in a row that make sense.
const maxRetries = 1000

// container returns what containers of the image begin with. Errors are
// sdk.Diagnostics.
// Source: image-spec config.md; for the health check, which is docker's own,
// moby/docker-image-spec spec.md.
func (a Attributes) container() (v1.Config, error) {
	c := v1.Config{
		Cmd: a.Cmd, Entrypoint: a.Entrypoint, Env: a.environment(), Labels: a.Labels, User: a.User, WorkingDir: a.Workdir,
	}
	var err error
	if c.ExposedPorts, err = a.ports(); err != nil {
		return c, err
	}
	if c.Volumes, err = a.volumes(); err != nil {
		return c, err
	}
	if a.StopSignal != "" && !isSignal(a.StopSignal) {
		return c, bad(fmt.Sprintf("There is no signal %q.", a.StopSignal),
			`Write a name such as "SIGTERM" or "SIGRTMIN+3", or a number up to "64".`, "attributes", "stop_signal")
	}
	c.StopSignal = a.StopSignal
	c.Healthcheck, err = a.health()
	return c, err
}

// history returns the lines of the user and those of the layers, which come
// last.
func (a Attributes) history(created v1.Time, img sdk.Image) []v1.History {
	var list []v1.History
	for _, line := range a.History {
		list = append(list, v1.History{Created: created, CreatedBy: line, EmptyLayer: true})
	}
	for _, part := range Layers(img) {
		list = append(list, v1.History{Created: created, CreatedBy: strings.TrimSpace("mkmini " + part.Name)})
	}
	return list
}

// ports returns the set of ports, each with its protocol.
func (a Attributes) ports() (map[string]struct{}, error) {
	set := make(map[string]struct{})
	for i, text := range a.ExposedPorts {
		number, protocol, ok := strings.Cut(text, "/")
		if !ok {
			protocol = "tcp"
		}
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil || port == 0 || strconv.FormatUint(port, 10) != number || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
			return nil, bad(fmt.Sprintf("%q is no port.", text),
				`Write a number from 1 to 65535, alone or with its protocol: "80", "80/tcp", "53/udp".`, "attributes", "exposed_ports", fmt.Sprint(i))
		}
		set[number+"/"+protocol] = struct{}{}
	}
	return set, nil
}

// volumes returns the set of folders.
func (a Attributes) volumes() (map[string]struct{}, error) {
	set := make(map[string]struct{})
	for i, dir := range a.Volumes {
		if clean := path.Clean(dir); !path.IsAbs(dir) || clean == "/" || clean != strings.TrimSuffix(dir, "/") || strings.ContainsAny(dir, "\x00:") {
			return nil, bad(fmt.Sprintf("%q can't be a volume.", dir),
				`Write the absolute path of a folder, which isn't the root: "/var/lib/data".`, "attributes", "volumes", fmt.Sprint(i))
		}
		set[strings.TrimSuffix(dir, "/")] = struct{}{}
	}
	return set, nil
}

// realtime are the signals that are counted from the first or the last one.
var realtime = regexp.MustCompile(`^SIGRTMIN(\+([1-9]|1[0-5]))?$|^SIGRTMAX(-([1-9]|1[0-4]))?$`)

// isSignal says whether Linux has a signal.
// Source: signal(7).
func isSignal(text string) bool {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return n >= 1 && n <= 64
	}
	name, ok := strings.CutPrefix(text, "SIG")
	return realtime.MatchString(text) || ok && slices.Contains([]string{
		"ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "KILL", "PIPE", "PROF", "PWR", "QUIT", "SEGV",
		"STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
	}, name)
}

// health returns the health check; nil if there is none.
func (a Attributes) health() (*v1.HealthConfig, error) {
	times := []struct{ name, text string }{
		{"healthcheck_interval", a.HealthcheckInterval}, {"healthcheck_timeout", a.HealthcheckTimeout},
		{"healthcheck_start_period", a.HealthcheckStartPeriod},
	}
	lengths := make([]time.Duration, len(times))
	for i, t := range times {
		if t.text == "" {
			continue
		}
		// Docker takes nothing between 0, which is its default, and 1 ms.
		d, err := time.ParseDuration(t.text)
		if err != nil || d < time.Millisecond {
			return nil, bad(fmt.Sprintf("%q is no length of time.", t.text), `Write one such as "30s" or "1m30s", of a millisecond at least.`, "attributes", t.name)
		}
		lengths[i] = d
	}
	if r := a.HealthcheckRetries; r < 0 || r > maxRetries || r != math.Trunc(r) {
		return nil, bad(fmt.Sprintf("%v is no number of failures.", r), fmt.Sprintf("Write a whole number from 0 to %d.", maxRetries),
			"attributes", "healthcheck_retries")
	}
	if len(a.Healthcheck) == 0 {
		if lengths[0]+lengths[1]+lengths[2] != 0 || a.HealthcheckRetries != 0 {
			return nil, bad("It is said how to check the health of a container, but not by which command.", `Add healthcheck, such as ["/bin/pidof", "httpd"].`, "attributes", "healthcheck")
		}
		return nil, nil
	}
	return &v1.HealthConfig{
		Test: append([]string{"CMD"}, a.Healthcheck...), Interval: lengths[0], Timeout: lengths[1], StartPeriod: lengths[2],
		Retries: int(a.HealthcheckRetries),
	}, nil
}
