package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// shownLines is how many lines of output an error shows.
const shownLines = 20

// exitGrace is how long a plugin whose connection broke may take to be dead.
const exitGrace = time.Second

func quote(s string) string { return strconv.Quote(s) }

// sentence makes an error's text a sentence.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// fail returns an error about a plugin.
func (f *Found) fail(what, detail, remedy string, err error, excerpt ...string) error {
	return &fault.Error{
		Summary: "Plugin " + quote(f.Name) + " " + what,
		Detail:  detail,
		Remedy:  remedy,
		Excerpt: excerpt,
		Err:     err,
	}
}

// remedy says what to do about a plugin that does not work.
func (f *Found) remedy() string {
	if f.Builtin {
		return "Install mkmini again."
	}
	return "Install the plugin again, or remove " + f.Path + " if it is none."
}

// printed returns what a plugin printed, for an error.
func printed(stdout *head, stderr *tail) []string {
	lines := outputLines(stdout.bytes())
	if panicking := stderr.panicHead(); panicking != nil {
		return append(lines, panicking...)
	}
	all := stderr.lines()
	return append(lines, all[max(0, len(all)-shownLines):]...)
}

// outputLines returns the first few lines of a plugin's standard output.
func outputLines(b []byte) []string {
	var out []string
	for line := range bytes.Lines(b) {
		if len(out) == 5 {
			return append(out, "…")
		}
		line = bytes.TrimSpace(line[:min(len(line), 200)])
		out = append(out, "stdout: "+strings.ToValidUTF8(string(line), "�"))
	}
	return out
}

// stateText says how a process ended.
func stateText(state *os.ProcessState) string {
	if state == nil {
		return "no known status"
	}
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return fmt.Sprintf("signal %d (%s)", int(wait.Signal()), wait.Signal())
	}
	return fmt.Sprintf("exit status %d", state.ExitCode())
}

// unconfined explains that the sandbox can't be had.
func (f *Found) unconfined(err error) error {
	return f.fail("can't be confined", sentence(err),
		"Run mkmini with --no-sandbox if you trust the plugin, and report this to the makers of mkmini.", err)
}

// explainStart says why a plugin could not be started.
func (p *process) explainStart(err error, took time.Duration) error {
	f, run := p.found, p.program
	if errors.Is(err, errKilled) {
		return errClosed
	}
	if errors.Is(err, sandbox.ErrConfine) {
		return f.unconfined(err)
	}
	if run.pid == 0 {
		detail, remedy := sentence(err), "Correct the folder for temporary files (TMPDIR)."
		if failed := (*os.PathError)(nil); errors.As(err, &failed) && failed.Path == f.Path {
			detail, remedy = explainExec(f.Path, err)
		}
		return f.fail("can't be started", detail, remedy, err)
	}
	<-run.exited
	line := p.firstLine()
	handshake := strings.Count(line, "|") >= 3
	switch {
	case line != "" && !handshake:
		return f.fail("printed on standard output before it served",
			fmt.Sprintf("Its first line is %s, where the handshake is due.", quote(line[:min(len(line), 100)])),
			"Let the plugin print to standard error; if it is no plugin of mkmini, remove "+f.Path+".",
			err, printed(&head{}, run.stderr)...)
	case took >= p.timeout:
		return f.fail("hangs", fmt.Sprintf("%s was started and did not serve within %v.", f.Path, p.timeout),
			f.remedy(), err, printed(&head{}, run.stderr)...)
	case handshake:
		return f.fail("can't be connected to", sentence(err), f.remedy(), err, printed(&head{}, run.stderr)...)
	}
	return f.fail("ended at its start", fmt.Sprintf("%s ended with %s before it served.", f.Path, stateText(run.state)),
		f.remedy(), err, printed(&head{}, run.stderr)...)
}

