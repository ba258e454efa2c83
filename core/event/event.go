// Package event is what happens during a build, as plain data: core/build
// writes it, core/ui shows it, and programs read it as JSON lines.
package event

import (
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Kind says what happened.
type Kind string

// The kinds of events. A build is one Plan, any number of the others, and one
// Summary at the end. A step is one Cached or Skipped, or else one Start that
// is followed by one of Done, Failed, Cancelled, and Cached if another run made
// the result meanwhile; Progress, Waiting and Warning lie in between. Toolchains
// that have to be probed come before the rest, and what a build that was
// stopped did not come to has no event.
const (
	// Plan has Steps: all that the build is going to look at, in order.
	Plan Kind = "plan"
	// Start begins a step.
	Start Kind = "start"
	// Progress reports on a running step: Phase, Done, Total, Unit, Message,
	// Elapsed.
	Progress Kind = "progress"
	// Waiting says in Message what a running step waits for: another run that
	// makes the same. The next Progress, or the step's end, ends it.
	Waiting Kind = "waiting"
	// Cached says that a step's result was there; it has the same Message,
	// Facts and Artifacts as the Done of the run that made it.
	Cached Kind = "cached"
	// Done ends a step well: Elapsed, Message, Facts, Artifacts.
	Done Kind = "done"
	// Skipped says that a step isn't run because one that it needs failed;
	// Message names it.
	Skipped Kind = "skipped"
	// Warning has Diagnostics that don't stop the step.
	Warning Kind = "warning"
	// Failed ends a step badly: Elapsed, Diagnostics.
	Failed Kind = "failed"
	// Cancelled ends a step that the user or another step's failure stopped.
	Cancelled Kind = "cancelled"
	// Log is a line for those who look closely: Level, Message.
	Log Kind = "log"
	// Summary is the last event: Result, Elapsed, Artifacts, and the
	// Diagnostics of all failures, those of steps again, so that it can be
	// read alone.
	Summary Kind = "summary"
)

// Ends says whether the event is the last of its step.
func (k Kind) Ends() bool {
	switch k {
	case Cached, Done, Skipped, Failed, Cancelled:
		return true
	}
	return false
}

// Result is how a build ended.
type Result string

// The results.
const (
	ResultOK        Result = "ok"
	ResultFailed    Result = "failed"
	ResultCancelled Result = "cancelled"
)

// Bytes is the Unit of a Progress that counts bytes.
const Bytes = "bytes"

// Event is one thing that happened. Fields that a kind doesn't use are zero,
// and absent from its JSON object.
type Event struct {
	// Time is when; a Sink that shows it fills it in if it is zero. JSON has
	// it in UTC, as RFC 3339 with milliseconds at most.
	Time time.Time `json:"time,omitzero"`
	Kind Kind      `json:"kind"`
	// Step names the kind of work: "source", "source musl", "toolchain",
	// "libc", "busybox", "rootfs", "check", "sbom", "export docker", and what comes
	// after a plan's own, "load" and "push". Step and Arch
	// together name one step of the build; the second export by a plugin is
	// "export docker (2)".
	Step string `json:"step,omitempty"`
	// Arch is the architecture's name; empty for a step that they share.
	Arch string `json:"arch,omitempty"`
	// Key is the step's key in the store, in hexadecimal digits.
	Key string `json:"key,omitempty"`
	// Phase names the part of the step that runs: "fetch", "compile".
	Phase string `json:"phase,omitempty"`
	// Done of Total units are finished; Total is 0 if it isn't known.
	Done  int `json:"done,omitempty"`
	Total int `json:"total,omitempty"`
	// Unit is what Done and Total count: Bytes, or empty for pieces of work.
	Unit string `json:"unit,omitempty"`
	// Level is a Log's level: "debug", "info", "warn", "error"; empty is
	// "info".
	Level string `json:"level,omitempty"`
	// Message is a few words for people.
	Message string `json:"message,omitempty"`
	// Elapsed is how long it took, of a Progress so far; JSON has it in
	// seconds, to the millisecond.
	Elapsed time.Duration `json:"-"`
	Result  Result        `json:"result,omitempty"`
	// Steps are the steps of a Plan.
	Steps []Step `json:"steps,omitempty"`
	// Facts are what a step found out.
	Facts []sdk.Fact `json:"facts,omitempty"`
	// Artifacts are what an export wrote, or all that a build made.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Diagnostics say what went wrong and what to do.
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// Step is one step of a plan.
type Step struct {
	// Number counts from 1.
	Number int    `json:"number"`
	Step   string `json:"step"`
	// Arch is empty for a step that the architectures share.
	Arch string `json:"arch,omitempty"`
	// Key is empty if it isn't known before an earlier step has run.
	Key   string `json:"key,omitempty"`
	State State  `json:"state"`
	// Why says in a few words why the step must run.
	Why string `json:"why,omitempty"`
}

// State says what a build does about a step.
type State string

// The states of planned steps.
const (
	StateCached State = "cached"
	StateRun    State = "run"
)

// Artifact is a file or folder that a build made.
type Artifact struct {
	// Path is where it ended up.
	Path string `json:"path"`
	// Format names what it is: "docker", "oci", "cpio.gz".
	Format string `json:"format"`
	// Arch is empty if it holds several.
	Arch string `json:"arch,omitempty"`
	// Libc is the C library of its programs, "musl 1.2.3"; of several
	// architectures those there are, with commas between them.
	Libc string `json:"libc,omitempty"`
	// SHA256 is 64 hexadecimal digits: of a file's bytes, or what the writer
	// of the event takes for the digest of a folder.
	SHA256 string `json:"sha256,omitempty"`
	// Size is the length in bytes, of a folder the sum of its files.
	Size int64 `json:"size"`
	// Provenance is the path of its provenance, Sums that of the checksums of a
	// folder, and Signature that of its signature, or of its checksums'; each
	// is empty if there is none.
	Provenance string `json:"provenance,omitempty"`
	Sums       string `json:"sums,omitempty"`
	Signature  string `json:"signature,omitempty"`
	// Elapsed is how long its export took; JSON has it in seconds.
	Elapsed time.Duration `json:"-"`
	// Run are shell commands that use it, in order; {path} stands for Path.
	// JSON lines of core/ui have it replaced.
	Run []string `json:"run,omitempty"`
	// Cached says that this build took it from the store.
	Cached bool `json:"cached,omitempty"`
	// Push are names in registries that it is to get, and Load says that a
	// docker engine is to get it.
	Push []string `json:"-"`
	Load bool     `json:"-"`
}

// Sink takes events. Event may be called from several goroutines at once,
// and does not block for long.
type Sink interface {
	Event(Event)
}

// Func is a function as a Sink; it must be safe for concurrent use.
type Func func(Event)

// Event calls f.
func (f Func) Event(e Event) { f(e) }
