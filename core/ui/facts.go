package ui

import (
	"io"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// WriteFacts writes what a probe found out: name, status and value of each
// fact, and what to do about it on a line of its own.
func WriteFacts(w io.Writer, screen Screen, facts []sdk.Fact) error {
	_, err := io.WriteString(w, indent("", factLines(screen, facts)))
	return err
}

func factLines(screen Screen, facts []sdk.Fact) []string {
	names, statuses := 0, 0
	for _, f := range facts {
		names = max(names, width(clean(f.Name)))
		statuses = max(statuses, width(clean(string(f.Status))))
	}
	var lines []string
	for _, f := range facts {
		name, status := clean(f.Name), clean(string(f.Status))
		line := pad(name, names) + "  "
		value := clean(f.Value)
		if value == "" {
			line += screen.paint(statusColor(f.Status), status)
		} else {
			line += screen.paint(statusColor(f.Status), pad(status, statuses)) + "  " + value
		}
		lines = append(lines, line)
		if remedy := clean(f.Remedy); remedy != "" {
			lines = append(lines, pad("", names+statuses+4)+remedy)
		}
	}
	return lines
}

func statusColor(s sdk.Status) color {
	switch s {
	case sdk.Warn:
		return yellow
	case sdk.Fail:
		return red
	case sdk.Skipped:
		return dim
	}
	return green
}
