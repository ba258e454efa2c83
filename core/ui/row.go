package ui

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/mkmini/mkmini/core/event"
)

// row is the bar of one architecture. It shows the step that began last of
// those that run.
type row struct {
	arch   string
	screen Screen
	now    func() time.Time
	bar    *mpb.Bar
	tasks  []task
	style  mpb.BarStyleComposer
	// shown and widths are all that drawing reads: it happens on another
	// goroutine, which must never wait for the one that handles events.
	shown  atomic.Pointer[task]
	widths atomic.Pointer[widths]
}

// widths are those of the first two columns, in cells.
type widths struct{ arch, label int }

// task is a running step, or with no step the rest between two.
type task struct {
	step, phase, message string
	waiting              bool
	amount               string
	done, total          int
	began                time.Time
	others               int
}

func newRow(arch string, screen Screen, now func() time.Time) *row {
	style := mpb.BarStyle().Padding(" ").
		FillerMeta(func(s string) string { return screen.paint(cyan, s) }).
		TipMeta(func(s string) string { return screen.paint(cyan, s) })
	r := &row{arch: archName(arch), screen: screen, now: now, style: style}
	r.shown.Store(&task{})
	r.widths.Store(&widths{})
	return r
}

// run takes a Start, Progress or Waiting.
func (r *row) run(e event.Event) {
	i := slices.IndexFunc(r.tasks, func(t task) bool { return t.step == e.Step })
	if i < 0 {
		r.tasks = append(r.tasks, task{step: e.Step, began: e.Time})
		i = len(r.tasks) - 1
	}
	t := &r.tasks[i]
	t.waiting = e.Kind == event.Waiting
	t.message = clean(e.Message)
	if e.Kind == event.Progress {
		t.phase, t.done, t.total = clean(e.Phase), e.Done, e.Total
		t.amount = amount(e)
	}
	r.show()
}

// end takes a step off the row.
func (r *row) end(step string) {
	r.tasks = slices.DeleteFunc(r.tasks, func(t task) bool { return t.step == step })
	r.show()
}

func (r *row) idle() bool { return len(r.tasks) == 0 }

func (r *row) show() {
	shown := task{}
	if n := len(r.tasks); n > 0 {
		shown = r.tasks[n-1]
		shown.others = n - 1
	}
	r.shown.Store(&shown)
}

// filler returns what draws the row in one bar. Each has a meter of its own:
// meters have a state, and a bar that was dropped is drawn once more while the
// next one may be drawn already.
func (r *row) filler() mpb.BarFillerFunc {
	meter := r.style.Build()
	return func(w io.Writer, stat decor.Statistics) error {
		_, err := io.WriteString(w, r.draw(*r.shown.Load(), *r.widths.Load(), stat.AvailableWidth, meter))
		return err
	}
}

// draw returns a row of at most limit cells: architecture, step and phase,
// bar or message, amount, time. The narrower it gets, the fewer of them.
func (r *row) draw(t task, w widths, limit int, meter mpb.BarFiller) string {
	if t.step == "" {
		return truncate(pad(r.arch, w.arch)+"  waiting", limit)
	}
	label := join(" ", clean(t.step), t.phase)
	if t.others > 0 {
		label += fmt.Sprintf(" +%d", t.others)
	}
	time := clock(r.now().Sub(t.began))
	left, right := pad(r.arch, w.arch)+"  ", join("  ", padLeft(time, 5), t.amount)
	room := limit - width(left) - width(right) - 2
	switch {
	case room < 6: // time and amount tell more than a label's start
		return truncate(join("  ", r.arch, time, t.amount), limit)
	case room < width(label):
		return left + pad(truncate(label, room), room) + "  " + right
	}
	// Amounts get the same room in all rows, so that bars are of one length.
	tail := max(width(right), 7+13)
	for _, cells := range []int{w.label + 8, w.label} {
		padded := pad(label, cells)
		if bar := limit - width(left+padded) - 2 - 2 - tail; bar >= 8 {
			return left + padded + "  " + r.middle(t, min(bar, 40), meter) + "  " + right
		}
	}
	return left + pad(label, min(w.label+8, room)) + "  " + right
}

// middle is a bar if there is something to count, else the message.
func (r *row) middle(t task, room int, meter mpb.BarFiller) string {
	switch {
	case t.waiting:
		return r.screen.paint(yellow, pad(truncate(join(": ", "waiting", t.message), room), room))
	case t.total <= 0:
		return pad(truncate(t.message, room), room)
	}
	var b bytes.Buffer
	done := min(max(t.done, 0), t.total)
	stat := decor.Statistics{AvailableWidth: room, Total: int64(t.total), Current: int64(done), Completed: done == t.total}
	if err := meter.Fill(&b, stat); err != nil {
		return pad("", room)
	}
	return b.String()
}
