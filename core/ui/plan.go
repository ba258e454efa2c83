package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/mkmini/mkmini/core/event"
)

// PlanRow is one line of a plan; it is what the Plan event of a build holds.
type PlanRow = event.Step

// WritePlan writes a plan for people: a table of the steps and a count.
func WritePlan(w io.Writer, screen Screen, rows []PlanRow) error {
	columns := []column{
		{title: "#", right: true}, {title: "step"}, {title: "arch"},
		{title: "key"}, {title: "state"}, {title: "why"},
	}
	cached := 0
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = []string{
			strconv.Itoa(r.Number), clean(r.Step), orDash(r.Arch),
			orDash(short(r.Key)), string(r.State), clean(r.Why),
		}
		if r.State == event.StateCached {
			cached++
		}
	}
	lines := layout(columns, cells)
	lines[0] = screen.paint(bold, lines[0])
	for i, r := range rows {
		if r.State == event.StateCached {
			lines[i+1] = screen.paint(dim, lines[i+1])
		}
	}
	if _, err := io.WriteString(w, indent("", lines)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, %d cached\n", count(len(rows), "step"), cached)
	return err
}

// WritePlanJSON writes a plan as one line of JSON: the Plan event that a build
// of it begins with, without its time.
func WritePlanJSON(w io.Writer, rows []PlanRow) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(event.Event{Kind: event.Plan, Steps: rows})
}

func orDash(s string) string {
	if s = clean(s); s == "" {
		return "-"
	}
	return s
}
