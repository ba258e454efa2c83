package cli

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config/settings"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/sandbox"
)

// The variables that limit plugins, before the settings.
const (
	startVar     = "MKMINI_PLUGIN_START_TIMEOUT"
	heartbeatVar = "MKMINI_PLUGIN_HEARTBEAT"
	timeoutVar   = "MKMINI_PLUGIN_TIMEOUT"
	memoryVar    = "MKMINI_PLUGIN_MEMORY"
)

func (a *app) sandboxFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.flags.noSandbox, "no-sandbox", false, "let plugins and compilers write anywhere and use the network")
}

// limit sets what plugins are held to.
func (a *app) limit(opts *pluginhost.Options) error {
	l := a.settings.Plugins.Limits
	for _, one := range []struct {
		variable string
		set      time.Duration
		to       *time.Duration
	}{
		{startVar, l.Start, &opts.StartTimeout},
		{heartbeatVar, l.Heartbeat, &opts.Heartbeat},
		{timeoutVar, l.Timeout, &opts.Silence},
	} {
		given, err := variable(one.variable, settings.ParseDuration)
		if err != nil {
			return err
		}
		*one.to = cmp.Or(given, one.set)
	}
	memory, err := variable(memoryVar, settings.ParseMemory)
	if err != nil {
		return err
	}
	opts.Memory = cmp.Or(memory, l.Memory)
	opts.Sandbox = a.sandbox()
	return nil
}

// variable reads a variable of the environment; it is zero if it isn't set.
func variable[T any](name string, parse func(string) (T, error)) (value T, err error) {
	text := os.Getenv(name)
	if text == "" {
		return value, nil
	}
	if value, err = parse(text); err != nil {
		return value, &usageError{fmt.Sprintf("%s is %q: %s", name, text, err)}
	}
	return value, nil
}

// sandbox returns what confines plugins, nil if that is switched off.
func (a *app) sandbox() *sandbox.Sandbox {
	if a.flags.noSandbox || a.settings.Plugins.Limits.NoSandbox {
		return nil
	}
	return sandbox.Detect()
}
