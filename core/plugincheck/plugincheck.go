// Package plugincheck holds a plugin against the contract: it runs the
// executable with good requests, bad ones and none at all, and says what it
// does not keep to. It needs nothing of the plugin but the executable.
package plugincheck

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Options say what is checked, and with what.
type Options struct {
	// Path is the plugin's executable.
	Path string
	// Checks are the names of those to make, all if it is empty. Those that
	// they build on are made too.
	Checks []string
	// Attributes are values for attributes of the plugin's block. Others
	// have their defaults.
	Attributes map[string]json.RawMessage
	// CC is the absolute path of a compiler that the plugin, a toolchain,
	// should be able to use; if it is empty, Compilers are tried.
	CC string
	// Compilers returns the compilers that a build would try, in order.
	Compilers func(sdk.ToolchainInfo) []Compiler
	// Source is the folder of unpacked sources of busybox; nothing is built
	// if it is empty. Version is theirs.
	Source, Version string
	// Jobs is how many compiles run at once.
	Jobs int
	// TempDir is where folders to work in are made, the usual place if empty.
	TempDir string
	// StartTimeout bounds the start of a plugin and each answer that needs
	// no work, CallTimeout a call that works. They are 10 seconds and 10
	// minutes if 0.
	StartTimeout, CallTimeout time.Duration
	// Sandbox confines the plugin in one of the checks, as builds do; in the
	// others nothing does, so that what it does is seen. It may be nil.
	Sandbox *sandbox.Sandbox
	// Env is added to what the plugin's environment always has.
	Env []string
	// Logger gets at debug level what the plugin writes. It may be nil.
	Logger *slog.Logger
	// Report is called when a check begins. It may be nil.
	Report func(check string, done, total int)
}

// Compiler is a compiler driver on this machine.
type Compiler struct {
	// CC and Prefix are as in [sdk.ProbeRequest].
	CC, Prefix string
}

// Result is the outcome of one check.
type Result struct {
	// Check is a stable name: "describe", "cancel".
	Check string `json:"check"`
	// Status is ok, failure or skipped.
	Status sdk.Status `json:"status"`
	// Detail says what was seen, or why the check was skipped.
	Detail string `json:"detail"`
	// Excerpt holds lines that the plugin printed.
	Excerpt []string `json:"excerpt,omitempty"`
	// Remedy says what the contract wants; empty unless it failed.
	Remedy string `json:"remedy,omitempty"`
}

// Passed says whether nothing failed.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Status == sdk.Fail })
}

// check is one thing that a plugin has to keep to.
type check struct {
	name string
	// kind is the kind of plugin that it is for; all if empty.
	kind string
	// remedy is what the contract wants, in one sentence.
	remedy string
	// run returns what was seen. An error is a failure, unless it is a skip.
	run func(context.Context, *subject) (string, error)
}

// skip is why a check can't be done.
type skip string

func (s skip) Error() string { return string(s) }

// Run makes all checks in order, whatever comes of each, and returns their
// results: first what can be seen without mkmini's protocol, then what each
// kind of plugin has to keep to, last what is left behind. The error is the
// context's, or says that the checks themselves could not be made.
func Run(ctx context.Context, opts Options) (results []Result, err error) {
	s, err := newSubject(opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	all := slices.Concat(manual, served, exporting, probing, building, after)
	for n, c := range all {
		if !s.is(c.kind) || !opts.wants(c.name) {
			continue
		}
		if opts.Report != nil {
			opts.Report(c.name, n, len(all))
		}
		detail, err := c.run(ctx, s)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		results = append(results, result(c, detail, err))
		if err != nil && c.name == describeCheck {
			return results, nil // nothing else can be said of it
		}
	}
	return results, nil
}

// wants says whether a check is to be made: it was asked for, or one that
// begins with its name, or one of a build, which needs a probe.
func (o Options) wants(name string) bool {
	return len(o.Checks) == 0 || name == describeCheck || slices.ContainsFunc(o.Checks, func(asked string) bool {
		return asked == name || strings.HasPrefix(asked, name+"_") || name == "probe" && strings.HasPrefix(asked, "build")
	})
}

// result puts the outcome of a check in words.
func result(c check, detail string, err error) Result {
	r := Result{Check: c.name, Status: sdk.OK, Detail: detail}
	var reason skip
	var told *fault.Error
	switch {
	case err == nil:
		return r
	case errors.As(err, &reason):
		r.Status, r.Detail = sdk.Skipped, string(reason)
		return r
	case errors.As(err, &told):
		r.Detail, r.Excerpt = told.Summary+": "+told.Detail, told.Excerpt
	default:
		r.Detail = err.Error()
	}
	r.Status, r.Remedy = sdk.Fail, c.remedy
	return r
}
