package cli

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// overridesVar names executables that are used in place of plugins that are
// installed: NAME=PATH, several with colons between them.
const overridesVar = "MKMINI_PLUGIN_OVERRIDES"

// systemPlugins are the folders of plugins for all users of a machine.
// Source: Filesystem Hierarchy Standard 3.0, 4.6 and 4.9.3.
var systemPlugins = [...]string{"/usr/local/lib/mkmini/plugins", "/usr/lib/mkmini/plugins"}

// pluginPlace is a folder that plugins are looked for in, and whose it is.
type pluginPlace struct{ whose, dir string }

// The owners of places.
const (
	ofOverride = "override"
	ofConfig   = "configuration"
	ofUser     = "user"
	ofSystem   = "system"
	ofBundle   = "bundle"
	ofMkmini   = "built in"
	ofPath     = "PATH"
)

// configPlugins is the folder of plugins of a configuration's folder.
func configPlugins(dir string) string { return filepath.Join(dir, ".mkmini", "plugins") }

// userPlugins is the folder of the user's plugins, or "" if there is no home.
func userPlugins() string {
	data := dataDir()
	if data == "" {
		return ""
	}
	return filepath.Join(data, "mkmini", "plugins")
}

// pluginPlaces returns the folders of plugins in the order in which they count.
func pluginPlaces(st *store.Store, dir string) []pluginPlace {
	all := []pluginPlace{{ofConfig, configPlugins(dir)}}
	if user := userPlugins(); user != "" {
		all = append(all, pluginPlace{ofUser, user})
	}
	for _, dir := range systemPlugins {
		all = append(all, pluginPlace{ofSystem, dir})
	}
	return append(all, pluginPlace{ofBundle, st.Sub(bundle.PluginDir)})
}

// overrides returns the executables that stand for plugins: those of the
// settings, and before them those of the environment.
func (a *app) overrides() (map[string]string, error) {
	all := maps.Clone(a.settings.Plugins.Overrides)
	if all == nil {
		all = map[string]string{}
	}
	for _, one := range filepath.SplitList(os.Getenv("MKMINI_PLUGIN_OVERRIDES")) {
		if one == "" {
			continue
		}
		name, path, ok := strings.Cut(one, "=")
		if !ok || name == "" || path == "" {
			return nil, &usageError{fmt.Sprintf("%s has %q: write NAME=PATH, several with colons between them", overridesVar, one)}
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("find the override of %s: %w", name, err)
		}
		all[name] = abs
	}
	return all, nil
}

// host knows the plugins: overrides, those of the configuration's folder, the
// user's, the system's, those of bundles, those that mkmini itself serves, and
// those of PATH if they are asked for. They have to be what the lock in that
// folder names.
func (a *app) host(st *store.Store, dir string, logger *slog.Logger) (*pluginhost.Host, error) {
	lock, err := a.loadLock()
	if err != nil {
		return nil, err
	}
	return a.pinnedHost(st, dir, logger, a.pins(lock, always))
}

// pinnedHost is host with what plugins have to be.
func (a *app) pinnedHost(st *store.Store, dir string, logger *slog.Logger, pins map[string]pluginhost.Pin) (*pluginhost.Host, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find mkmini's own executable: %w", err)
	}
	overrides, err := a.overrides()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, p := range pluginPlaces(st, dir) {
		dirs = append(dirs, p.dir)
	}
	attached, err := sdk.ParseReattach(os.Getenv("MKMINI_REATTACH_PLUGINS"))
	if err != nil {
		return nil, &usageError{fmt.Sprintf("MKMINI_REATTACH_PLUGINS: %s", err)}
	}
	opts := pluginhost.Options{
		Attached: attached, Builtins: a.Builtins, Self: self, Overrides: overrides, Dirs: dirs, Pins: pins,
		Path: a.flags.fromPath || a.settings.Plugins.FromPath, CacheDir: st.Sub("plugins"), Logger: logger,
	}
	if err := a.limit(&opts); err != nil {
		return nil, err
	}
	return pluginhost.New(opts), nil
}

// warnOverride says that a plugin is not the one that is installed.
func (a *app) warnOverride(found *pluginhost.Found) {
	a.printer().warn(hcl.Diagnostics{{
		Severity: hcl.DiagWarning, Summary: fmt.Sprintf("Plugin %q is overridden", found.Name),
		Detail: fmt.Sprintf("%s is used in place of what is installed, and is not held against the lock. The override is in %s or in the settings.",
			found.Path, overridesVar),
	}})
}
