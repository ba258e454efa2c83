package ui

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mkmini/mkmini/core/event"
)

// lines is the view for programs: each event is one line of JSON, written at
// once.
type lines struct{ out *writer }

func (l *lines) event(e event.Event, _ *tally) {
	e.Artifacts = slices.Clone(e.Artifacts)
	for i := range e.Artifacts {
		e.Artifacts[i].Run = Commands(e.Artifacts[i])
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		if l.out.failed == nil {
			l.out.failed = err
		}
		return
	}
	l.out.text(line.String())
}

func (l *lines) close() {}
