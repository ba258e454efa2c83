package cli

import (
	"os"
	"strconv"

	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/config/settings"
)

// configure reads the user's settings, once, and puts them where neither the
// command line nor the environment says anything else.
func (a *app) configure() error {
	if a.configured {
		return nil
	}
	s, path, source, diags := settings.Load(os.Getenv)
	a.show(path, source)
	if diags.HasErrors() {
		return diags
	}
	if err := a.readChoices(); err != nil {
		return err
	}
	a.settings, a.configured = s, true
	if !a.flags.offlineGiven {
		a.flags.offline = s.Offline
	}
	return nil
}

// show makes a file's text known for messages.
func (a *app) show(path string, file *hcl.File) {
	if file == nil {
		return
	}
	if a.files == nil {
		a.files = sources{}
	}
	a.files[path] = file
}

// toggle is a flag that knows whether it was given.
type toggle struct{ value, given *bool }

// String returns the value.
func (t toggle) String() string {
	if t.value == nil {
		return "false"
	}
	return strconv.FormatBool(*t.value)
}

// Set takes what the command line says.
func (t toggle) Set(text string) error {
	v, err := strconv.ParseBool(text)
	if err == nil {
		*t.value, *t.given = v, true
	}
	return err
}

// Type is how cobra calls it.
func (t toggle) Type() string { return "bool" }
