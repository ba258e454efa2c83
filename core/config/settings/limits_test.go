package settings_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/config/settings"
)

func TestLimits(t *testing.T) {
	for text, want := range map[string]settings.Limits{
		"":                     {},
		"sandbox = true":       {},
		"sandbox = false":      {NoSandbox: true},
		`start_timeout = "1m"`: {Start: time.Minute},
		`heartbeat = "5s"`:     {Heartbeat: 5 * time.Second},
		`timeout = "1h30m"`:    {Timeout: 90 * time.Minute},
		`memory = "512MiB"`:    {Memory: 512 << 20},
		`memory = "2 GiB"`:     {Memory: 2 << 30},
	} {
		got, _, diags := settings.Parse([]byte("plugins {\n"+text+"\n}\n"), "config.hcl", "/etc", "")
		if diags.HasErrors() {
			t.Errorf("%s: %v", text, diags)
		}
		if diff := cmp.Diff(want, got.Plugins.Limits); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// FuzzParseMemory reads what users write.
func FuzzParseMemory(f *testing.F) {
	for _, text := range []string{"16MiB", "2GiB", "15MiB", "", "GiB", "-1GiB", "9999999999999GiB", "1.5GiB", "1GB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := settings.ParseMemory(text); (err == nil) != (n >= 16<<20 && n < 1<<63) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	})
}
