package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"

	"github.com/mkmini/mkmini/core/event"
)

// refresh is how often bars are drawn; a serial console has to keep up.
const refresh = 120 * time.Millisecond

// terminal is the view on a terminal: a bar for each architecture that is
// being worked on, and above them a line for each step that has ended.
type terminal struct {
	o      Options
	screen Screen
	err    *writer
	report *report
	bars   *mpb.Progress
	rows   map[string]*row
	// order are the architectures as the plan, or else the build, came to
	// them; left counts the steps of each that have not ended, by the plan.
	order []string
	left  map[string]int
	// cached are steps that no line has told of yet.
	cached            map[string][]string
	archCells, labels int
}

func newTerminal(o Options, r *report) *terminal {
	t := &terminal{
		o: o, screen: o.ErrScreen, err: &writer{w: o.Err}, report: r,
		rows: make(map[string]*row), left: make(map[string]int), cached: make(map[string][]string),
		archCells: 7, labels: 16,
	}
	options := []mpb.ContainerOption{
		mpb.WithOutput(o.Err), mpb.WithAutoRefresh(), mpb.WithRefreshRate(refresh),
	}
	if o.ErrScreen.Width > 0 {
		options = append(options, mpb.WithWidth(o.ErrScreen.Width))
	}
	t.bars = mpb.New(options...)
	return t
}

// close drops the bars that are left and waits until the last frame is drawn.
// Lines that follow are written as they are.
func (t *terminal) close() {
	if t.bars == nil {
		return
	}
	for _, arch := range t.order {
		t.drop(arch)
	}
	t.bars.Wait()
	t.bars = nil
}

func (t *terminal) event(e event.Event, sum *tally) {
	switch e.Kind {
	case event.Plan:
		t.plan(e)
	case event.Start, event.Progress, event.Waiting:
		t.tell(e.Arch)
		t.row(e.Arch).run(e)
		t.raise(e.Arch)
	case event.Cached:
		t.hit(e)
	case event.Done:
		t.ended(e, green, "done", clean(e.Message))
		t.facts(e)
	case event.Skipped:
		t.ended(e, dim, "skipped", clean(e.Message))
	case event.Failed:
		t.ended(e, red, "failed", summaries(e.Diagnostics))
	case event.Cancelled:
		t.ended(e, yellow, "cancelled", clean(e.Message))
	case event.Warning:
		t.warn(e)
	case event.Log:
		t.log(e)
	case event.Summary:
		t.close()
		t.err.text(t.verdict(e, sum) + "\n")
		if len(e.Artifacts) > 0 {
			t.err.text("\n")
		}
		t.report.write(e.Artifacts)
	}
	if e.Kind.Ends() {
		t.settle(e)
	}
}

func (t *terminal) verdict(e event.Event, sum *tally) string {
	first, rest, _ := strings.Cut(sum.verdict(e), ":")
	c := green
	switch e.Result {
	case event.ResultFailed:
		c = red
	case event.ResultCancelled:
		c = yellow
	}
	if rest == "" {
		return t.screen.paint(c, first)
	}
	return t.screen.paint(c, first) + ":" + rest
}

// plan learns the order of the architectures and how wide columns are.
func (t *terminal) plan(e event.Event) {
	t.left = make(map[string]int)
	for _, s := range e.Steps {
		t.left[s.Arch]++
		t.place(s.Arch)
		t.labels = max(t.labels, width(clean(s.Step)))
	}
	if t.o.Verbosity == 0 {
		return
	}
	t.line("plan: " + planned(e.Steps))
	for _, s := range e.Steps {
		if s.State == event.StateRun {
			t.line(t.head(s.Arch, s.Step) + join(": ", "to run", clean(s.Why)))
		}
	}
}

// place gives an architecture its place among the bars.
func (t *terminal) place(arch string) int {
	t.archCells = max(t.archCells, width(archName(arch)))
	if i := slices.Index(t.order, arch); i >= 0 {
		return i
	}
	t.order = append(t.order, arch)
	return len(t.order) - 1
}

// row returns the row of an architecture.
func (t *terminal) row(arch string) *row {
	r, ok := t.rows[arch]
	if !ok {
		r = newRow(arch, t.screen, t.o.Now)
		t.rows[arch] = r
	}
	return r
}

// raise puts a row's bar on the screen if it isn't there. As many are shown
// as fit: a frame taller than the screen can't be drawn over.
func (t *terminal) raise(arch string) {
	r, place := t.rows[arch], t.place(arch)
	r.widths.Store(&widths{t.archCells, t.labels})
	if r.bar != nil || t.bars == nil {
		return
	}
	shown := 0
	for _, other := range t.rows {
		if other.bar != nil {
			shown++
		}
	}
	if _, height := t.screen.size(t.o.Err); height > 0 && shown >= max(1, height-2) {
		return
	}
	bar, err := t.bars.Add(0, r.filler(), mpb.BarFillerTrim(), mpb.BarPriority(place))
	if err == nil { // else the terminal is gone, and with it the bars
		r.bar = bar
	}
}

// drop takes the bar of an architecture away.
func (t *terminal) drop(arch string) {
	if r := t.rows[arch]; r != nil && r.bar != nil {
		r.bar.Abort(true)
		r.bar = nil
	}
}

// settle takes an ended step off its row, and the row off the screen if it
// was the last. Shared steps are at both ends of a build, with nothing to wait
// for in between.
func (t *terminal) settle(e event.Event) {
	r := t.rows[e.Arch]
	if r != nil {
		r.end(e.Step)
	}
	t.left[e.Arch]--
	if r != nil && r.idle() && (t.left[e.Arch] <= 0 || e.Arch == "") {
		t.drop(e.Arch)
	}
}

// line writes a line above the bars.
func (t *terminal) line(s string) {
	if t.bars != nil {
		if _, err := fmt.Fprintln(t.bars, s); err == nil {
			return
		}
	}
	t.err.text(s + "\n")
}
