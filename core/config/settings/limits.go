package settings

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/config"
)

// Limits are what plugins are held to. What isn't set is zero.
type Limits struct {
	// Start is how long a plugin may take to start, Heartbeat how long it may
	// not answer, and Timeout how long a call may make no progress.
	Start, Heartbeat, Timeout time.Duration
	// Memory is how many bytes of data each process of a plugin may have.
	Memory uint64
	// NoSandbox lets plugins write anywhere and use the network.
	NoSandbox bool
}

// leastMemory is too little for anything, but a mistake if it is less.
const leastMemory = 16 << 20

// ParseDuration reads a duration above zero: "90s", "1h30m".
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New(`it has to be a number with a unit, as in "90s", "10m" or "1h30m", and above zero`)
	}
	return d, nil
}

// ParseMemory reads a number of bytes: "512MiB", "2GiB".
func ParseMemory(text string) (uint64, error) {
	for unit, factor := range map[string]uint64{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		if err == nil && n <= math.MaxInt64/factor && n*factor >= leastMemory {
			return n * factor, nil
		}
	}
	return 0, errors.New(`it has to be a whole number with a unit, as in "512MiB" or "2GiB", and 16MiB at least`)
}

// limits decodes the limits of a plugins block.
func limits(body config.Body) (Limits, hcl.Diagnostics) {
	l := Limits{NoSandbox: body.Given("sandbox") && !body.Bool("sandbox")}
	var diags hcl.Diagnostics
	wrong := func(name string, err error) {
		diags = append(diags, config.Problem(body.At(name), "Value not allowed", "%q can't be %q: %v.", name, body.Text(name), err))
	}
	for _, one := range []struct {
		name string
		to   *time.Duration
	}{{"start_timeout", &l.Start}, {"heartbeat", &l.Heartbeat}, {"timeout", &l.Timeout}} {
		if !body.Given(one.name) {
			continue
		}
		var err error
		if *one.to, err = ParseDuration(body.Text(one.name)); err != nil {
			wrong(one.name, err)
		}
	}
	if body.Given("memory") {
		var err error
		if l.Memory, err = ParseMemory(body.Text("memory")); err != nil {
			wrong("memory", err)
		}
	}
	return l, diags
}
