package gcc

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// compile makes the unstripped binary and the list of links.
func (b *build) compile(ctx context.Context) error {
	w := &watcher{jobs: b.req.Jobs, progress: b.progress}
	goals := []string{"mkmini-objects"}
	if b.plainKbuild {
		goals = []string{"busybox", "busybox.links"}
	}
	err := b.make(ctx, w.line, append([]string{fmt.Sprintf("-j%d", b.req.Jobs)}, goals...)...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return b.compileProblem(ctx, w, err)
	}
	w.finish()
	if b.plainKbuild {
		return nil
	}
	b.progress(sdk.Report{Phase: "link", Message: "busybox"})
	return b.link(ctx)
}

// watcher turns what kbuild prints into progress, and notes what failed.
type watcher struct {
	jobs     int
	progress sdk.Progress
	total    int
	started  int
	reported int
	// failed is the first object whose rule failed, and output the last
	// lines that were printed.
	failed string
	output []string
}

// watched is how many of the last lines of output a watcher keeps.
const watched = 200

var failedRule = regexp.MustCompile(`^make\S*: \*\*\* \[(?:[^\]]*[\s:])?([^\s:\]]+\.o)\] Error`)

// line takes a line of kbuild's output.
func (w *watcher) line(line string) {
	if len(w.output) >= 2*watched {
		w.output = append(w.output[:0], tail(w.output, watched)...)
	}
	w.output = append(w.output, line)
	if rest, ok := strings.CutPrefix(line, "mkmini total "); ok {
		w.total, _ = strconv.Atoi(strings.TrimSpace(rest))
		w.report(0, "")
		return
	}
	if fields := strings.Fields(line); len(fields) == 2 && strings.HasPrefix(line, "  ") &&
		(fields[0] == "CC" || fields[0] == "AS") && strings.HasSuffix(fields[1], ".o") {
		// kbuild prints the line when a compile starts; the others that run
		// are not done either.
		w.started++
		w.total = max(w.total, w.started)
		w.report(max(w.started-w.jobs, w.reported), fields[1])
		return
	}
	if m := failedRule.FindStringSubmatch(line); m != nil && w.failed == "" {
		w.failed = m[1]
	}
}

func (w *watcher) report(done int, message string) {
	w.reported = done
	w.progress(sdk.Report{Phase: "compile", Done: done, Total: w.total, Message: message})
}

// finish reports that every compile is done.
func (w *watcher) finish() { w.report(w.started, "") }

// firstError is the shape of gcc's errors.
var firstError = regexp.MustCompile(`^([^\s:][^:]*):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)$`)

// compileProblem explains why make failed. If a compile did, it is done once
// more by itself, for its command and for errors that no other job's mix with.
func (b *build) compileProblem(ctx context.Context, w *watcher, err error) error {
	problem := sdk.Diagnostic{
		Summary: "Busybox does not compile",
		Detail:  fmt.Sprintf("make failed: %v.", err),
		Remedy:  "Read the log for the cause.",
		Excerpt: tail(w.output, 20),
		Log:     b.log.name,
	}
	if w.failed == "" {
		return sdk.Diagnostics{problem}
	}
	var again []string
	b.log.printf("%s once more, with its command", w.failed)
	b.make(ctx, func(line string) { again = append(again, line) }, "V=1", w.failed)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	command, found, message := explain(again, w.failed)
	if message == "" {
		_, found, message = explain(w.output, w.failed)
	}
	problem.Detail = fmt.Sprintf("The compile of %s failed.", w.failed)
	if message != "" {
		problem.Detail = fmt.Sprintf("The compile of %s failed: %s.", w.failed, strings.TrimSuffix(message, "."))
		problem.Excerpt = found
	}
	if command != "" {
		problem.Excerpt = append(problem.Excerpt, command)
	}
	problem.Remedy = "Leave out the applet or symbol that the file belongs to, or try another version of busybox; the log has all errors."
	return sdk.Diagnostics{problem}
}

// explain finds in the output of one compile its command, the first error
// with the lines that show it, and the error's message.
func explain(output []string, object string) (command string, found []string, message string) {
	for i, line := range output {
		line = strings.TrimSpace(line)
		if command == "" && strings.Contains(line, " -c -o "+object+" ") && !strings.HasPrefix(line, "scripts/") {
			command, _, _ = strings.Cut(line, ";")
		}
		if m := firstError.FindStringSubmatch(line); m != nil && message == "" {
			message = m[4]
			found = []string{line}
			for _, next := range output[i+1:] {
				// gcc shows the source line and marks, with a bar.
				if !strings.Contains(next, " | ") || len(found) == 4 {
					break
				}
				found = append(found, next)
			}
		}
	}
	return command, found, message
}
