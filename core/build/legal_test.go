package build_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/fault"
)

// TestLegalIsCompleteOrAnError asks for the sources of a system whose source
// has no licence: what was built must not be handed out without one.
func TestLegalIsCompleteOrAnError(t *testing.T) {
	w := newWorld(t)
	_, err := w.builder.Legal(t.Context(), w.job, build.LegalOptions{})
	var f *fault.Error
	if !errors.As(err, &f) || !strings.Contains(f.Summary, "No licence") || f.Remedy == "" {
		t.Fatalf("got %v", err)
	}
	for _, did := range w.did() {
		if strings.HasPrefix(did, "export") {
			t.Errorf("it did %s", did)
		}
	}
	w.licence = "GPL\n"
	w.job.Config.Targets[0].Busybox.SHA256, w.job.Config.Targets[1].Busybox.SHA256 = strings.Repeat("b", 64), strings.Repeat("b", 64)
	_, err = w.builder.Legal(t.Context(), w.job, build.LegalOptions{})
	if !errors.As(err, &f) || !strings.Contains(f.Summary, "No configuration") {
		t.Errorf("got %v", err)
	}
}
