package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/plugins/sdk/sdktest"
)

// TestContract holds the plugin to what mkmini expects of it.
func TestContract(t *testing.T) {
	dir, artifacts := sdktest.Exporter(t, plugin(), `{"title": "all files"}`)
	text, err := os.ReadFile(filepath.Join(dir, artifacts[0].Path))
	if err != nil || !strings.HasPrefix(string(text), "all files\nbin/\nbin/busybox\n") {
		t.Errorf("it wrote %q, %v", text, err)
	}
}

func TestValidate(t *testing.T) {
	err := exporter{}.Validate(t.Context(), sdk.ValidateRequest{Attributes: []byte(`{"title": "two\nlines"}`)})
	if err == nil {
		t.Error("a title of two lines is valid")
	}
}
