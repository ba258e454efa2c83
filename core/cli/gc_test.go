package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mkmini/mkmini/core/store"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0d": 0, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "2w": 336 * time.Hour,
	} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-1h", "1.5d", "999999w", "30", "1y", "1dd"} {
		if got, err := parseAge(text); exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

// TestGCWaits has somebody at work in the store, and a user who gives up.
func TestGCWaits(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("MKMINI_CONFIG", os.DevNull)
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	release, err := st.Use(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(st.Sub("tmp"), "busybox-1.1")
	if err := os.Mkdir(left, 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// said is written to by the command alone, and read when it has ended.
	var said bytes.Buffer
	told := writerFunc(func(p []byte) (int, error) {
		cancel()
		return said.Write(p)
	})
	code := Run(ctx, Program{Streams: Streams{Out: &said, Err: told}}, []string{"gc", "--store", dir, "--older", "0d"})
	if code != exitCancelled || !strings.Contains(said.String(), "another mkmini works with the store") {
		t.Errorf("exit code %d, said %q", code, said.String())
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("something was removed: %v", err)
	}
	release()
	if code, stdout, stderr := run(t, "gc", "--store", dir, "--older", "0d"); code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("nothing was removed")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
