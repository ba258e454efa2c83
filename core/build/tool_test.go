package build

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/plan"
	"github.com/mkmini/mkmini/core/testenv"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// TestTools looks for the tools of an exporter, and has them change.
func TestTools(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	job := Job{
		Config: &config.Config{Exports: []config.Export{{Plugin: "p", Attributes: map[string]json.RawMessage{
			"a": json.RawMessage(`{"format":"x"}`), "b": json.RawMessage(`{"format":"y"}`),
		}}}},
		Plugins: map[string]plan.Plugin{"p": {Exporter: &sdk.ExporterInfo{Tools: []sdk.Tool{{
			Attribute: "format", Values: []string{"x"},
			Programs: []sdk.Program{{Name: "best", Package: "best-tools"}, {Name: "good"}},
		}}}}},
	}
	look := func() (plan.Part, error) {
		t.Helper()
		parts, missing, err := tools(job)
		if err != nil || len(parts) != 1 || len(parts[0]["a"]) != 1 || len(parts[0]["b"]) != 0 {
			t.Fatal(parts, err)
		}
		return parts[0]["a"][0], missing
	}
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	part, err := look()
	if err == nil || !strings.Contains(err.Error(), "Tool missing") || part != (plan.Part{Name: "the tool best or good", Value: absent}) {
		t.Error(part, err)
	}
	remedy := func() string {
		t.Helper()
		_, err := look()
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			t.Fatal(err)
		}
		return f.Remedy
	}
	for _, manager := range []struct{ name, want string }{
		{"", "Install the package that Debian calls best-tools, or choose another format."},
		{"apk", "Install with apk the package that Debian calls best-tools, or choose another format."},
		{"apt", "Install the Debian package best-tools (`apt install best-tools`), or choose another format."},
	} {
		if manager.name != "" {
			put(manager.name, "#!/bin/sh\n")
		}
		if got := remedy(); got != manager.want {
			t.Errorf("with %s: %s", manager.name, got)
		}
	}
	put("good", "#!/bin/sh\n")
	first, err := look()
	if err != nil || first.Name != "the tool good" {
		t.Error(first, err)
	}
	put("good", "#!/bin/sh\n# newer\n")
	if second, _ := look(); second.Value == first.Value {
		t.Error("another tool has the same fingerprint")
	}
	put("best", "#!/bin/sh\n")
	if third, _ := look(); third.Name != "the tool best" {
		t.Error(third)
	}
}

// TestFingerprint counts libraries too.
func TestFingerprint(t *testing.T) {
	path := testenv.Tool(t, "tar2sqfs", "squashfs-tools-ng")
	digests := map[string]string{}
	if _, err := fingerprint(path, digests); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range digests {
		names = append(names, filepath.Base(name))
	}
	if all := strings.Join(names, " "); !strings.Contains(all, "tar2sqfs") || !strings.Contains(all, "libz.so") {
		t.Errorf("only %s count", all)
	}
}
