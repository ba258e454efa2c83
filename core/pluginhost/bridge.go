package pluginhost

import (
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// bridge returns a logger for go-plugin that writes to logger. All of it is
// for debugging: what users should know is in the errors. The level concerns
// the output, of which there is none; sinks get everything.
func bridge(logger *slog.Logger) hclog.Logger {
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
	log.RegisterSink(sink{logger})
	return log
}

// sink passes log records on.
type sink struct{ logger *slog.Logger }

var _ hclog.SinkAdapter = sink{}

// Accept implements hclog.SinkAdapter.
func (s sink) Accept(_ string, level hclog.Level, message string, args ...any) {
	if level >= hclog.Debug {
		s.logger.Debug(message, args...)
	}
}
