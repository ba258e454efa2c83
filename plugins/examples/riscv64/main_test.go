package main

import (
	"testing"

	"github.com/mkmini/mkmini/plugins/sdk/sdktest"
)

// TestContract holds the plugin to what mkmini expects of it.
func TestContract(t *testing.T) { sdktest.Toolchain(t, plugin()) }
