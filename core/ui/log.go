package ui

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/mkmini/mkmini/core/event"
)

// Handler is a slog.Handler that turns records into Log events, so that log
// lines and progress bars share one terminal in peace.
type Handler struct {
	sink event.Sink
	text slog.Handler
	buf  *lockedBuffer
}

var _ slog.Handler = (*Handler)(nil)

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

// NewHandler returns a Handler for records of the given level and above.
func NewHandler(sink event.Sink, level slog.Leveler) *Handler {
	buf := new(lockedBuffer)
	// The text handler writes the attributes; the event has the rest.
	text := slog.NewTextHandler(&buf.Buffer, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &Handler{sink: sink, text: text, buf: buf}
}

// Enabled says whether records of a level are wanted.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

// Handle sends a record as "message key=value …".
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.buf.Lock()
	h.buf.Reset()
	err := h.text.Handle(ctx, r)
	attrs := strings.TrimSpace(h.buf.String())
	h.buf.Unlock()
	if err != nil {
		return err
	}
	h.sink.Event(event.Event{
		Time:    r.Time,
		Kind:    event.Log,
		Level:   levelName(r.Level),
		Message: strings.TrimSpace(r.Message + " " + attrs),
	})
	return nil
}

// WithAttrs returns a Handler that adds attributes to every record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{sink: h.sink, text: h.text.WithAttrs(attrs), buf: h.buf}
}

// WithGroup returns a Handler that puts attributes into a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{sink: h.sink, text: h.text.WithGroup(name), buf: h.buf}
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}