// explain turns the error of a call into one for the user. What the plugin
// itself says passes as it is.
func (p *process) explain(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	if errors.As(err, new(sdk.Diagnostics)) {
		return err
	}
	if v := p.verdict.Load(); v != nil {
		return p.found.fail(v.what, v.detail, v.remedy, err, printed(&head{}, p.program.stderr)...)
	}
	if ctx.Err() != nil {
		if errors.Is(err, sdk.ErrStillRunning) {
			// Asking it to end would take as long again, while it works in
			// folders that are about to be removed.
			p.program.kill()
		}
		return ctx.Err()
	}
	state, transport := status.FromError(err)
	if !transport {
		return p.found.fail("failed to "+call, sentence(err)+" This is what "+p.found.where()+" says.",
			"Look at what the plugin writes, with -vv, or report it to whoever makes the plugin.", err,
			printed(&head{}, p.program.stderr)...)
	}
	if p.stopping.Load() {
		return errClosed
	}
	switch state.Code() {
	case codes.Unimplemented:
		return p.found.fail("can't "+call, "The plugin "+p.found.where()+" does not have this call.",
			"Install a newer version of the plugin.", err)
	case codes.ResourceExhausted:
		return p.found.fail("sends too much", fmt.Sprintf("%s failed in the call %q: a message may have %d MiB, and %s.",
			p.found.Path, call, maxMessage>>20, state.Message()),
			"Report this to whoever makes the plugin: what is large belongs into a file.", err, printed(&head{}, p.program.stderr)...)
	case codes.Unavailable, codes.Canceled, codes.Unknown:
		select {
		case <-p.program.exited:
			return p.explainCrash(call, err)
		case <-time.After(exitGrace):
		}
	}
	return p.found.fail("failed to "+call, fmt.Sprintf("The connection to %s failed in the call %q: %s (%s).",
		p.found.Path, call, state.Message(), state.Code()), "Try again with -vv and look at what the plugin writes.",
		err, printed(&head{}, p.program.stderr)...)
}

// explainCrash explains a call that the plugin did not survive.
func (p *process) explainCrash(call string, err error) error {
	run := p.program
	detail := fmt.Sprintf("%s ended with %s in the call %q.", p.found.Path, stateText(run.state), call)
	remedy := "Report this to whoever makes the plugin."
	wait, _ := run.state.Sys().(syscall.WaitStatus)
	switch {
	case run.wasKilled():
		detail = fmt.Sprintf("%s was stopped in the call %q.", p.found.Path, call)
		remedy = "Try again."
	case wait.Signaled() && wait.Signal() == syscall.SIGKILL && memoryKills() > run.limits.kills:
		detail += " The kernel ended a process for lack of memory meanwhile."
		remedy = "Use fewer jobs (-j) or more memory. If it is the plugin that eats it, report this to whoever makes the plugin."
	case wait.Signaled() && wait.Signal() == syscall.SIGKILL:
		remedy = "Somebody ended it; try again. If it was the kernel for lack of memory, which dmesg tells, use fewer jobs (-j)."
	case run.limits.memory > 0:
		detail += fmt.Sprintf(" It may have %d MiB of memory.", run.limits.memory>>20)
		remedy = "Allow more by memory in the settings or MKMINI_PLUGIN_MEMORY if that is not enough, or report this to whoever makes the plugin."
	case wait.Signaled() && wait.Signal() == syscall.SIGTERM:
		remedy = "Somebody ended it; try again."
	}
	return p.found.fail("crashed", detail, remedy, err, printed(&head{}, run.stderr)...)
}

// checkProtocol says whether we and the plugin have a version in common, and
// who is older if not.
func (f *Found) checkProtocol() error {
	ours, theirs := sdk.ProtocolVersions(), f.Manifest.Protocols
	if slices.ContainsFunc(theirs, func(v int) bool { return slices.Contains(ours, v) }) {
		return nil
	}
	if len(theirs) == 0 {
		return f.lie([]string{`"protocols" is empty`})
	}
	who, remedy := "The plugin is older.", "Install a newer version of the plugin."
	if slices.Max(theirs) > slices.Max(ours) {
		who, remedy = "mkmini is older.", "Install a newer mkmini, or an older version of the plugin."
		if needs := f.Manifest.Mkmini; needs != "" {
			remedy = "Install mkmini " + needs + " or newer, or an older version of the plugin."
		}
	}
	return f.fail("speaks another protocol",
		fmt.Sprintf("%s version %s speaks %s of the plugin protocol, and mkmini speaks %s. %s",
			f.where(), f.Manifest.Version, versions(theirs), versions(ours), who), remedy, nil)
}

// versions returns a range of versions in words.
func versions(list []int) string {
	low, high := slices.Min(list), slices.Max(list)
	if low == high {
		return fmt.Sprintf("version %d", low)
	}
	return fmt.Sprintf("versions %d to %d", low, high)
}
